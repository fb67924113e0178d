# rkt fsck: every damage is found, named and mended, and what is sound or in use stays.
# shellcheck shell=bash

# Control groups that others left on this machine are not ours to find: none is mounted here, or only the one at $1,
# as hierarchy $2. (Without them nothing can limit the devices of a pod, so it runs with --insecure-options=paths.)
only_cgroups() {
	[ -z "${1:-}" ] || { mkdir "$T/group" && mount --bind "$1" "$T/group"; }
	mount -t tmpfs none /sys/fs/cgroup
	[ -z "${1:-}" ] || { mkdir "/sys/fs/cgroup/$2" && mount --bind "$T/group" "/sys/fs/cgroup/$2"; }
	snapshot >"$T/before" 2>/dev/null
}

clean() {
	ok rkt fsck
	equal '' "$out$err" "what fsck says of $1"
}

key() { image_id "$FIX/$1.aci" | cut -c1-71; }
facts() { echo "$DATA/cas/image/$(key "$1")"; }
blob() { echo "$DATA"/cas/blob/sha512/*/"$(key "$1")"; }
tree_of() { sed 's/.*"tree": *"\([^"]*\)".*/\1/' "$(facts "$1")"; }

# found KIND REGEX: one such line, by fsck alone; nothing has changed then. Then it is repaired, and all is well.
found() {
	local before

	before=$(find "$DATA" | sort)
	exits 254 rkt fsck
	says "^$1: .*$2"
	equal 1 "$(wc -l <"$T/out")" "number of findings"
	complains '^fsck: 1 problem\(s\) found: see rkt fsck --repair$'
	equal "$before" "$(find "$DATA" | sort)" "the data directory, after only looking"
	ok rkt fsck --repair
	says "^$1: .*$2.*: repaired$"
	complains 'problem\(s\) repaired'
	clean "what it repaired"
}

test_nothing_wrong() {
	local pod

	only_cgroups
	mkdir "$DATA"
	clean "nothing"
	have shell probe
	clean "two images"
	ok rkt prepare example.com/shell
	ok rkt run --net=none --insecure-options=paths example.com/probe
	clean "pods"
	ok rkt fsck --check-content
	equal '' "$out$err" "what it says of the contents"
	pod_start --insecure-options=paths example.com/shell --exec=/bin/sleep -- 20
	clean "a running pod"
	ok rkt fsck --repair
	equal '' "$out$err" "what it repairs"
	ok rkt stop --force "$pod"
}

test_unfinished_work() {
	only_cgroups
	have shell
	echo x >"$DATA/cas/tmp/file.0123456789abcdef"
	found leftover 'cas/tmp/file\.0123456789abcdef: nobody is working on it: remove it'
	mkdir -p "$DATA/cas/tree/work.0123456789abcdef/rootfs/dir"
	found leftover 'cas/tree/work\.0123456789abcdef: nobody is working on it'
	ok rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/true
}

# Somebody who works on it has it locked.
test_work_going_on() {
	only_cgroups
	have shell
	echo x >"$DATA/cas/tmp/file.0123456789abcdef"
	flock -x "$DATA/cas/tmp/file.0123456789abcdef" sleep 5 &
	until_true 5 sh -c "! flock -n '$DATA/cas/tmp/file.0123456789abcdef' true"
	clean "work that goes on"
	wait
	found leftover 'cas/tmp/file'
}

test_downloads() {
	local dir

	only_cgroups
	have shell
	dir=$DATA/cas/tmp/part-0
	mkdir -m 0700 "$dir"
	echo half >"$dir/0123456789abcdef"
	echo '{"what":"https://example.com/x","url":"https://example.com/x","version":"\"1\""}' >"$dir/0123456789abcdef.json"
	clean "a download that can be gone on with"
	touch -d '3 days ago' "$dir/0123456789abcdef"
	exits 254 rkt fsck
	says '^leftover: cas/tmp/part-0/0123456789abcdef: no download can go on with it: remove it$'
	ok rkt fsck --repair
	clean "it"
	[ ! -e "$dir" ] || fail "the directory is left"
	mkdir -m 0700 "$dir"
	found leftover 'cas/tmp/part-0: it has no downloads: remove it'
	[ ! -e "$dir" ] || fail "the empty directory is left"
}

test_orphans() {
	local shard

	only_cgroups
	have shell
	shard=$(dirname "$(blob shell)")
	cp "$(blob shell)" "$shard/sha512-$(basename "$shard")$(printf '0%.0s' {1..62})"
	found leftover 'cas/blob/sha512/.*: no image consists of it'
	mkdir -p "$DATA/cas/blob/sha256/ab"
	echo x >"$DATA/cas/blob/sha256/ab/sha256-ab$(printf '1%.0s' {1..62})"
	found leftover 'cas/blob/sha256/.*: no image consists of it'
	cp "$DATA/cas/imageManifest/sha512/"*/"$(key shell)" "$DATA/cas/imageManifest/sha512/$(basename "$shard")/sha512-$(basename "$shard")$(printf '2%.0s' {1..62})"
	found leftover 'cas/imageManifest/.*: no image has this manifest'
	mkdir -p "$DATA/cas/name/example.com,gone"
	ln -s "../../image/$(key shell)" "$DATA/cas/name/example.com,gone/$(key shell)"
	found leftover "cas/name/example.com,gone/$(key shell): no image is called so"
	mkdir "$DATA/cas/name/example.com,gone"
	found leftover 'cas/name/example.com,gone: no image is called so: remove it'
	cp -a "$DATA/cas/tree/$(tree_of shell)" "$DATA/cas/tree/deps-sha512-$(printf '3%.0s' {1..64})"
	found leftover 'cas/tree/deps-sha512-3+: no image and no pod has it'
	echo junk >"$DATA/cas/blob/sha512/junk"
	found leftover 'cas/blob/sha512/junk: it is not the store'
	echo junk >"$DATA/cas/image/.junk.swp"
	found leftover 'cas/image/.junk.swp: it is not the store'
	cp "$DATA/vouched/$(key shell).manifest" "$DATA/vouched/sha512-$(printf '5%.0s' {1..64}).manifest"
	found leftover 'vouched/sha512-5+.manifest: no image has it'
	echo junk >"$DATA/vouched/junk"
	found leftover 'vouched/junk: it is not the store'
	ok rkt run --insecure-options=paths --pull-policy=never --net=none example.com/shell --exec=/bin/true
	echo '{' >"$DATA/vouched/$(key shell)"
	found leftover "vouched/$(key shell): it makes no sense"
	ok rkt image verify example.com/shell
}

test_unreadable_facts() {
	local bad

	only_cgroups
	for bad in '' '{' '{"id":"sha512-00","name":"x","importTime":1,"size":1}' "$(printf '\1\2')"; do
		have shell probe
		printf '%s' "$bad" >"$(facts shell)"
		exits 254 rkt fsck
		says "^unreadable: cas/image/$(key shell): .*: remove it, then fetch the image again$"
		equal 1 "$(wc -l <"$T/out")" "number of findings"
		ok rkt fsck --repair
		says "^unreadable: .*: repaired$"
		says "^leftover: cas/blob/.*: repaired$"
		clean "it"
		ok rkt image verify example.com/probe
		refused 'cannot find image|no image' rkt image cat-manifest example.com/shell
	done
	have shell
	rm "$(facts shell)"
	mkdir "$(facts shell)"
	exits 254 rkt fsck
	says '^unreadable: '
	ok rkt fsck --repair
	clean "it"
}

test_incomplete_images() {
	only_cgroups
	have shell probe
	rm "$(blob shell)"
	exits 254 rkt fsck
	says "^incomplete: $(image_id "$FIX/shell.aci"): its blob $(key shell) is missing: remove the image, then fetch it again$"
	ok rkt fsck --repair
	clean "it"
	ok rkt fetch "$FIX/shell.aci"
	truncate -s 1000 "$(blob shell)"
	exits 254 rkt fsck
	says "^incomplete: .*: it has 1000 bytes on disk rather than [0-9]+:"
	ok rkt fsck --repair
	clean "it"
	ok rkt fetch "$FIX/shell.aci"
	rm "$DATA/cas/imageManifest/sha512/"*/"$(key shell)"
	exits 254 rkt fsck
	says '^incomplete: .*: its manifest is missing:'
	ok rkt fsck --repair
	clean "it"
	ok rkt fetch "$FIX/shell.aci"
	echo '{"acKind":"Pod"}' >"$DATA/cas/imageManifest/sha512/$(key shell | cut -c8-9)/$(key shell)"
	exits 254 rkt fsck
	says '^incomplete: .*: its manifest: '
	ok rkt fsck --repair
	clean "it"
	ok rkt image verify example.com/probe
}

test_names() {
	only_cgroups
	have shell
	rm -r "$DATA/cas/name/example.com,shell"
	found name "$(image_id "$FIX/shell.aci"): its name 'example.com/shell' does not lead to it: make it"
	ok rkt image cat-manifest example.com/shell
}

test_trees() {
	local tree

	only_cgroups
	have shell
	tree=$DATA/cas/tree/$(tree_of shell)
	rm -rf "$tree"
	found tree 'cas/tree/deps-sha512-[0-9a-f]{64}: .*is not there: remove it \(it is made again when needed\)'
	ok rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/echo -- again
	says '^again'
	ok rkt rm "$(ls "$DATA/pods/run")"
	rm "$tree/rendered"
	found tree 'cas/tree/.*: .*is not there'
	ok rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/true
	ok rkt rm "$(ls "$DATA/pods/run")"
	key probe >"$tree/image"
	found tree "cas/tree/.*: .*another image's"
	ok rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/true
	# A pod stands on it: that one first.
	rm "$tree/manifest"
	exits 254 rkt fsck --repair
	says '^tree: .*: its manifest is missing: .*: left: a pod stands on it'
	complains '1 problem\(s\) found that could not be repaired'
	ok rkt rm "$(ls "$DATA/pods/run")"
	found tree 'cas/tree/.*: its manifest is missing'
	# A copy of the data directory is sealed no more.
	ok rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/true
	ok rkt rm "$(ls "$DATA/pods/run")"
	if [ -e "$tree/index" ]; then
		sed -i 's/,"seals":.*]//; s/}$/,"seals":["sha256:00","sha256:00"]}/' "$tree/layers"
		refused 'sealed' rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/true
		ok rkt gc --grace-period=0s
		found tree 'cas/tree/.*sealed'
		ok rkt run --net=none --insecure-options=paths example.com/shell --exec=/bin/true
		ok rkt rm "$(ls "$DATA/pods/run")"
	fi
	chmod 0777 "$DATA/cas/tree"
	exits 254 rkt fsck --repair
	says '^tree: cas/tree: .*can be written by others.*: chown it to root and chmod it to 0700: left$'
	chmod 0700 "$DATA/cas/tree"
	clean "it"
}

# One bit, anywhere.
test_damaged_blobs() {
	only_cgroups
	have shell probe
	printf '\x5a' | dd of="$(blob shell)" bs=1 seek=123456 conv=notrunc status=none
	clean "what only reading everything finds"
	exits 254 rkt fsck --check-content
	says "^damaged: cas/blob/sha512/../$(key shell): its bytes are not what its name says \(example.com/shell\): remove the images that consist of it, then fetch them again$"
	equal 1 "$(wc -l <"$T/out")" "number of findings"
	ok rkt fsck --check-content --repair
	says '^damaged: .*: repaired$'
	ok rkt fsck --check-content
	equal '' "$out" "what is found then"
	refused 'cannot find image|no image' rkt image cat-manifest example.com/shell
	ok rkt image verify example.com/probe
	ok rkt fetch "$FIX/shell.aci"
	ok rkt image verify example.com/shell
}

# A layer that two images share takes both with it, and nothing else.
test_damaged_layer() {
	local layer

	only_cgroups
	shell_oci "$T/layout" >/dev/null
	for tag in one two; do
		try rkt --insecure-options=image fetch "oci:$T/layout:latest"
		[ "$rc" = 0 ] || skip "OCI images cannot be fetched"
	done
	have probe
	clean "an OCI image"
	ok rkt fsck --check-content
	layer=$(find "$DATA/cas/blob/sha256" -size +1M -name 'sha256-*' | head -n 1)
	printf '\x5a' | dd of="$layer" bs=1 seek=5000 conv=notrunc status=none
	ok rkt fsck --check-content --repair
	ok rkt fsck --check-content
	equal 'example.com/probe:1.0.0' "$(rkt image list --no-legend --fields=name | grep -v stage1)" "the images"
}

test_stale_mounts() {
	local uuid

	only_cgroups
	have shell
	ok rkt prepare example.com/shell
	uuid=$out
	mkdir -p "$DATA/pods/prepared/$uuid/stage1/rootfs/mnt"
	mount -t tmpfs none "$DATA/pods/prepared/$uuid/stage1/rootfs"
	mkdir "$DATA/pods/prepared/$uuid/stage1/rootfs/a b"
	mount -t tmpfs none "$DATA/pods/prepared/$uuid/stage1/rootfs/a b"
	exits 254 rkt fsck
	says "^mount: pods/prepared/$uuid/stage1/rootfs/a b: something is mounted there, and no pod uses it: unmount it$"
	equal 2 "$(wc -l <"$T/out")" "number of findings"
	ok rkt fsck --repair
	! grep -q "$uuid" /proc/self/mountinfo || fail "something is still mounted"
	clean "it"
	# The administrator's own.
	mkdir -p "$DATA/cas/blob" "$DATA/pods"
	mount -t tmpfs none "$DATA/pods/garbage"
	clean "a directory of its own file system"
	umount "$DATA/pods/garbage"
}

test_prepared_pod_without_its_tree() {
	only_cgroups
	have shell
	ok rkt prepare example.com/shell
	rm -rf "$DATA/cas/tree/$(tree_of shell)"
	exits 254 rkt fsck --repair
	says "^pod: $(ls "$DATA/pods/prepared"): .*is not there: remove it by rkt rm: left$"
	ok rkt rm "$(ls "$DATA/pods/prepared")"
	clean "it"
}

# What a pod left whose directory somebody removed by hand.
test_control_groups() {
	local group uuid=aaaaaaaa-0000-4000-8000-000000000000 dir

	mkdir "$DATA"
	dir=/sys/fs/cgroup/memory
	[ -w "$dir/cgroup.procs" ] || skip "no hierarchy of version 1 here"
	group=$dir/rkt-fsck-test-$$
	mkdir -p "$group/some/rkt-$uuid/app" "$group/rkt-of-something-else" 2>/dev/null || skip "no cgroup can be made here"
	only_cgroups "$group" memory
	ok rkt fsck	# it was only just made
	touch -d '1 hour ago' "$T"/group/*/ "$T/group/some/rkt-$uuid"
	sleep 20 &
	echo $! >"$T/group/some/rkt-$uuid/app/cgroup.procs"
	ok rkt fsck	# somebody is in it
	kill $!
	wait $! 2>/dev/null || true
	found cgroup "/sys/fs/cgroup/memory/some/rkt-$uuid: its pod is gone: remove it"
	[ ! -d "$T/group/some/rkt-$uuid" ] || fail "it is still there"
	rmdir "$T"/group/*/
	umount /sys/fs/cgroup/memory "$T/group" /sys/fs/cgroup
	rmdir "$group"
}

test_json() {
	only_cgroups
	have shell
	ok rkt fsck --format=json
	equal '[]' "$out" "what is wrong"
	echo x >"$DATA/cas/tmp/file.0123456789abcdef"
	rm "$(blob shell)"
	exits 254 rkt fsck --format=json
	python3 - "$T/out" <<-'END'
		import json, sys
		found = json.load(open(sys.argv[1]))
		assert sorted(f["kind"] for f in found) == ["incomplete", "leftover"], found
		assert all(set(f) == {"kind", "object", "problem", "action", "outcome"} for f in found), found
		assert {f["outcome"] for f in found} == {"found"}, found
	END
	ok rkt fsck --repair --format=json-pretty
	python3 -c 'import json, sys; assert {f["outcome"] for f in json.load(open(sys.argv[1]))} == {"repaired"}' "$T/out"
}

# Names of any bytes, from whoever may write to the store.
test_odd_names() {
	only_cgroups
	touch "$T/before-it"
	have shell
	: >"$DATA/cas/tmp/$(printf 'a\nb\033[31m\377')"
	exits 254 rkt fsck
	equal 1 "$(wc -l <"$T/out")" "number of lines"
	exits 254 rkt fsck --format=json
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$T/out"
	ok rkt fsck --repair
	clean "it"
}

# While others add images, what is named by nobody yet is not looked at; what is repaired waits for them.
test_others_at_work() {
	only_cgroups
	have shell
	echo x >"$DATA/cas/tmp/file.0123456789abcdef"
	flock -s "$DATA/cas/lock" sleep 3 &
	until_true 5 sh -c "! flock -xn '$DATA/cas/lock' true"
	ok rkt fsck
	complains 'others are using the store: what is left over was not looked for'
	ok rkt fsck --repair
	complains 'waiting for another rkt'
	says '^leftover: .*: repaired'
	wait
}

test_by_others_than_root() {
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups
		"$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR")

	only_cgroups
	have shell
	chmod 0755 "$T"
	refused 'permission denied' "${nobody[@]}" fsck
	chgrp 65534 "$DATA" "$DATA/cas"
	chgrp -R 65534 "$DATA"/cas/{blob,image,imageManifest,name,tmp,lock}
	exits 254 "${nobody[@]}" fsck
	says '^tree: cas/tree: .*: look at it as root$'
	equal 1 "$(wc -l <"$T/out")" "number of findings"
	try "${nobody[@]}" fsck --repair
	ok rkt image verify example.com/shell
}

# A store with one of each, mended in one go.
test_everything_at_once() {
	only_cgroups
	have shell probe
	echo x >"$DATA/cas/tmp/file.0123456789abcdef"
	rm "$(blob shell)" "$DATA/cas/name/example.com,probe/$(key probe)"
	rm -rf "$DATA/cas/tree/$(tree_of probe)"
	echo '{' >"$DATA/cas/image/sha512-$(printf '4%.0s' {1..64})"
	ok rkt fsck --repair
	complains '^fsck: [0-9]+ problem\(s\) repaired$'
	clean "it"
	ok rkt run --net=none --insecure-options=paths example.com/probe
}
