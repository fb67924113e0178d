# Registries and mirrors that are slow, terse or gone.
# shellcheck shell=bash

INSECURE=--insecure-options=image

# large_image [LAYERS]: in $T/layout, by the tag "latest": layers of 2 MB that do not compress.
large_image() {
	local i

	head -c 2000000 /dev/urandom >"$T/noise"
	{
		echo 'image latest'
		echo "set Entrypoint '[\"/bin/true\"]'"
		for ((i = 0; i < ${1:-1}; i++)); do
			printf 'layer\nfile noise%d copy=%s\nfile name%d text=%d\n' "$i" "$T/noise" "$i" "$i"
		done
	} | oci "$T/layout" >/dev/null
}

limited_to() {	# NAME VALUE
	mkdir -p "$CONFIG/limits.d"
	printf '{"rktKind":"limits","rktVersion":"v1","%s":%s}' "$1" "$2" >"$CONFIG/limits.d/l.json"
}

tokens() { grep -c "\"path\": \"/token\"" "$T/bad.log" || true; }

# A layer takes longer than many tokens are good for.
test_token_ends_often() {
	large_image
	bad_registry 5000
	ok rkt $INSECURE fetch docker://example.com:5000/anonymous.brief.cutoff/x
	[ "$(tokens)" -gt 3 ] || fail "no token ended"
}

# One that is good for nothing at all is not renewed for ever.
test_token_of_no_use() {
	large_image
	bad_registry 5000
	refused 'does not let us read' rkt $INSECURE fetch docker://example.com:5000/token/x
	equal 1 "$(tokens)" "the number of tokens"
}

# How long a layer is the manifest says already.
test_no_length() {
	large_image
	bad_registry 5000
	limited_to unsized-bytes '"1MiB"'
	ok rkt $INSECURE fetch docker://example.com:5000/sizeless/x
}
