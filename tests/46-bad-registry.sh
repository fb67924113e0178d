# Registries and mirrors that are slow, terse, old or gone.
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

# Tools of old did not say that the configuration is one; what says nothing either, and is none, is no image.
test_untyped_configuration() {
	local id

	large_image
	bad_registry 5000
	ok rkt $INSECURE fetch --full docker://example.com:5000/octets/x
	id=$out
	ok rkt image verify "$id"
	ok rkt image export "$id" "$T/exported.tar"
	ok rkt $INSECURE fetch "oci-archive:$T/exported.tar"
	refused 'not an image: its configuration has media type "application/octet-stream": rootfs: missing' \
		rkt $INSECURE fetch docker://example.com:5000/notconfig/x
}

# silent_mirror: takes connections and says nothing to them; $T/connections has a line for each.
silent_mirror() {
	python3 - "$T/connections" "$T/mirror.ready" <<-'END' &
		import socket, sys
		listener = socket.create_server(("127.0.0.1", 5001))
		open(sys.argv[2], "w").close()
		kept = []
		while True:
		    kept.append(listener.accept())
		    with open(sys.argv[1], "a") as f:
		        f.write("one\n")
	END
	until_true 10 test -e "$T/mirror.ready" || fail "the mirror did not start"
	mkdir -p "$CONFIG/registries.d"
	printf '{"rktKind":"registry","rktVersion":"v1","registries":["%s"],"mirrors":["https://example.com:5001"]}' \
		example.com:5000 >"$CONFIG/registries.d/mirror.json"
}

test_silent_mirror() {
	large_image 6
	bad_registry 5000
	silent_mirror
	limited_to connect-seconds 1
	ok rkt --debug $INSECURE fetch docker://example.com:5000/good/x
	equal 1 "$(wc -l <"$T/connections")" "the number of connections"
	equal 1 "$(grep -c "mirror 'example.com:5001' is passed over from now on" "$T/err")" "how often it is told"
}
