# Trees: what a rendered image is on disk, and how pods use it.
# shellcheck shell=bash disable=SC2154

# One file for the names, the archive itself for the bytes.
test_index() {
	local tree blob

	need_index
	tree=$(tree_of example.com/shell)
	blob=$(find "$DATA/cas/blob/sha512" -type f)
	equal '' "$(ls "$tree/rootfs")" "what is unpacked"
	equal "$(stat -c %i "$blob") 2 root 640" "$(stat -c '%i %h %U %a' "$tree/0")" "the archive's inode"
	[ "$(stat -c %s "$tree/index")" -lt 100000 ] || fail "the index is large: $(stat -c %s "$tree/index")"
	ok rkt run --net=none example.com/shell --exec=/bin/sh -- -c 'echo new >/new && cat /new /etc/passwd'
	says '^new$'
	says '^root:'
	equal '' "$(ls "$tree/rootfs")" "what is unpacked"
	ok rkt image verify example.com/shell
	says 'successfully verified checksum'
	# Nobody but root gets there, and nothing is mounted on the host.
	! grep -q "$DATA" /proc/self/mountinfo || fail "a mount is left: $(grep "$DATA" /proc/self/mountinfo)"
	equal 700 "$(stat -c %a "$DATA/cas/tree" | tail -c 4)" "mode of cas/tree"
}

# The same program does the same on either kind of tree.
test_index_and_files_are_alike() {
	local script='id; ls -ln /bin/su; su -c id; cat /data; ls -ln /; getfattr -d /data 2>/dev/null'

	cp -a "$FIX/rootfs" "$T/root"
	cp "$FIX/bin/busybox" "$T/root/bin/su"
	chmod 4755 "$T/root/bin/su"
	echo data >"$T/root/data"
	chown 7:8 "$T/root/data"
	chmod 1751 "$T/root"
	pack "$T/alike.aci" "$(APP_USER=1000 APP_GROUP=1000 manifest example.com/alike "$(app /bin/sh)")" "$T/root"
	ok rkt --insecure-options=image fetch "$T/alike.aci"
	[ -e "$(tree_of example.com/alike)/index" ] || skip "images are kept as files here"
	try rkt --insecure-options=image run --net=none --pull-policy=never example.com/alike --user=1000 --group=1000 \
		--exec=/bin/sh -- -c "$script"
	cp "$T/out" "$T/by-index"
	mkdir "$T/memory"
	mount -t tmpfs -o size=100m,mode=0755 none "$T/memory"
	DATA=$T/memory
	ok rkt --insecure-options=image fetch "$T/alike.aci"
	try rkt --insecure-options=image run --net=none --pull-policy=never example.com/alike --user=1000 --group=1000 \
		--exec=/bin/sh -- -c "$script"
	[ ! -e "$(tree_of example.com/alike)/index" ] || fail "this is no tree of files"
	equal "$(cat "$T/by-index")" "$(cat "$T/out")" "what the app sees"
	says '^data$'
	says 'uid=1000'
	ok rkt gc --grace-period=0s
	umount "$DATA"
}

test_no_overlay() {
	need_index
	ok rkt run --net=none --no-overlay example.com/shell --exec=/bin/sh -- -c 'echo new >/new && cat /new /etc/passwd'
	says '^new$'
	says '^root:'
}

# A stage1's programs are executed from its index too.
test_entry_points_from_index() {
	local tree

	need_index
	pod_start example.com/shell --exec=/bin/sleep -- 60
	tree=$(tree_of coreos.com/rkt/stage1-native)
	[ -e "$tree/files/rootfs/init" ] || [ -n "$(ls "$tree/files/rootfs")" ] || fail "the stage1 has no files"
	rm -r "$tree/files"
	ok rkt enter "$pod" /bin/echo entered
	says '^entered$'
	ok rkt stop "$pod"
	pod_end
	ok rkt gc --grace-period=0s
	no_pods
	# The next pod wants them as files again.
	ok rkt run --net=none example.com/shell --exec=/bin/true
	[ -d "$tree/files/rootfs" ] || fail "the stage1 is not kept as files"
	ok rkt image verify coreos.com/rkt/stage1-native
}

# flip FILE OFFSET: changes one bit.
flip() {
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1]))' "$@"
}

test_verify_ondisk() {
	local tree uuid

	need_index
	ok rkt run --net=none --verify-ondisk example.com/shell --exec=/bin/true
	ok rkt prepare example.com/shell --exec=/bin/true
	uuid=$out
	ok rkt prepare example.com/shell --exec=/bin/true
	ok rkt run-prepared --net=none --verify-ondisk "$out"
	tree=$(tree_of example.com/shell)
	flip "$tree/0" 1000000
	for command in "run --net=none" prepare; do
		# shellcheck disable=SC2086
		refused 'image "example.com/shell".*has other bytes' rkt $command --verify-ondisk example.com/shell --exec=/bin/true
	done
	refused 'image "example.com/shell".*has other bytes' rkt run-prepared --net=none --verify-ondisk "$uuid"
	ok rkt status "$uuid"
	says '^state=prepared$'
	flip "$tree/0" 1000000
	flip "$tree/index" 1030
	refused 'image "example.com/shell".*the index is damaged' rkt run --net=none --verify-ondisk example.com/shell --exec=/bin/true
	flip "$tree/index" 1030
	ok rkt run-prepared --net=none --verify-ondisk "$uuid"
}

