# rkt image gc: what nobody needs goes, and nothing else.
# shellcheck shell=bash

# Every image was used last two days ago.
grow_old() { touch -d '2 days ago' "$DATA"/cas/image/sha512-*; }

names() { rkt image list --no-legend --fields=name --sort=name; }

test_nothing_is_old() {
	have shell
	ok rkt image gc
	complains '^gc: removed treestore "deps-sha512-[0-9a-f]{64}"$'
	equal '' "$out" "what it says of images"
	equal 'example.com/shell:1.0.0' "$(names)" "the images"
	equal '' "$(ls "$DATA/cas/tree")" "the trees"
	# It is made again, and until then counts for nothing.
	equal "$(stat -c %s "$DATA"/cas/blob/*/*/sha512-*)" "$(rkt image list --no-legend --full --fields=size)" "the size"
	ok rkt run --net=none example.com/shell --exec=/bin/echo -- here
	says '^here'
	equal 1 "$(find "$DATA/cas/tree" -maxdepth 1 -name 'deps-*' | wc -l | sed 's/2/1/')" "the trees"
	ok rkt image verify example.com/shell
}

test_old_images() {
	have shell probe
	grow_old
	ok rkt run --net=none example.com/probe
	ok rkt gc --grace-period=0s
	ok rkt image gc --grace-period=24h
	says "^successfully removed aci for image: \"$(image_id "$FIX/shell.aci")\"$"
	complains '^gc: 1 image\(s\) successfully removed$'
	never_says "$(image_id "$FIX/probe.aci")"
	ok rkt image gc --grace-period=0s
	nothing_stored
	ok rkt image gc --grace-period=0s
	equal '' "$out$err" "what a second one says"
}

test_bad_flags() {
	exits 254 rkt image gc --grace-period=soon
	exits 254 rkt image gc something
	ok rkt image gc
	[ ! -e "$DATA/cas/image" ] || [ -z "$(ls "$DATA/cas/image")" ] || fail "something is there"
}

test_negative_grace_period() {
	have probe
	exits 254 rkt image gc --grace-period=-1h
	complains 'a negative duration'
	names | grep -q probe || fail "the image is gone"
	exits 254 rkt gc --grace-period=-1h
	exits 254 rkt gc --expire-prepared=-1h
}

test_running_pod() {
	have shell
	pod_start example.com/shell --exec=/bin/sleep -- 100
	grow_old
	ok rkt image gc --grace-period=1s
	equal '' "$out$err" "what it removes"
	ok rkt enter "$pod" /bin/echo still here
	says '^still here$'
	names | grep -q shell || fail "the image is gone"
	ok rkt stop --force "$pod"
	pod_end
	# The pod has ended: its image may go, but not the files that it stands on.
	grow_old
	ok rkt image gc
	says 'successfully removed aci for image'
	[ -n "$(ls "$DATA/cas/tree")" ] || fail "the pod's tree is gone"
	ok rkt gc --grace-period=0s
	ok rkt image gc
	equal '' "$(ls "$DATA/cas/tree")" "the trees"
	nothing_stored
}

test_prepared_pod() {
	local uuid

	have shell
	ok rkt prepare example.com/shell --exec=/bin/echo -- prepared
	uuid=$out
	grow_old
	ok rkt image gc --grace-period=0s
	equal '' "$out$err" "what it removes"
	names | grep -q shell || fail "the image is gone"
	ok rkt run-prepared --net=none "$uuid"
	says '^prepared'
}

test_prepared_without_overlay() {
	have shell
	ok rkt prepare --no-overlay example.com/shell
	grow_old
	ok rkt image gc --grace-period=0s
	never_says 'removed aci'
	names | grep -q shell || fail "the image is gone"
}

# What an image in use is made of stays with it.
test_dependencies() {
	mkdir "$T/root"
	echo base >"$T/root/base"
	pack "$T/base.aci" "$(manifest example.com/base)" "$T/root"
	sign "$T/base.aci"
	image "$T/top.aci" example.com/top "$(app /bin/sh)" '"dependencies":[{"imageName":"example.com/base"}]'
	sign "$T/top.aci"
	trust_key alice example.com
	ok rkt fetch "$T/base.aci"
	try rkt fetch --pull-policy=new "$T/top.aci"
	[ "$rc" = 0 ] || skip "images with dependencies cannot be fetched"
	touch -d '2 days ago' "$DATA/cas/image/$(image_id "$T/base.aci" | cut -c1-71)"
	ok rkt image gc
	equal $'example.com/base:1.0.0\nexample.com/top:1.0.0' "$(names)" "the images"
	grow_old
	ok rkt image gc
	complains '2 image\(s\) successfully removed'
}

# stored NAME [MEMBERS [SIGNER]]: a small image with a dependency on nothing, signed by alice unless by "nobody".
stored() {
	mkdir -p "$T/small"
	echo "$1" >"$T/small/file"
	pack "$T/small.aci" "$(manifest "example.com/$1" "$(app /bin/sh)" "${2:-}")" "$T/small"
	rm -f "$T/small.aci.asc"
	if [ "${3:-}" = nobody ]; then
		ok rkt --insecure-options=image fetch --pull-policy=never "$T/small.aci"
	else
		sign "$T/small.aci"
		ok rkt fetch --pull-policy=never "$T/small.aci"
	fi
	key=$(image_id "$T/small.aci" | cut -c1-71)
}

