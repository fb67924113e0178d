# Images that build on other images: fetching them all, and what of whom an app sees.
# shellcheck shell=bash

# dep NAME [MEMBERS]: an entry of "dependencies".
dep() { printf '{"imageName":"%s","labels":[{"name":"version","value":"1.0.0"}]%s}' "$1" "${2:+,$2}"; }

# part NAME ROOTFS [MEMBERS [APP-JSON]]: packs, signs and publishes an image.
part() {
	local file

	file=$T/$(basename "$1").aci
	pack "$file" "$(manifest "$1" "${4:-}" "${3:-}")" "$2"
	sign "$file"
	publish "$1" "$file"
}

# files DIR NAME=TEXT…: a root file system of small files.
files() {
	local dir=$1 word

	shift
	mkdir -p "$dir"
	for word in "$@"; do
		mkdir -p "$dir/$(dirname "${word%%=*}")"
		printf '%s\n' "${word#*=}" >"$dir/${word%%=*}"
	done
}

# Three levels: A on B and C, C on D. The order in which the first wins is A, C, D, B.
three_levels() {
	serve
	trust_key alice example.com
	cp -a "$FIX/rootfs" "$T/d"
	files "$T/d" who=d only-d=d d-and-b=d c-and-d=d
	files "$T/b" who=b only-b=b d-and-b=b
	files "$T/c" who=c c-and-d=c
	files "$T/a" who=a
	part example.com/d "$T/d"
	part example.com/b "$T/b"
	part example.com/c "$T/c" "\"dependencies\":[$(dep example.com/d)]"
	part example.com/a "$T/a" "\"dependencies\":[$(dep example.com/b),$(dep example.com/c)]" \
		"$(app /bin/busybox sh -c 'cat /who /only-d /only-b /d-and-b /c-and-d')"
}

test_run() {
	three_levels
	ok rkt run --net=none example.com/a:1.0.0
	equal "$(printf '%s\n' a d b d c)" "$(cat "$T/out")" "what the app sees"
	ok rkt image list --no-legend --fields=name
	for name in a b c d; do
		says "example\.com/$name:1\.0\.0"
	done
	# From the store alone, and without overlay.
	: >"$T/requests"
	ok rkt run --net=none --pull-policy=never example.com/a:1.0.0
	ok rkt run --net=none --no-overlay example.com/a:1.0.0
	equal "$(printf '%s\n' a d b d c)" "$(cat "$T/out")" "what the app sees without overlay"
	[ ! -s "$T/requests" ] || fail "asked for what is stored: $(requests)"
}

test_render() {
	three_levels
	ok rkt fetch example.com/a:1.0.0
	ok rkt image render --rootfs-only example.com/a:1.0.0 "$T/rendered"
	equal "a d b d c" "$(cd "$T/rendered" && echo "$(cat who only-d only-b d-and-b c-and-d)" | tr '\n' ' ' | sed 's/ $//')" "what is rendered"
	[ -x "$T/rendered/bin/busybox" ] || fail "no busybox"
	ok rkt image extract --rootfs-only example.com/a:1.0.0 "$T/extracted"
	equal who "$(ls "$T/extracted")" "what the image itself brings"
}

# A pod gets the files that it was prepared with, also where they are made or compared later.
test_prepared_with_an_older_dependency() {
	local uuid

	trust_key alice example.com
	cp -a "$FIX/rootfs" "$T/base"
	files "$T/base" who=old
	pack "$T/base.aci" "$(manifest example.com/base)" "$T/base"
	files "$T/top" top=top
	pack "$T/top.aci" "$(manifest example.com/top "$(app /bin/busybox cat /who)" "\"dependencies\":[$(dep example.com/base)]")" "$T/top"
	sign "$T/base.aci"
	sign "$T/top.aci"
	ok rkt fetch --pull-policy=never "$T/base.aci"
	ok rkt fetch --pull-policy=never "$T/top.aci"
	ok rkt prepare --pull-policy=never example.com/top
	uuid=$out
	files "$T/base" who=new
	pack "$T/base.aci" "$(manifest example.com/base)" "$T/base"
	sign "$T/base.aci"
	ok rkt fetch --pull-policy=never "$T/base.aci"
	# As for a kernel that cannot mount what is there.
	sed -i 's/erofs (.*)$/tree/' "$DATA/cas/tree/.backend"
	ok rkt run-prepared --verify-ondisk --net=none "$uuid"
	equal old "$(tr -d '\r' <"$T/out")" "what the app sees"
	ok rkt run --net=none --pull-policy=never example.com/top
	equal new "$(tr -d '\r' <"$T/out")" "what an app sees now"
}

