# Trusted keys.
# shellcheck shell=bash

test_file_for_a_prefix() {
	ok rkt trust --skip-fingerprint-review --prefix=example.com/app "$FIX/keys/alice.asc"
	says '^Trusting ".*alice\.asc" for prefix "example\.com/app" without fingerprint review\.$'
	says '^Added key for prefix "example\.com/app" at ".*/trustedkeys/prefix\.d/example\.com/app/[0-9a-f]{40}"$'
	cmp "$FIX/keys/alice.asc" "$CONFIG/trustedkeys/prefix.d/example.com/app/$(fingerprint alice)" || fail "other bytes stored"
	equal "644 root:root" "$(stat -c '%a %U:%G' "$CONFIG/trustedkeys/prefix.d/example.com/app/$(fingerprint alice)")" "mode of the key"
	equal 755 "$(stat -c %a "$CONFIG/trustedkeys/prefix.d/example.com")" "mode of the directory"
}

test_umask_does_not_matter() {
	(umask 077 && rkt trust --skip-fingerprint-review --root "$FIX/keys/alice.asc" >/dev/null)
	equal 644 "$(stat -c %a "$CONFIG/trustedkeys/root.d/$(fingerprint alice)")" "mode of the key"
	equal 755 "$(stat -c %a "$CONFIG/trustedkeys/root.d")" "mode of the directory"
}

test_root_key() {
	ok rkt trust --skip-fingerprint-review --root "$FIX/keys/alice.asc"
	says '^Added root key at ".*/root\.d/[0-9a-f]{40}"$'
	ok rkt fetch "$FIX/shell.aci"
}

test_elliptic_key() {
	cp "$FIX/shell.aci" "$T/"
	sign "$T/shell.aci" carol
	trust_key carol example.com
	ok rkt fetch "$T/shell.aci"
}

test_dialogue_yes() {
	ok python3 "$LIB/terminal.py" "expect=gpg key fingerprint is:" "expect=(yes/no)?" "send=maybe\n" "expect='yes' or 'no'" \
		"send=yes\n" -- "$RKT" --dir="$DATA" --local-config="$CONFIG" trust --prefix=example.com "$FIX/keys/alice.asc"
	says 'prefix: "example\.com"'
	says 'Alice|alice@example\.com'
	says 'Trusting .* after fingerprint review'
	local fpr
	fpr=$(fingerprint alice | tr a-f A-F)
	says "${fpr:0:4} ${fpr:4:4} ${fpr:8:4} ${fpr:12:4} ${fpr:16:4}  ${fpr:20:4}"
	[ -s "$CONFIG/trustedkeys/prefix.d/example.com/$(fingerprint alice)" ] || fail "the key was not stored"
}

test_dialogue_no() {
	exits 254 python3 "$LIB/terminal.py" "expect=(yes/no)?" "send=no\n" -- \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" trust --prefix=example.com "$FIX/keys/alice.asc"
	says 'not trusting'
	[ ! -e "$CONFIG/trustedkeys/prefix.d/example.com/$(fingerprint alice)" ] || fail "the key was stored"
}

test_no_terminal() {
	exits 254 rkt trust --prefix=example.com "$FIX/keys/alice.asc"
	complains 'lack of tty'
	complains '--skip-fingerprint-review'
	! grep -- --trust-keys-from-https "$T/err" || fail "recommends what does not help with a file"
	[ ! -e "$CONFIG/trustedkeys" ] || [ -z "$(find "$CONFIG/trustedkeys" -type f)" ] || fail "the key was stored"
}

test_prefix_with_a_tag() {
	refused 'omit :1\.0$' rkt trust --skip-fingerprint-review --prefix=quay.io/org:1.0 "$FIX/keys/alice.asc"
	refused 'omit @sha256:00$' rkt trust --skip-fingerprint-review --prefix=localhost:5000/app@sha256:00 "$FIX/keys/alice.asc"
	refused 'ACIdentifier' rkt trust --skip-fingerprint-review --prefix=quay.io/Org "$FIX/keys/alice.asc"
}

