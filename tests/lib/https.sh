# https.sh: an HTTPS server with a certificate of an authority of our own, inside the test's network namespace.
# shellcheck shell=bash

# hosts_of_test: a hosts file of our own, in this test's mount namespace only.
hosts_of_test() {
	[ ! -e "$T/hosts" ] || return 0
	printf '127.0.0.1 localhost example.com www.example.com other.example.org nokeys.example.net\n' >"$T/hosts"
	if [ -e /etc/hosts ]; then
		mount --bind "$T/hosts" /etc/hosts
	else
		cp -a /etc "$T/etc.copy"
		cp "$T/hosts" "$T/etc.copy/hosts"
		mount --bind "$T/etc.copy" /etc
	fi
	snapshot >"$T/before" 2>/dev/null
}

# serve [OPTIONS of server.py]: serves $T/www on ports 443 (TLS) and 80 (plain) as example.com and other names;
# requests are logged in $T/requests. Bad certificates: 8441 self-signed, 8442 for another host, 8443 expired.
serve() {
	mkdir -p "$T/www"
	hosts_of_test
	export SSL_CERT_FILE=$FIX/tls/ca.pem
	python3 "$LIB/server.py" --root "$T/www" --log "$T/requests" --ready "$T/ready" \
		443="$FIX/tls/good.pem" 80 8441="$FIX/tls/self.pem" 8442="$FIX/tls/wronghost.pem" \
		8443="$FIX/tls/expired.pem" "$@" 2>"$T/server.err" &
	until_true 10 test -e "$T/ready" || { cat "$T/server.err"; fail "the server did not start"; }
}

# publish IMAGE-NAME FILE [VERSION]: FILE and FILE.asc under the discovery template, and the page with the tags.
publish() {
	local to=$T/www/images/$1-${3:-1.0.0}-linux-amd64

	mkdir -p "$(dirname "$to")"
	cp "$2" "$to.aci"
	[ ! -e "$2.asc" ] || cp "$2.asc" "$to.aci.asc"
	discovery_page "${1%%/*}"
}

# discovery_page PREFIX [URL-START]: the page of every path of the host.
discovery_page() {
	mkdir -p "$T/www/keys"
	cp "$FIX/keys/alice.asc" "$T/www/keys/"
	cat >"$T/www/index.html" <<-END
		<!DOCTYPE html><html><head><title>images</title>
		<meta name="ac-discovery" content="$1 ${2:-https://example.com/images}/{name}-{version}-{os}-{arch}.{ext}">
		<meta name="ac-discovery-pubkeys" content="$1 https://example.com/keys/alice.asc">
		</head><body>Images</body></html>
	END
}

requests() { cat "$T/requests"; }