# Where fs-verity sealed the files, each mount looks at the seals. Here one is noted that nobody made.
test_seals_count() {
	local tree

	need_index
	tree=$(tree_of example.com/shell)
	! grep -q seals "$tree/layers" || skip "the file system has fs-verity: tests/vm looks at it"
	sed -i 's/}$/,"seals":["sha256:00","sha256:00"]}/' "$tree/layers"
	try rkt run --net=none example.com/shell --exec=/bin/true
	[ "$rc" = 254 ] || fail "runs what is not sealed"
	complains "cannot use the files of image \"example.com/shell\".*'index' was sealed, but is so no more"
	ok rkt --insecure-options=ondisk run --net=none example.com/shell --exec=/bin/true
}

# A kernel that can't mount it gets files, also for a pod that was prepared before.
test_kernel_without_erofs() {
	local uuid tree

	need_index
	ok rkt prepare example.com/shell --exec=/bin/cat -- /etc/passwd
	uuid=$out
	sed -i 's/erofs (.*)$/tree/' "$DATA/cas/tree/.backend"
	ok rkt run-prepared --net=none "$uuid"
	says '^root:'
	tree=$(tree_of example.com/shell)
	[ -e "$tree/files/rootfs/etc/passwd" ] || fail "no files were made"
	ok rkt image verify example.com/shell
	echo more >>"$tree/files/rootfs/etc/passwd"
	try rkt image verify example.com/shell
	complains passwd
	ok rkt gc --grace-period=0s
	ok rkt image rm example.com/shell
	[ ! -e "$tree" ] || fail "the tree is left"
}

# What a member of group rkt may write to is nothing that root mounts.
test_others_blobs_are_copied() {
	local blob tree

	need_index
	tree=$(tree_of example.com/shell)
	blob=$(find "$DATA/cas/blob/sha512" -type f)
	rm -r "$tree"
	chown nobody "$blob"
	ok rkt run --net=none example.com/shell --exec=/bin/true
	equal "root 2" "$(stat -c '%U %h' "$blob")" "the blob"
	rm -r "$tree"
	flip "$blob" 1000000
	refused 'hash does not match expected' rkt run --net=none example.com/shell --exec=/bin/true
}

# Fetched again, it is on disk once, and whoever runs on it goes on.
test_fetch_again_while_running() {
	need_index
	pod_start example.com/shell --exec=/bin/sh -- -c 'while :; do cat /etc/passwd >/dev/null || exit 3; done'
	for _ in 1 2 3; do
		ok rkt fetch --pull-policy=update "$FIX/shell.aci"
	done
	equal 1 "$(find "$DATA/cas/blob/sha512" -type f -links 2 -size +500k | wc -l)" "blobs"
	ok rkt image rm example.com/shell
	ok rkt enter "$pod" /bin/cat /etc/passwd
	ok rkt stop "$pod"
	pod_end
	ok rkt gc --grace-period=0s
	ok rkt image gc --grace-period=0s
	equal '' "$(find "$DATA/cas/tree" -name 'work.*')" "left"
}

# A blob that is not the one any more that the tree has: the tree is made anew, and a pod keeps the files that it runs on.
test_tree_replaced_while_running() {
	local blob

	need_index
	blob=$(find "$DATA/cas/blob/sha512" -type f)
	cp "$DATA/cas/tree/.backend" "$T/backend"
	sed -i 's/erofs (.*)$/tree/' "$DATA/cas/tree/.backend"
	pod_start example.com/shell --exec=/bin/sleep -- 100
	cp "$T/backend" "$DATA/cas/tree/.backend"
	cp "$blob" "$T/other"
	mv "$T/other" "$blob"
	ok rkt fetch --pull-policy=update "$FIX/shell.aci"
	equal "$(stat -c %i "$blob")" "$(stat -c %i "$(tree_of example.com/shell)/0")" "the tree's archive"
	ok rkt enter "$pod" /bin/cat /etc/passwd
	says '^root:'
	ok rkt image gc
	ok rkt enter "$pod" /bin/cat /etc/passwd
	ok rkt stop --force "$pod"
	pod_end
	ok rkt gc --grace-period=0s
	equal '' "$(find "$DATA/cas/tree" -name 'work.*' -o -name 'old.*')" "left"
	ok rkt run --net=none example.com/shell --exec=/bin/true
}