test_unbounded() {
	exits 254 rkt trust --skip-fingerprint-review "$FIX/keys/alice.asc"
	complains 'implicit unbounded trust'
	exits 254 rkt trust
	refused 'mutually exclusive' rkt trust --root --prefix=example.com "$FIX/keys/alice.asc"
	refused 'must not contain a URL scheme' rkt trust --prefix=https://example.com "$FIX/keys/alice.asc"
	refused 'empty prefix|no keys|key location' rkt trust --root
}

test_bad_prefix() {
	local prefix

	for prefix in ../x Example.com a//b /etc 'a b' example.com/; do
		refused '.' rkt trust --skip-fingerprint-review --prefix="$prefix" "$FIX/keys/alice.asc"
	done
	[ -z "$(find "$CONFIG" -type f)" ] || fail "a key was stored"
}

test_not_a_key() {
	echo 'no key at all' >"$T/nokey"
	refused '.' rkt trust --skip-fingerprint-review --root "$T/nokey"
	: >"$T/empty"
	refused '.' rkt trust --skip-fingerprint-review --root "$T/empty"
	refused 'nothing' rkt trust --skip-fingerprint-review --root "$T/nothing"
	mkdir "$T/directory"
	refused '.' rkt trust --skip-fingerprint-review --root "$T/directory"
	refused '.' rkt trust --skip-fingerprint-review --root ftp://example.com/key
	[ -z "$(find "$CONFIG" -type f)" ] || fail "a key was stored"
}

# What is secret stays so: a secret key is no public key.
test_secret_key_is_refused() {
	pgp --armor --export-secret-keys alice@example.com >"$T/secret.asc"
	refused '.' rkt trust --skip-fingerprint-review --root "$T/secret.asc"
	! grep -rq 'PRIVATE KEY' "$CONFIG" || fail "a secret key was stored"
}

test_discovery() {
	serve
	discovery_page example.com
	ok rkt trust --skip-fingerprint-review --prefix=example.com/app
	says 'Added key for prefix "example\.com/app"'
	[ -s "$CONFIG/trustedkeys/prefix.d/example.com/app/$(fingerprint alice)" ] || fail "the key was not stored"
}

test_discovery_without_keys() {
	serve
	echo '<html><head></head></html>' >"$T/www/index.html"
	refused 'nokeys\.example\.net' rkt trust --skip-fingerprint-review --prefix=nokeys.example.net
}

test_url() {
	serve
	discovery_page example.com
	ok rkt trust --skip-fingerprint-review --prefix=example.com https://example.com/keys/alice.asc
	refused 'insecure-allow-http' rkt trust --skip-fingerprint-review --prefix=example.com http://example.com/keys/alice.asc
	ok rkt trust --skip-fingerprint-review --insecure-allow-http --prefix=example.com http://example.com/keys/alice.asc
	refused '404|not found' rkt trust --skip-fingerprint-review --prefix=example.com https://example.com/keys/none.asc
}

# An empty file of the administrator takes a vendor's key out of use.
test_mask() {
	mkdir -p "$VENDOR/trustedkeys/root.d"
	cp "$FIX/keys/alice.asc" "$VENDOR/trustedkeys/root.d/$(fingerprint alice)"
	ok rkt fetch "$FIX/shell.aci"
	ok rkt image rm example.com/shell
	mkdir -p "$CONFIG/trustedkeys/root.d"
	: >"$CONFIG/trustedkeys/root.d/$(fingerprint alice)"
	refused '.' rkt fetch "$FIX/shell.aci"
	nothing_stored
}

test_misnamed_key() {
	mkdir -p "$CONFIG/trustedkeys/root.d"
	cp "$FIX/keys/alice.asc" "$CONFIG/trustedkeys/root.d/$(fingerprint mallory)"
	refused 'fingerprint mismatch' rkt fetch "$FIX/shell.aci"
	nothing_stored
}

# A key that is taken away no longer vouches for what it signed before.
test_revoked_trust() {
	have probe
	exits 3 rkt run --net=none example.com/probe --exec=/bin/probe -- exit 3
	rm "$CONFIG/trustedkeys/prefix.d/example.com/$(fingerprint alice)"
	refused '.' rkt run --net=none --pull-policy=never example.com/probe --exec=/bin/probe -- exit 3
	exits 3 rkt --insecure-options=image run --net=none --pull-policy=never example.com/probe --exec=/bin/probe -- exit 3
}
