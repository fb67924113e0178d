# Trust for images of registries: keys of cosign, and what is accepted unsigned.
# shellcheck shell=bash disable=SC2154

ACCEPT=(rkt trust --accept-unsigned --skip-fingerprint-review)

test_key_for_a_prefix() {
	cosign_key a
	ok rkt trust --skip-fingerprint-review --prefix=quay.io/org "$T/a.pub"
	says "^cosign key fingerprint is: ${key#cosign-}\$"
	says '^Trusting ".*/a\.pub" for prefix "quay\.io/org" without fingerprint review\.$'
	cmp "$T/a.pub" "$CONFIG/trustedkeys/cosign.d/prefix.d/quay.io/org/$key.PEM" || fail "other bytes stored"
	equal 644 "$(stat -c %a "$CONFIG/trustedkeys/cosign.d/prefix.d/quay.io/org/$key.PEM")" "mode of the key"
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
	says "^Added root key at \".*/cosign\.d/root\.d/$key\.PEM\"\$"
	[ ! -e "$CONFIG/trustedkeys/prefix.d" ] || fail "it lies where rkt 1.30 looks"
}

test_dialogue() {
	cosign_key a
	ok python3 "$LIB/terminal.py" "expect=cosign key fingerprint is: ${key#cosign-}" "expect=(yes/no)?" "send=yes\n" -- \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" trust --prefix=quay.io/org "$T/a.pub"
	says 'Trusting .* after fingerprint review'
	try python3 "$LIB/terminal.py" "expect=(yes/no)?" "send=no\n" -- \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" trust --root "$T/a.pub"
	says 'not trusting'
	[ ! -e "$CONFIG/trustedkeys/cosign.d/root.d/$key.PEM" ] || fail "the key was stored"
	exits 254 rkt trust --root "$T/a.pub"
	complains 'lack of tty'
}

test_key_behind_https() {
	serve
	cosign_key a
	cp "$T/a.pub" "$T/www/cosign.pub"
	ok rkt trust --skip-fingerprint-review --prefix=example.com/app https://example.com/cosign.pub
	says "Added key for prefix .*/$key\.PEM"
	refused 'insecure-allow-http' rkt trust --skip-fingerprint-review --prefix=example.com/app http://example.com/cosign.pub
}

test_what_is_no_public_key() {
	local file

	cosign_key a
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 2>/dev/null | openssl pkey -pubout -out "$T/weak.pub"
	openssl req -x509 -key "$T/a.key" -subj /CN=a -days 1 -out "$T/certificate.pub" 2>/dev/null
	cat "$T/a.pub" "$T/a.pub" >"$T/two.pub"
	for file in a.key weak.pub certificate.pub two.pub; do
		refused 'public key' rkt trust --skip-fingerprint-review --root "$T/$file"
	done
	[ -z "$(find "$CONFIG" -type f)" ] || fail "something was stored"
}

# A prefix is written as the images are.
test_prefixes() {
	cosign_key a
	ok rkt trust --skip-fingerprint-review --prefix=docker.io/library "$T/a.pub"
	says 'for prefix "registry-1\.docker\.io/library"'
	ok rkt trust --skip-fingerprint-review --prefix=localhost:5000/my__app "$T/a.pub"
	says 'for prefix "localhost_5000/my~2_app"'
	# A user's images are below one name, those of Docker's own library below two.
	for prefix in docker.io docker.io/library docker.io/library/busybox docker.io/user/app quay.io/busybox docker.iox/busybox; do
		ok rkt trust --skip-fingerprint-review --prefix=$prefix "$T/a.pub"
		if grep -q 'Docker Hub' "$T/err"; then fail "there is nothing to tell of $prefix"; fi
	done
	for option in --accept-unsigned "$T/a.pub"; do
		ok rkt trust --skip-fingerprint-review --prefix=docker.io/busybox "$option"
		complains 'docker\.io/busybox is all that user "busybox" of Docker Hub has; the image docker://busybox is docker\.io/library/busybox$'
	done
	refused 'must not contain a URL scheme, omit docker://' rkt trust --skip-fingerprint-review --prefix=docker://docker.io/x "$T/a.pub"
	refused '.' rkt trust --skip-fingerprint-review --prefix=localhost:5000/../x "$T/a.pub"
}

test_accepting() {
	ok "${ACCEPT[@]}" --prefix=docker.io/library
	says '^Accepting unsigned OCI images for prefix "registry-1\.docker\.io/library": added ".*/ACCEPTED"$'
	[ -s "$CONFIG/trustedkeys/accepted.d/registry-1.docker.io/library/ACCEPTED" ] || fail "it was not noted"
	refused 'needs --prefix' "${ACCEPT[@]}"
	refused 'needs --prefix' "${ACCEPT[@]}" --root
	refused 'takes no key' "${ACCEPT[@]}" --prefix=quay.io/x "$T/a.pub"
	refused 'mutually exclusive' "${ACCEPT[@]}" --prefix=quay.io/x --list
}

test_accepting_asks() {
	exits 254 rkt trust --accept-unsigned --prefix=quay.io/x
	complains 'lack of tty'
	exits 254 python3 "$LIB/terminal.py" "expect=below \"quay.io/x\"" "expect=unsigned (yes/no)?" "send=no\n" -- \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" trust --accept-unsigned --prefix=quay.io/x
	says 'not accepting unsigned images'
	[ ! -e "$CONFIG/trustedkeys/accepted.d" ] || fail "it was noted"
	ok python3 "$LIB/terminal.py" "expect=unsigned (yes/no)?" "send=yes\n" -- \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" trust --accept-unsigned --prefix=quay.io/x
	[ -s "$CONFIG/trustedkeys/accepted.d/quay.io/x/ACCEPTED" ] || fail "it was not noted"
}

