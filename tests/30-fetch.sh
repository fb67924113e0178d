# Getting images: by name, URL, file and hash, in every format.
# shellcheck shell=bash

test_by_name() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	ok rkt fetch example.com/shell:1.0.0
	says '^sha512-[0-9a-f]{32}$'
	complains '^image: signature verified:'
	complains 'alice <alice@example\.com>'
	equal "sha512-$(sha512sum <"$FIX/shell.aci" | cut -c1-32)" "$out" "the hash"
	ok rkt fetch --full example.com/shell:1.0.0
	equal "$(image_id "$FIX/shell.aci")" "$out" "the full hash"
	ok rkt image list
	says 'example\.com/shell:1\.0\.0'
	requests | grep -q 'ac-discovery=1' && requests | grep -q 'User-Agent": "rkt/' || fail "not asked as it should be"
}

test_keys_come_by_themselves_over_https() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	ok rkt --trust-keys-from-https fetch example.com/shell:1.0.0
	[ -s "$CONFIG/trustedkeys/prefix.d/example.com/shell/$(fingerprint alice)" ] ||
		[ -n "$(find "$CONFIG/trustedkeys" -name "$(fingerprint alice)" -size +0)" ] || fail "no key was stored"
}

test_latest() {
	serve
	publish example.com/shell "$FIX/shell.aci" latest
	trust_key alice example.com
	# The template asks for "latest" where no version is given; the image says what it is.
	ok rkt fetch example.com/shell
	ok rkt image list
	says 'example\.com/shell:1\.0\.0'
}

# The page of a parent path serves all below.
test_discovery_walks_up() {
	serve
	image "$T/deep.aci" example.com/a/b/c "$(app /bin/true)"
	sign "$T/deep.aci"
	publish example.com/a/b/c "$T/deep.aci"
	trust_key alice example.com
	mv "$T/www/index.html" "$T/page"
	mkdir -p "$T/www/a"
	cp "$T/page" "$T/www/index.html"
	ok rkt fetch example.com/a/b/c:1.0.0
}

test_by_url() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	ok rkt fetch https://example.com/files/shell.aci
	ok rkt fetch 'https://example.com/files/shell.aci?token=1'
	ok rkt fetch http://example.com/files/shell.aci
	refused 'invalid image string' rkt fetch https://example.com/files/shell.tar
}

test_by_file() {
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/"
	trust_key alice example.com
	cd "$T"
	ok rkt fetch ./shell.aci
	ok rkt fetch "file://$T/shell.aci"
	ok rkt fetch "$T/shell.aci" ../"$(basename "$T")"/shell.aci
	equal 2 "$(wc -l <"$T/out")" "number of lines"
}

test_signature_option() {
	cp "$FIX/shell.aci" "$T/"
	cp "$FIX/shell.aci.asc" "$T/other.asc"
	trust_key alice example.com
	ok rkt fetch "$T/shell.aci" --signature="$T/other.asc"
	refused 'must follow an image' rkt fetch --signature="$T/other.asc" "$T/shell.aci"
}

test_binary_signature() {
	cp "$FIX/shell.aci" "$T/"
	pgp -u alice@example.com --detach-sign -o "$T/shell.aci.asc" "$T/shell.aci"
	trust_key alice example.com
	ok rkt fetch "$T/shell.aci"
}

test_by_hash() {
	local id

	have shell
	id=$(image_id "$FIX/shell.aci")
	ok rkt fetch "$id"
	ok rkt fetch "${id:0:20}"
	refused 'no image IDs found|not found' rkt fetch sha512-0000000000
	refused 'image ID too short' rkt fetch sha512-0
	# A wrong tail is another image.
	refused '.' rkt fetch "${id:0:130}$(tr 0-9a-f 1-9a-f0 <<<"${id:130}")"
}

test_ambiguous_prefix() {
	local i

	have shell probe
	# Of 40 images two share their first two digits.
	for ((i = 0; i < 40; i++)); do
		printf '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/n%d"}' $i >"$T/manifest"
		mkdir -p "$T/rootfs"
		tar -C "$T" -cf "$T/n$i.aci" manifest rootfs
		rkt --insecure-options=image fetch "$T/n$i.aci" >>"$T/ids" 2>/dev/null || fail "cannot fetch n$i"
	done
	prefix=$(cut -c1-9 "$T/ids" | sort | uniq -d | head -n 1)
	[ -n "$prefix" ] || skip "no two of 40 hashes begin alike"
	refused 'ambiguous image ID' rkt --insecure-options=image fetch "$prefix"
}

test_formats() {
	local format

	trust_key alice example.com
	for format in gz bz2 xz zst; do
		image "$T/$format.$format.aci" "example.com/$format" "$(app /bin/probe exit 4)"
		sign "$T/$format.$format.aci"
		ok rkt fetch "$T/$format.$format.aci"
		exits 4 rkt run --net=none "example.com/$format"
	done
	# The identity is that of the uncompressed archive.
	gzip -n1 <"$FIX/shell.aci" >"$T/shell.aci"
	sign "$T/shell.aci"
	ok rkt fetch --full "$T/shell.aci"
	equal "$(image_id "$FIX/shell.aci")" "$out" "the hash"
}