test_a_new_version_of_a_dependency() {
	three_levels
	ok rkt run --net=none example.com/a:1.0.0
	files "$T/c2" who=c c-and-d=new
	rm "$T/c.aci" "$T/c.aci.asc"
	part example.com/c "$T/c2" "\"dependencies\":[$(dep example.com/d)]"
	ok rkt run --net=none --pull-policy=update example.com/a:1.0.0
	equal "$(printf '%s\n' a d b d new)" "$(cat "$T/out")" "what the app sees"
	# An image in use by nobody else can go; the next run misses it and says which.
	ok rkt image rm example.com/b:1.0.0
	refused 'dependency "example\.com/b" of image "example\.com/a"' rkt run --net=none --pull-policy=never example.com/a:1.0.0
	ok rkt run --net=none example.com/a:1.0.0
}

test_by_id() {
	local id

	serve
	trust_key alice example.com
	cp -a "$FIX/rootfs" "$T/base"
	part example.com/base "$T/base"
	id=$(image_id "$T/base.aci")
	part example.com/app "$FIX/rootfs" \
		"\"dependencies\":[$(dep example.com/base "\"imageID\":\"$id\",\"size\":$(stat -c %s "$T/base.aci")")]" "$(app /bin/busybox true)"
	ok rkt run --net=none example.com/app:1.0.0
	part example.com/wrong "$FIX/rootfs" "\"dependencies\":[$(dep example.com/base "\"imageID\":\"${id%??????}ffffff\"")]" "$(app /bin/busybox true)"
	refused 'image hash does not match expected' rkt run --net=none example.com/wrong:1.0.0
	part example.com/size "$FIX/rootfs" "\"dependencies\":[$(dep example.com/base '"size":17')]" "$(app /bin/busybox true)"
	refused 'rather than 17' rkt run --net=none example.com/size:1.0.0
}

test_cycles() {
	serve
	trust_key alice example.com
	part example.com/self "$FIX/rootfs" "\"dependencies\":[$(dep example.com/self)]" "$(app /bin/busybox true)"
	refused 'image "example\.com/self" depends on itself' rkt fetch example.com/self:1.0.0
	part example.com/x "$FIX/rootfs" "\"dependencies\":[$(dep example.com/y)]" "$(app /bin/busybox true)"
	part example.com/y "$FIX/rootfs" "\"dependencies\":[$(dep example.com/x)]"
	refused 'depends on itself' rkt run --net=none example.com/x:1.0.0
	no_pods
}

# What a dependency's own key does not vouch for is not run.
test_trust_is_asked_of_each() {
	serve
	trust_key alice example.com/app
	cp -a "$FIX/rootfs" "$T/base"
	part example.com/base "$T/base"
	part example.com/app "$FIX/rootfs" "\"dependencies\":[$(dep example.com/base)]" "$(app /bin/busybox true)"
	refused 'dependency "example\.com/base" of image "example\.com/app"' rkt run --net=none example.com/app:1.0.0
	no_pods
	trust_key alice example.com/base
	ok rkt run --net=none example.com/app:1.0.0
	# Trust taken back counts from the next run on.
	rm "$CONFIG/trustedkeys/prefix.d/example.com/base/$(fingerprint alice)"
	refused 'no longer trusted' rkt run --net=none --pull-policy=never example.com/app:1.0.0
}

test_whitelist() {
	serve
	trust_key alice example.com
	cp -a "$FIX/rootfs" "$T/base"
	files "$T/base" keep=base drop=base dir/keep=base dir/drop=base
	part example.com/base "$T/base"
	files "$T/top" own=top hidden=top
	part example.com/top "$T/top" \
		"\"dependencies\":[$(dep example.com/base)],\"pathWhitelist\":[\"/own\",\"/keep\",\"/dir/keep\",\"/bin\",\"/bin/busybox\"]" \
		"$(app /bin/busybox sh -c 'cd / && busybox find own hidden keep drop dir -type f 2>/dev/null | busybox sort')"
	ok rkt fetch example.com/top:1.0.0
	ok rkt image render --rootfs-only example.com/top:1.0.0 "$T/rendered"
	equal "$(printf '%s\n' bin/busybox dir/keep keep own)" "$(cd "$T/rendered" && find . -type f -printf '%P\n' | sort)" "the files"
}