# An ACI needs its signature whatever is accepted for OCI images.
test_accepting_is_not_for_acis() {
	ok "${ACCEPT[@]}" --prefix=example.com
	refused '.' rkt fetch "$FIX/shell.aci"
	nothing_stored
}

test_listing_and_removing() {
	cosign_key a
	ok rkt trust --skip-fingerprint-review --prefix=quay.io/org "$T/a.pub"
	ok rkt trust --skip-fingerprint-review --root "$FIX/keys/alice.asc"
	ok "${ACCEPT[@]}" --prefix=quay.io/other
	ok rkt trust --list
	says "^quay\.io/org[[:space:]]+cosign[[:space:]]+trusted[[:space:]]+${key}[[:space:]]"
	says "^\(any\)[[:space:]]+openpgp[[:space:]]+trusted[[:space:]]+$(fingerprint alice)[[:space:]]"
	says '^quay\.io/other[[:space:]]+unsigned[[:space:]]+trusted[[:space:]]+accepted[[:space:]]'
	ok rkt trust --list --prefix=quay.io/other/app
	equal 3 "$(wc -l <"$T/out")" "lines: a head, the root key, the acceptance"
	ok rkt trust --list --format=json
	python3 - "$T/out" "$key" "$CONFIG" <<-'END'
		import json, sys
		(cosign,) = [k for k in json.load(open(sys.argv[1])) if k["kind"] == "cosign"]
		assert cosign == {"prefix": "quay.io/org", "kind": "cosign", "state": "trusted", "key": sys.argv[2],
		                  "file": sys.argv[3] + "/trustedkeys/cosign.d/prefix.d/quay.io/org/" + sys.argv[2] + ".PEM"}, cosign
	END
	refused 'is for --list' rkt trust --root --format=json "$T/a.pub"

	refused 'not trusted for prefix "quay\.io"' rkt trust --remove --prefix=quay.io "$key"
	refused 'needs a fingerprint' rkt trust --remove --prefix=quay.io
	ok rkt trust --remove --prefix=quay.io/org "$key"
	says "^No longer trusting \"$key\" for prefix \"quay\.io/org\": removed"
	ok rkt trust --remove --prefix=quay.io/other accepted
	ok rkt trust --remove --root "$(fingerprint alice)"
	[ -z "$(find "$CONFIG" -type f)" ] || fail "something is left"
}

# A key may be taken out of use further down: then the answer is about the name that is asked for.
test_listing_what_counts_for_a_name() {
	local below=$CONFIG/trustedkeys/cosign.d/prefix.d/quay.io/org

	cosign_key a
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
	ok rkt trust --skip-fingerprint-review --prefix=quay.io "$T/a.pub"
	mkdir -p "$below"
	touch "$below/$key.PEM"
	ok rkt trust --list --prefix=quay.io/org/app
	never_says '[[:space:]]trusted[[:space:]]'
	says "^quay\.io[[:space:]]+cosign[[:space:]]+masked[[:space:]]"
	says "^quay\.io/org[[:space:]]+cosign[[:space:]]+mask[[:space:]]"
	ok rkt trust --list --format=json --prefix=quay.io/org/app
	never_says '"trusted"'
	for name in quay.io quay.io/other; do
		ok rkt trust --list --prefix=$name
		says "^quay\.io[[:space:]]+cosign[[:space:]]+trusted[[:space:]]"
		never_says 'mask'
	done
	ok rkt trust --list
	says "^quay\.io[[:space:]]+cosign[[:space:]]+trusted[[:space:]]"
	# Nor is what is masked told to be left.
	ok rkt trust --remove --prefix=quay.io "$key"
	complains "it is still trusted there by '.*/root\.d/"
	equal 1 "$(grep -c 'still trusted' "$T/err")" "the number of places"
	ok rkt trust --skip-fingerprint-review --prefix=quay.io "$T/a.pub"
	ok rkt trust --remove --root "$key"
	equal '' "$err" "what is told of a key that counts for a prefix, where root keys are spoken of,"
}

# What the vendor trusts is taken out of use by an empty file.
test_removing_what_is_the_vendors() {
	cosign_key a
	mkdir -p "$VENDOR/trustedkeys/cosign.d/prefix.d/quay.io/org" "$VENDOR/trustedkeys/accepted.d/quay.io"
	cp "$T/a.pub" "$VENDOR/trustedkeys/cosign.d/prefix.d/quay.io/org/$key.PEM"
	echo yes >"$VENDOR/trustedkeys/accepted.d/quay.io/ACCEPTED"
	ok rkt trust --remove --prefix=quay.io/org "$key"
	says 'masked by'
	[ -e "$CONFIG/trustedkeys/cosign.d/prefix.d/quay.io/org/$key.PEM" ] || fail "there is no mask"
	ok rkt trust --remove --prefix=quay.io accepted
	ok rkt trust --list
	says "^quay\.io/org[[:space:]]+cosign[[:space:]]+masked[[:space:]]"
	says "^quay\.io/org[[:space:]]+cosign[[:space:]]+mask[[:space:]]"
	refused 'not accepted' rkt trust --remove --prefix=quay.io accepted
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
	ok rkt trust --skip-fingerprint-review --prefix=quay.io/org "$T/a.pub"
	ok rkt trust --remove --root "$key"
	ok rkt trust --list
	says "^quay\.io/org[[:space:]]+cosign[[:space:]]+trusted[[:space:]]"
}