test_several_gzip_members() {
	trust_key alice example.com
	head -c 1000000 "$FIX/shell.aci" | gzip -n1 >"$T/shell.aci"
	tail -c +1000001 "$FIX/shell.aci" | gzip -n1 >>"$T/shell.aci"
	sign "$T/shell.aci"
	ok rkt fetch --full "$T/shell.aci"
	equal "$(image_id "$FIX/shell.aci")" "$out" "the hash"
}

test_pull_policy() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	refused 'unable to fetch image from image name|cannot find' rkt fetch --pull-policy=never example.com/shell
	ok rkt fetch --pull-policy=new example.com/shell:1.0.0
	: >"$T/requests"
	ok rkt fetch --pull-policy=new example.com/shell:1.0.0
	ok rkt fetch --pull-policy=never example.com/shell
	ok rkt fetch --store-only example.com/shell
	equal "" "$(requests)" "what the server was asked"
	ok rkt fetch --pull-policy=update example.com/shell:1.0.0
	requests | grep -q discovery || fail "update did not ask"
	exits 254 rkt fetch --pull-policy=sometimes example.com/shell
	refused 'both --store-only and --no-store' rkt fetch --store-only --no-store example.com/shell
}

test_labels_choose() {
	trust_key alice example.com
	for VERSION in 1.0.0 2.0.0; do
		image "$T/v$VERSION.aci" example.com/versions "$(app /bin/probe exit "${VERSION%%.*}")"
		sign "$T/v$VERSION.aci"
		ok rkt fetch "$T/v$VERSION.aci"
	done
	exits 1 rkt run --net=none --pull-policy=never example.com/versions:1.0.0
	exits 2 rkt run --net=none --pull-policy=never example.com/versions:2.0.0
	exits 2 rkt run --net=none --pull-policy=never example.com/versions
	exits 1 rkt run --net=none --pull-policy=never example.com/versions,version=1.0.0
	refused '.' rkt run --net=none --pull-policy=never example.com/versions:3.0.0
}

# Without a scheme and a path a word is a name, whatever the directory holds (D2).
test_names_are_not_files() {
	mkdir -p "$T/cwd/example.com"
	cp "$FIX/shell.aci" "$T/cwd/example.com/shell"
	cd "$T/cwd"
	refused '.' rkt --insecure-options=image fetch --pull-policy=never example.com/shell
	nothing_stored
}

test_schemes_of_others() {
	refused 'docker' rkt --insecure-options=image fetch docker://busybox
	refused 'ftp' rkt --insecure-options=image fetch ftp://example.com/x.aci
	refused '.' rkt --insecure-options=image fetch 'a:b:c'
	refused '.' rkt --insecure-options=image fetch 'Example.com/Upper'
	refused '.' rkt --insecure-options=image fetch ''
	nothing_stored
}

# The program that talks to the network does so without privileges.
test_fetcher_is_unprivileged() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	rkt_exec fetch https://example.com/fault/stall:.aci/files/shell.aci >/dev/null 2>&1 &
	until_true 10 sh -c 'grep -l ^Name:.*rkt-fetch /proc/[0-9]*/status | grep -q .' || fail "rkt-fetch was never seen"
	sleep 0.3
	status=$(cat $(grep -l '^Name:.*rkt-fetch' /proc/[0-9]*/status | head -n 1))
	grep -q -E '^Uid:.0\b' <<<"$status" && fail "rkt-fetch runs as root"
	for caps in CapPrm CapEff CapInh CapAmb; do
		grep -q -E "^$caps:.0000000000000000$" <<<"$status" || fail "rkt-fetch has capabilities in $caps"
	done
	grep -q -E '^NoNewPrivs:.1$' <<<"$status" || fail "rkt-fetch could gain privileges"
	kill %2
	wait %2 || true
}

test_interrupted() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	rkt_exec fetch https://example.com/fault/stall:.aci/files/shell.aci >/dev/null 2>&1 &
	until_true 10 grep -q 'stall.*aci"' "$T/requests" || fail "the image was never asked for"
	kill -INT $!
	wait $! || true
	until_true 3 sh -c '! grep -l ^Name:.*rkt-fetch /proc/[0-9]*/status' || fail "rkt-fetch outlived rkt"
	# What a killed process left is found and removed by the next.
	ok rkt gc
	nothing_stored
}

test_two_at_once() {
	local a b

	trust_key alice example.com
	rkt fetch "$FIX/shell.aci" >"$T/one" 2>&1 & a=$!
	rkt fetch "$FIX/shell.aci" >"$T/two" 2>&1 & b=$!
	wait $a || fail "the first: $(cat "$T/one")"
	wait $b || fail "the second: $(cat "$T/two")"
	ok rkt image list --no-legend
	equal 1 "$(wc -l <"$T/out")" "number of images"
	ok rkt image verify example.com/shell
}

test_progress_only_on_a_terminal() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	ok rkt fetch example.com/shell:1.0.0
	! grep -q 'Downloading' "$T/err" || fail "progress without a terminal"
	ok rkt image rm example.com/shell
	ok python3 "$LIB/terminal.py" -- "$RKT" --dir="$DATA" --local-config="$CONFIG" fetch example.com/shell:1.0.0
	says 'Downloading ACI'
}