test_depth() {
	local i

	serve
	trust_key alice example.com
	files "$T/small" file=x
	for i in 1 2 3 4; do
		pack "$T/n$i.aci" "$(manifest example.com/n$i '' "\"dependencies\":[$(dep example.com/n$((i + 1)))]")" "$T/small"
		sign "$T/n$i.aci"
		publish example.com/n$i "$T/n$i.aci"
	done
	mkdir -p "$CONFIG/limits.d"
	echo '{"rktKind":"limits","rktVersion":"v1","dependency-depth":2}' >"$CONFIG/limits.d/depth.json"
	refused 'dependency-depth' rkt fetch example.com/n1:1.0.0
}

# below FIRST LAST: entries for all of example.com/nFIRST … nLAST.
below() {
	local i list=''

	for i in $(seq "$1" "$2"); do
		list+=,$(dep example.com/n$i)
	done
	printf '%s' "${list#,}"
}

# Eleven images, each of which names all that come after it: 1024 ways through them, but what is reached again adds nothing.
test_diamonds() {
	local i n=11

	trust_key alice example.com
	for i in $(seq $n -1 1); do
		files "$T/n$i" who=$i "own-$i=$i"
		pack "$T/n$i.aci" "$(manifest example.com/n$i '' "\"dependencies\":[$(below $((i + 1)) $n)]")" "$T/n$i"
		sign "$T/n$i.aci"
		ok rkt fetch --pull-policy=never "$T/n$i.aci"
	done
	mkdir -p "$CONFIG/limits.d"
	echo "{\"rktKind\":\"limits\",\"rktVersion\":\"v1\",\"dependencies\":$n,\"layers\":3}" >"$CONFIG/limits.d/l.json"
	ok rkt image render --rootfs-only example.com/n1 "$T/rendered"
	equal 1 "$(cat "$T/rendered/who")" "which wins"
	equal $n "$(cat "$T/rendered"/own-* | sort -n | tail -n 1)" "the last"
	equal $n "$(ls "$T/rendered"/own-* | wc -l)" "the images whose files are there"
	echo "{\"rktKind\":\"limits\",\"rktVersion\":\"v1\",\"dependencies\":$((n - 1))}" >"$CONFIG/limits.d/l.json"
	refused "more dependencies than the limit dependencies \($((n - 1));" \
		rkt image render --rootfs-only example.com/n1 "$T/again"
}

# One image below two others, each of which lets something else of it through.
test_whitelists_above_one_image() {
	trust_key alice example.com
	files "$T/base" from-x=base from-y=base neither=base hidden=base
	pack "$T/base.aci" "$(manifest example.com/base '' '"pathWhitelist":["/from-x","/from-y","/neither"]')" "$T/base"
	files "$T/x" own-x=x
	pack "$T/x.aci" "$(manifest example.com/x '' \
		"\"dependencies\":[$(dep example.com/base)],\"pathWhitelist\":[\"/own-x\",\"/from-x\",\"/hidden\"]")" "$T/x"
	files "$T/y" own-y=y
	pack "$T/y.aci" "$(manifest example.com/y '' \
		"\"dependencies\":[$(dep example.com/base)],\"pathWhitelist\":[\"/own-y\",\"/from-y\",\"/hidden\"]")" "$T/y"
	files "$T/top" top=top
	pack "$T/top.aci" "$(manifest example.com/top '' "\"dependencies\":[$(dep example.com/x),$(dep example.com/y)]")" "$T/top"
	for i in base x y top; do
		sign "$T/$i.aci"
		ok rkt fetch --pull-policy=never "$T/$i.aci"
	done
	ok rkt image render --rootfs-only example.com/top "$T/rendered"
	equal 'from-x from-y own-x own-y top' "$(ls "$T/rendered" | tr '\n' ' ' | sed 's/ $//')" "the files"
}

# Lists that could not be held against anything in reasonable memory.
test_whitelists_are_bounded() {
	local i list

	trust_key alice example.com
	list=$(seq -f '"/a/path/that/is/somewhat/longer/than/others/%.0f"' -s, 30000)
	files "$T/n" who=n
	for i in 3 2 1; do
		pack "$T/n$i.aci" "$(manifest example.com/n$i '' \
			"\"dependencies\":[$(below $((i + 1)) 3)],\"pathWhitelist\":[\"/who\",$list]")" "$T/n"
		sign "$T/n$i.aci"
		ok rkt fetch --pull-policy=never "$T/n$i.aci"
	done
	ok rkt image render --rootfs-only example.com/n2 "$T/rendered"
	equal n "$(cat "$T/rendered/who")" "what is rendered"
	refused 'the path whitelists of image "example\.com/n[123]" and those before it have more than 4194304 bytes' \
		rkt image render --rootfs-only example.com/n1 "$T/again"
}