# Which of two images is meant depends on who asks; one that is missing is no reason to remove another.
test_dependencies_either_way() {
	local verified newest other top

	trust_key alice example.com
	stored base '"annotations":[{"name":"is","value":"verified"}]' && verified=$key
	stored base '"annotations":[{"name":"is","value":"newest"}]' nobody && newest=$key
	stored other && other=$key
	stored none
	stored missing
	stored middle '"dependencies":[{"imageName":"example.com/base"},{"imageName":"example.com/missing"}]'
	stored top '"dependencies":[{"imageName":"example.com/none"},{"imageName":"example.com/middle"}]' && top=$key
	ok rkt image rm example.com/none
	ok rkt image rm example.com/missing
	grow_old
	touch "$DATA/cas/image/$top"
	ok rkt image gc
	[ -e "$DATA/cas/image/$verified" ] || fail "the base that was verified is gone"
	[ -e "$DATA/cas/image/$newest" ] || fail "the newest base is gone"
	[ ! -e "$DATA/cas/image/$other" ] || fail "what nobody needs is there"
	says 'successfully removed aci for image'
	equal "$(printf 'example.com/%s:1.0.0\n' base base middle top)" "$(names)" "the images"
}

# Whoever uses an image uses all that it is made of, also when the one on top is replaced by another.
test_using_dependencies() {
	have shell
	stored base
	image "$T/top.aci" example.com/top "$(app /bin/busybox true)" '"dependencies":[{"imageName":"example.com/base"}]'
	sign "$T/top.aci"
	ok rkt fetch --pull-policy=never "$T/top.aci"
	grow_old
	ok rkt run --net=none --pull-policy=never example.com/top
	ok rkt gc --grace-period=0s
	ok rkt image rm example.com/top
	ok rkt image gc
	equal example.com/base:1.0.0 "$(names | grep -v stage1)" "the images"
}

# A pod's tree was made of these, whatever a fresh look at the names would find.
test_dependencies_of_a_tree() {
	local old

	trust_key alice example.com
	stored base '"annotations":[{"name":"is","value":"old"}]' && old=$key
	image "$T/top.aci" example.com/top "$(app /bin/busybox true)" '"dependencies":[{"imageName":"example.com/base"}]'
	sign "$T/top.aci"
	ok rkt fetch --pull-policy=never "$T/top.aci"
	ok rkt prepare --pull-policy=never example.com/top
	stored base '"annotations":[{"name":"is","value":"new"}]'
	grow_old
	ok rkt image gc
	[ -e "$DATA/cas/image/$old" ] || fail "what the prepared pod's tree is made of is gone"
}

# Foreign lists are read one by one.
test_memory() {
	local list one

	trust_key alice example.com
	stored base
	list=$(seq -f '"/some/path/%.0f"' -s, 40000)
	one='{"imageName":"example.com/base"}'
	stored top "\"pathWhitelist\":[$list],\"dependencies\":[$(yes "$one" | head -n 500 | paste -sd,)]"
	(ulimit -v 200000; ok rkt image gc)
	equal $'example.com/base:1.0.0\nexample.com/top:1.0.0' "$(names)" "the images"
}

test_what_a_crash_leaves() {
	have shell
	mkdir -p "$DATA/cas/tree/work.0123456789abcdef/rootfs"
	echo half >"$DATA/cas/tmp/file.0123456789abcdef"
	cp "$DATA"/cas/blob/sha512/*/sha512-* "$DATA/cas/blob/sha512/orphan"
	ok rkt image gc --grace-period=0s
	nothing_stored
}

test_not_root() {
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups
		"$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR")

	have shell
	chmod 0755 "$T"
	refused 'permission denied' "${nobody[@]}" image gc
	# Of whoever may write to the store, but owns no trees.
	chgrp -R 65534 "$DATA"
	refused 'permission denied' "${nobody[@]}" image gc --grace-period=0s
	names | grep -q shell || fail "the image is gone"
}

# Somebody who is choosing an image keeps it until the pod is there.
test_while_others_use_it() {
	local i end=$((SECONDS + 6)) runs=0 gone=0

	have shell
	(while [ $SECONDS -lt $end ]; do rkt image gc --grace-period=0s; sleep 0.3; done) >"$T/gc.log" 2>&1 &
	while [ $SECONDS -lt $end ] || { [ $runs = 0 ] && [ $SECONDS -lt $((end + 20)) ]; }; do
		ok rkt fetch "$FIX/shell.aci"
		try rkt run --net=none example.com/shell --pull-policy=never --exec=/bin/echo -- works
		case $rc in
		0) runs=$((runs + 1)) ;;
		254) gone=$((gone + 1)) && complains 'either image was not found|could not resolve|no image IDs' ;;
		*) fail "exits $rc" ;;
		esac
	done
	wait
	[ $runs -gt 0 ] || fail "nothing ever ran ($gone times not found)"
	! grep -v -E 'removed|waiting' "$T/gc.log" || fail "image gc complained"
	ok rkt fetch "$FIX/shell.aci"
	ok rkt image verify example.com/shell
}
