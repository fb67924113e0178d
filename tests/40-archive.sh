# Archives that play tricks. tests/lib/archive.py makes them; all are signed, so that the archive itself is judged.
# shellcheck shell=bash

INSECURE=--insecure-options=image

bad_archive() {	# REGEX CASE...
	local regex=$1 case

	shift
	for case in "$@"; do
		hostile "$case" "$T/$case.aci"
		refused "$regex" rkt $INSECURE fetch "$T/$case.aci"
		nothing_stored
	done
	canary_untouched
}

canary_untouched() {
	equal "$CANARY/keep" "$(find "$CANARY" -type f)" "what is in the canary"
	equal "untouched 644 0:0 1" "$(cat "$CANARY/keep") $(stat -c '%a %u:%g %h' "$CANARY/keep")" "the canary"
}

# The archive is harmless: it may be refused, but whatever comes of it stays inside.
contained() {	# CASE...
	local case

	for case in "$@"; do
		hostile "$case" "$T/$case.aci"
		try rkt $INSECURE fetch "$T/$case.aci"
		if [ "$rc" = 0 ]; then
			try rkt $INSECURE run --net=none "$T/$case.aci"
			try rkt image render --overwrite example.com/hostile "$T/rendered"
			try rkt image extract --overwrite example.com/hostile "$T/extracted"
			ok rkt image rm example.com/hostile
			ok rkt gc --grace-period=0s
			rm -rf "$T/rendered" "$T/extracted"
		else
			[ "$rc" = 254 ] && [ -n "$err" ] || fail "exits $rc"
			nothing_stored
		fi
		canary_untouched
	done
}

test_plain_is_fine() {
	hostile plain "$T/plain.aci"
	ok rkt $INSECURE run --net=none "$T/plain.aci"
}

test_dotdot() { bad_archive '\.\.' dotdot dotdot-inside pax-path; }
test_absolute() { bad_archive 'absolute|neither|manifest|rootfs' absolute; }
test_beside_rootfs() { bad_archive 'elsewhere' beside-rootfs; }
test_nul_in_name() { contained nul-in-name; }
test_symlink() { contained symlink-write symlink-relative symlink-chain symlink-last symlink-mkdir symlink-chmod; }
test_hardlink() { bad_archive '.' hardlink-out hardlink-absolute hardlink-by-symlink hardlink-missing; }
test_hardlink_to_symlink() { contained hardlink-to-symlink; }
test_rootfs_symlink() { bad_archive 'rootfs' rootfs-symlink rootfs-dot-symlink rootfs-file; }
test_device() { bad_archive 'mem|disk|device' device-char device-block; }
test_whiteout() { bad_archive 'passwd|device' whiteout; }
test_xattr_trusted() {
	hostile xattr-trusted "$T/x.aci"
	try rkt $INSECURE fetch "$T/x.aci"
	[ "$rc" = 0 ] || return 0
	! getfattr -R -d -m trusted "$DATA/cas/tree" 2>/dev/null | grep -q overlay || fail "overlay's own attributes were set"
}
test_two_manifests() { bad_archive 'manifest' two-manifests; }
test_no_manifest() { bad_archive 'manifest' no-manifest manifest-symlink manifest-directory; }
test_manifest_too_large() { bad_archive 'manifest|large' manifest-huge manifest-deep; }
test_sizes_that_lie() { bad_archive '.' size-huge size-negative size-short pax-size pax-length sparse-lie; }
test_broken_headers() { bad_archive '.' checksum; }
test_unknown_kind() { contained kind-unknown; }
test_truncated() { bad_archive '.' truncated truncated-gzip; }
test_corrupt() { bad_archive '.' corrupt-gzip after-gzip; }
test_no_archive() { bad_archive '.' not-an-archive empty html; }
test_names() { contained name-long path-deep; }
test_no_rootfs() { contained no-rootfs; }
test_many_members() { LIMIT=60 contained many-members; }

# A bomb ends at a limit, in little memory, and gives back what it took.
test_bomb() {
	BOMB_GIB=40 hostile bomb "$T/bomb.aci"
	mkdir "$DATA"
	mount -t tmpfs -o size=300m,mode=0755 none "$DATA"
	refused '.' rkt $INSECURE fetch "$T/bomb.aci"
	nothing_stored
	[ "$(df --output=used -m "$DATA" | tail -n 1)" -lt 5 ] || fail "space was not given back"
	umount "$DATA"
}

# Each helper stays below 256 MiB, whatever an archive claims.
test_bomb_memory() {
	local peak

	BOMB_GIB=3 hostile bomb "$T/bomb.aci"
	mkdir "$DATA"
	mount -t tmpfs -o size=100m,mode=0755 none "$DATA"
	cat >"$T/measure" <<-'END'
		import resource, subprocess, sys
		subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
		print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
	END
	try python3 "$T/measure" "$RKT" --dir="$DATA" --insecure-options=image fetch "$T/bomb.aci"
	peak=$out
	[ "$peak" -lt 262144 ] || fail "the largest process took $peak KiB"
	umount "$DATA"
}

# A setuid file of an image is out of reach of a local user.
test_setuid_is_out_of_reach() {
	local mnt

	hostile setuid "$T/setuid.aci"
	ok rkt $INSECURE fetch "$T/setuid.aci"
	chmod 0755 "$T"
	cat >"$T/find" <<-'END'
		import os, sys
		os.setgroups([]); os.setgid(65534); os.setuid(65534)
		os.execvp("find", ["find", sys.argv[1], "-perm", "-4000"])
	END
	try python3 "$T/find" "$DATA"
	equal "" "$out" "setuid files that nobody finds"
	mnt=$(tree_files "$DATA"/cas/tree/deps-*)
	[ -n "$(find "$mnt" -perm -4000)" ] || fail "the image's mode was not kept"
	[ "$mnt" != "${mnt#"$DATA"}" ] || umount "$mnt"
}

# Directories that the engine fills may not lead elsewhere.
test_api_directories() {
	local case

	for case in dev-symlink proc-symlink sys-symlink etc-symlink; do
		hostile $case "$T/$case.aci"
		try rkt $INSECURE run --net=none "$T/$case.aci"
		[ "$rc" = 0 ] || [ "$rc" = 254 ] || fail "exits $rc"
		canary_untouched
	done
}

test_null_device_symlink() {
	hostile devnull-symlink "$T/d.aci"
	try rkt $INSECURE run --net=none "$T/d.aci"
	never_says '^(write|read) .*=OPEN$'
}

# An image's passwd is read as a file of limited size, inside the image, or not at all.
test_passwd_tricks() {
	local case

	LIMIT=10
	echo 'user:x:0:0::/:/bin/sh' >"$CANARY/passwd"
	snapshot >"$T/before" 2>/dev/null
	for case in fifo-passwd zero-passwd symlink-passwd; do
		hostile $case "$T/$case.aci"
		refused 'passwd|user' rkt $INSECURE run --net=none "$T/$case.aci"
	done
}

test_escapes_in_a_manifest() {
	hostile escapes "$T/e.aci"
	ok rkt $INSECURE fetch "$T/e.aci"
	for command in "image list" "image cat-manifest example.com/hostile"; do
		# shellcheck disable=SC2086
		ok rkt $command
		! LC_ALL=C grep -q -P '\x1b' "$T/out" || fail "escape codes in the output of $command"
	done
}
