# Ceilings on what images and servers may ask for: configured by name, in force everywhere, named where they refuse.
# shellcheck shell=bash

INSECURE=--insecure-options=image

# limit NAME VALUE [NAME VALUE…]: the local configuration has these, and no others.
limit() {
	mkdir -p "$CONFIG/limits.d"
	{
		printf '{"rktKind":"limits","rktVersion":"v1"'
		while [ $# -gt 0 ]; do
			printf ',"%s":%s' "$1" "$2"
			shift 2
		done
		printf '}'
	} >"$CONFIG/limits.d/l.json"
}

in_force() {	# NAME
	ok rkt config
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["inForce"]["limits"][sys.argv[2]])' "$T/out" "$1"
}

# over NAME VALUE FILE: refused with the limit's name; without the limit it passes.
over() {
	limit "$1" "$2"
	refused "limit $1 \([0-9]+[KMG]?i?[Bs]?; limits\.d\)" rkt $INSECURE fetch "$3"
	nothing_stored
	rm "$CONFIG/limits.d/l.json"
	ok rkt $INSECURE fetch "$3"
	ok rkt image rm example.com/limited
}

# $T/x.aci, an image with the files of $T/root.
limited() { pack "$T/x.aci" "$(manifest example.com/limited "$(app /bin/x)")" "$T/root"; }

test_layers() {
	equal 64GiB "$(in_force image-bytes)" "the default"
	mkdir -p "$VENDOR/limits.d" "$T/user/limits.d"
	printf '{"rktKind":"limits","rktVersion":"v1","image-bytes":"1GiB","members":7,"layers":3}' >"$VENDOR/limits.d/v.json"
	limit members 8 layers 4
	printf '{"rktKind":"limits","rktVersion":"v1","layers":5}' >"$T/user/limits.d/u.json"
	equal 1GiB "$(in_force image-bytes)" "the vendor's"
	equal 8 "$(in_force members)" "the local one"
	ok rkt --user-config="$T/user" config
	python3 - "$T/out" <<-'END'
		import json, sys
		shown = json.load(open(sys.argv[1]))
		(entry,) = [e for e in shown["stage0"] if e["rktKind"] == "limits"]
		assert entry == {"rktKind": "limits", "rktVersion": "v1", "image-bytes": "1GiB", "members": 8, "layers": 5}, entry
		assert shown["inForce"]["limits"]["layers"] == 5 and len(shown["inForce"]["limits"]) > 15, shown
	END
}

test_bad_values() {
	local bad

	for bad in 'layer 7' 'layers 0' 'layers "7"' 'layers -1' 'layers 1.5' 'image-bytes "much"' 'path-bytes "8KiB"' \
		'stall-seconds "1500ms"' 'members null'; do
		# shellcheck disable=SC2086
		limit $bad
		refused 'failed to parse ".*/limits\.d/l\.json": (there is no limit|the limit) "' rkt config
	done
	limit layers 7
	cp "$CONFIG/limits.d/l.json" "$CONFIG/limits.d/m.json"
	refused 'm\.json": the limit "layers" is already specified' rkt config
}

# What rkt config shows as in force is what a configuration file takes.
test_shown_form_is_read() {
	ok rkt config
	mkdir -p "$CONFIG/limits.d"
	python3 - "$T/out" "$CONFIG/limits.d/l.json" <<-'END'
		import json, sys
		limits = json.load(open(sys.argv[1]))["inForce"]["limits"]
		json.dump({"rktKind": "limits", "rktVersion": "v1", **limits}, open(sys.argv[2], "w"))
	END
	cp "$T/out" "$T/before.json"
	ok rkt config
	python3 -c 'import json, sys
a, b = (json.load(open(f))["inForce"] for f in sys.argv[1:])
assert a == b, (a, b)' "$T/before.json" "$T/out"
}

test_archive() {
	mkdir -p "$T/root/one/two/three"
	head -c 100000 /dev/urandom >"$T/root/one/file"
	ln -s "$(printf 'l%.0s' {1..200})" "$T/root/link"
	limited
	over image-bytes '"64KiB"' "$T/x.aci"
	over unpacked-bytes '"64KiB"' "$T/x.aci"
	over members 3 "$T/x.aci"
	over content-bytes 99999 "$T/x.aci"
	over path-bytes 16 "$T/x.aci"
	over path-depth 3 "$T/x.aci"
	over link-bytes 100 "$T/x.aci"
	over document-bytes 1024 "$(big_manifest)"
}

big_manifest() {
	pack "$T/big.aci" "$(manifest example.com/limited "$(app /bin/x)" \
		"\"annotations\":[{\"name\":\"a\",\"value\":\"$(printf 'x%.0s' {1..2000})\"}]")" "$T/root"
	echo "$T/big.aci"
}

test_attributes() {
	mkdir "$T/root"
	: >"$T/root/file"
	setfattr -n user.one -v "$(printf 'v%.0s' {1..300})" "$T/root/file" &&
		setfattr -n user.two -v 2 "$T/root/file" || skip "no attributes on this file system"
	limited
	over xattrs 1 "$T/x.aci"
	over xattr-bytes 100 "$T/x.aci"
}

test_decompressing() {
	BOMB_GIB=2 hostile bomb "$T/bomb.aci"
	limit unpack-ratio 10
	refused 'limit unpack-ratio \(10; limits\.d\)' rkt $INSECURE fetch "$T/bomb.aci"
	nothing_stored
	mkdir "$T/root"
	truncate -s 9M "$T/root/zeros"
	limited
	xz -9 <"$T/x.aci" >"$T/y.aci"
	over decompress-memory '"16MiB"' "$T/y.aci"
}

test_server() {
	serve
	trust_key alice example.com
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	limit image-bytes '"1MiB"'
	refused 'the image is larger than the limit image-bytes \(1MiB; limits\.d\)' rkt fetch https://example.com/files/shell.aci
	limit stall-seconds 2
	refused 'too slow or silent.*stall-seconds in limits\.d' rkt fetch https://example.com/fault/stall:.aci/files/shell.aci
	limit redirects 3
	refused 'more redirects than the limit redirects \(3; limits\.d\)' rkt fetch https://example.com/fault/loop:.aci/files/shell.aci
	limit header-bytes 2000
	refused 'the limit header-bytes \(2000B; limits\.d\)' rkt fetch https://example.com/fault/headers:.aci/files/shell.aci
	limit unsized-bytes '"1MiB"'
	refused 'does not say how long.*the limit unsized-bytes \(1MiB; limits\.d\)' \
		rkt fetch https://example.com/fault/cutchunks:.aci/files/shell.aci
	limit page-bytes 1024
	discovery_page example.com
	printf '%2000s' ' ' >>"$T/www/index.html"
	refused 'the discovery page is larger than the limit page-bytes \(1KiB; limits\.d\)' rkt fetch example.com/none:1.0.0
	nothing_stored
}

# The page for users has each of them, with the default in force.
test_page_is_complete() {
	ok rkt config
	python3 - "$T/out" "$LIB/../../docs/user/limits.md" <<-'END'
		import json, re, sys
		shown = {k: str(v) for k, v in json.load(open(sys.argv[1]))["inForce"]["limits"].items()}
		told = dict(re.findall(r"^\| `([a-z-]+)` \| ([0-9A-Za-z]+) \|", open(sys.argv[2]).read(), re.M))
		assert told == shown, (set(told.items()) ^ set(shown.items()))
	END
}
