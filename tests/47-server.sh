# Servers that misbehave.
# shellcheck shell=bash

# published FAULT [EXTENSION]: a signed image behind a fault; sets $url.
published() {
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	url=https://example.com/fault/$1${2:+:$2}/files/shell.aci
}

# patience SECONDS: so long may a server be silent, and no wait between two tries is longer.
patience() {
	mkdir -p "$CONFIG/limits.d"
	printf '{"rktKind":"limits","rktVersion":"v1","stall-seconds":%s}' "$1" >"$CONFIG/limits.d/patience.json"
}

fault() {	# REGEX FAULT [EXTENSION]
	serve
	patience "${PATIENCE:-2}"
	trust_key alice example.com
	published "$2" "${3:-.aci}"
	refused "$1" rkt fetch "$url"
	nothing_stored
	[ "${3:-}" ] || { published "$2" .asc; refused '.' rkt fetch "$url"; nothing_stored; }
}

test_cut() { fault '.' cut; }
test_promises_more() { fault '.' short; }
test_promises_less() { fault '.' overlong; }
test_cut_chunks() { fault '.' cutchunks; }
test_not_modified_unasked() { fault '304' 304; }
test_not_found() { fault '404' 404 .aci; }
test_no_signature_there() { fault 'signature|404' 404 .asc; }
test_server_error() { fault '500' 500; }
test_deferred_for_ever() { fault '.' 202; }
test_redirect_loop() { fault 'redirect' loop; }
test_redirect_to_http() { fault 'http' http; }
test_redirect_to_http_and_back() { fault 'http' downgrade; }
test_header_without_end() { fault '.' headers; }

test_stall() { PATIENCE=1 fault 'too slow or silent' stall .aci; }
test_trickle() { PATIENCE=1 fault 'too slow or silent' trickle .aci; }

test_endless() {
	fault '.' endless .asc
	rm -rf "$DATA"
	mkdir "$DATA"
	mount -t tmpfs -o size=100m,mode=0755 none "$DATA"
	published endless .aci
	refused '.' rkt fetch "$url"
	nothing_stored
	umount "$DATA"
}

test_deferred_once() {
	serve
	trust_key alice example.com
	published later .asc
	ok rkt fetch "$url"
}

test_other_bytes_the_second_time() {
	serve
	trust_key alice example.com
	published swap
	cp "$FIX/probe.aci" "$T/www/files/shell.aci.other"
	cp "$FIX/probe.aci.asc" "$T/www/files/shell.aci.asc.other"
	try rkt fetch --full "$url"
	[ "$rc" = 254 ] || equal "$(image_id "$FIX/shell.aci")" "$out" "what was stored"
}

test_certificates() {
	local port

	serve
	trust_key alice example.com
	published ok
	for port in 8441 8442 8443; do
		refused 'certificate|SSL|TLS' rkt fetch "https://example.com:$port/files/shell.aci"
		refused '.' rkt trust --skip-fingerprint-review --prefix=example.com "https://example.com:$port/keys/alice.asc"
		nothing_stored
	done
	ok rkt --insecure-options=tls fetch https://example.com:8441/files/shell.aci
	complains 'TLS verification has been disabled'
}

# Without the option, discovery never falls back to plain HTTP.
test_discovery_is_https() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	printf '127.0.0.1 localhost plain.example.net\n' >"$T/hosts"
	sed -i 's,example.com ,plain.example.net ,' "$T/www/index.html"
	refused 'discovery failed|plain\.example\.net' rkt fetch plain.example.net/shell:1.0.0
	! requests | grep -q '"port": 80,' || fail "it asked over plain HTTP"
	nothing_stored
}

test_discovery_without_tags() {
	serve
	mkdir -p "$T/www"
	echo '<html><body>nothing here</body></html>' >"$T/www/index.html"
	refused 'discovery failed' rkt fetch example.com/shell
	head -c 5000000 /dev/zero | tr '\0' '<' >"$T/www/index.html"
	refused '.' rkt fetch example.com/shell
	nothing_stored
}

# A tag's prefix ends at a component as well.
test_discovery_prefix_is_whole_components() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	sed -i 's,content="example.com ,content="example.com/sh ,' "$T/www/index.html"
	refused 'discovery failed' rkt fetch example.com/shell:1.0.0
	nothing_stored
}

test_no_such_host() {
	serve
	refused 'nowhere\.invalid' rkt --insecure-options=image fetch https://nowhere.invalid/x.aci
	refused '.' rkt --insecure-options=image fetch https://example.com:1/x.aci
	nothing_stored
}

# Credentials of one host reach no other, nor any over plain HTTP.
test_credentials_stay() {
	serve
	mkdir -p "$CONFIG/auth.d"
	printf '{"rktKind":"auth","rktVersion":"v1","domains":["example.com"],"type":"oauth","credentials":{"token":"s3crettoken"}}' \
		>"$CONFIG/auth.d/a.json"
	chmod 0600 "$CONFIG/auth.d/a.json"
	trust_key alice example.com
	published ok
	try rkt fetch https://example.com/fault/http/files/shell.aci
	try rkt fetch https://other.example.org/files/shell.aci
	! requests | grep -e '"port": 80,' -e 'other.example.org' | grep -q s3crettoken || fail "the token went elsewhere"
}
