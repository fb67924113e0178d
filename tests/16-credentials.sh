# Credentials of the configuration: who gets them, and who does not.
# shellcheck shell=bash

TOKEN=s3crettoken

# credentials DOMAIN TYPE JSON
credentials() {
	mkdir -p "$CONFIG/auth.d"
	printf '{"rktKind":"auth","rktVersion":"v1","domains":["%s"],"type":"%s","credentials":%s}' "$@" \
		>"$CONFIG/auth.d/$1.json"
	chmod 0600 "$CONFIG/auth.d/$1.json"
}

# private: a server at 443, 80 and, as another origin, 8444; image, key and discovery page on it.
private() {
	serve 8444="$FIX/tls/good.pem"
	publish example.com/shell "$FIX/shell.aci"
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
}

# count PORT HOST TEXT: how many requests went there with TEXT in their Authorization ("": any or none).
count() {
	python3 - "$T/requests" "$@" <<-'END'
		import json, sys
		file, port, host, what = sys.argv[1:]
		lines = [json.loads(line) for line in open(file)]
		print(sum(l["port"] == int(port) and l["headers"].get("Host", "").split(":")[0] == host
		          and what in l["headers"].get("Authorization", "") for l in lines))
	END
}

gets_them() { [ "$(count "$1" "$2" "$TOKEN")" -gt 0 ] || fail "$2:$1 got no credentials"; }
gets_none() {
	[ "$(count "$1" "$2" "")" -gt 0 ] || fail "$2:$1 was not asked at all"
	equal 0 "$(count "$1" "$2" "$TOKEN")" "number of requests to $2:$1 with credentials"
}

test_every_request_has_them() {
	private
	credentials example.com oauth "{\"token\":\"$TOKEN\"}"
	ok rkt fetch example.com/shell:1.0.0
	requests | grep -q discovery=1
	equal "$(count 443 example.com "")" "$(count 443 example.com "Bearer $TOKEN")" "number of requests"
	: >"$T/requests"
	ok rkt trust --skip-fingerprint-review --prefix=example.com/other
	requests | grep -q keys/alice.asc
	equal "$(count 443 example.com "")" "$(count 443 example.com "Bearer $TOKEN")" "number of requests for keys"
}

test_not_over_http() {
	private
	credentials example.com oauth "{\"token\":\"$TOKEN\"}"
	ok rkt fetch http://example.com/files/shell.aci
	gets_none 80 example.com
	: >"$T/requests"
	try rkt --insecure-options=http fetch https://example.com/fault/http/files/shell.aci
	gets_them 443 example.com
	gets_none 80 example.com
}

# An origin is scheme, host and port; each step of a redirect is looked at by itself.
test_redirect_to_another_port() {
	private
	credentials example.com oauth "{\"token\":\"$TOKEN\"}"
	ok rkt fetch https://example.com/fault/to-8444/files/shell.aci
	gets_them 443 example.com
	gets_none 8444 example.com
}

test_redirect_to_another_host() {
	private
	credentials www.example.com oauth "{\"token\":\"$TOKEN\"}"
	ok rkt fetch https://www.example.com/fault/to-example.com/files/shell.aci
	gets_them 443 www.example.com
	gets_none 443 example.com
}

test_redirect_back() {
	private
	credentials example.com:8444 oauth "{\"token\":\"$TOKEN\"}"
	ok rkt fetch https://example.com/fault/to-8444/files/shell.aci
	gets_none 443 example.com
	gets_them 8444 example.com
}

test_each_host_its_own() {
	private
	credentials example.com oauth '{"token":"another"}'
	credentials www.example.com oauth "{\"token\":\"$TOKEN\"}"
	ok rkt fetch https://www.example.com/fault/to-example.com/files/shell.aci
	gets_them 443 www.example.com
	equal 0 "$(count 443 www.example.com another)" "number of requests with the other token"
	equal "$(count 443 example.com "")" "$(count 443 example.com "Bearer another")" "number of requests"
}

test_aws_signs_each_request() {
	private
	credentials example.com aws "{\"accessKeyID\":\"KEYID\",\"secretAccessKey\":\"$TOKEN\",\"awsRegion\":\"eu-west-1\"}"
	ok rkt --debug fetch https://example.com/files/shell.aci
	requests | grep -q 'AWS4-HMAC-SHA256 Credential=KEYID/[0-9]*/eu-west-1/s3/aws4_request' || fail "nothing is signed"
	! requests | grep -q "$TOKEN" || fail "the secret was sent"
	! grep -q -e "$TOKEN" -e Signature= "$T/out" "$T/err" || fail "the secret is shown"
}

# Neither in what is told, nor in arguments, environment or the store, also when it fails.
test_shown_to_nobody() {
	local p pid basic

	private
	credentials example.com basic "{\"user\":\"someone\",\"password\":\"$TOKEN\"}"
	basic=$(printf 'someone:%s' "$TOKEN" | base64)
	exits 254 rkt --debug fetch https://example.com/fault/500/files/shell.aci
	! grep -q -e "$TOKEN" -e "$basic" "$T/out" "$T/err" || fail "the password is shown"
	rkt --debug fetch https://example.com/fault/stall:.aci/files/shell.aci >"$T/out" 2>"$T/err" &
	pid=$!	# "$!" changes with every substituted process
	until_true 10 grep -q 'stall.*aci"' "$T/requests" || fail "the image was never asked for"
	requests | grep -q "Basic $basic" || fail "the server never got the credentials"
	while read -r p; do
		p=${p%/status}
		! cat "$p/cmdline" "$p/environ" | grep -a -q -e "$TOKEN" -e "$basic" || fail "$p shows the password"
	done < <(grep -l '^Name:.rkt' /proc/[0-9]*/status)
	kill "$pid"
	wait "$pid" || true
	! grep -rq -e "$TOKEN" -e "$basic" "$DATA" "$T/out" "$T/err" || fail "the password is kept or shown"
}

test_file_that_all_may_read() {
	private
	credentials example.com oauth "{\"token\":\"$TOKEN\"}"
	chmod 0644 "$CONFIG/auth.d/example.com.json"
	ok rkt fetch example.com/shell:1.0.0
	complains 'warning: everybody may read the credentials in ".*auth\.d/example\.com\.json"'
}
