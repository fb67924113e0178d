# What an app may do and see.
# shellcheck shell=bash

PROBE=example.com/probe
probe() { ok rkt run --net=none "${options[@]}" $PROBE "${app_options[@]}" --exec=/bin/probe -- "$@"; }
options=() app_options=()

# bits HEX: the names of the set bits of a capability mask are not needed, their count and value are.
mask_of() { sed -n "s/.*$1:[[:space:]]*\([0-9a-f]*\)$/\1/p" "$T/out"; }

# CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
HARDENED=00000000800405fb
# with MKNOD NET_RAW AUDIT_WRITE
RKT_PROFILE=00000000a80425fb

test_capabilities() {
	have probe
	probe identity
	equal $HARDENED "$(mask_of CapBnd)" "bounding set"
	equal $HARDENED "$(mask_of CapEff)" "effective set"
	equal 0000000000000000 "$(mask_of CapInh)" "inheritable set"
	equal 0000000000000000 "$(mask_of CapAmb)" "ambient set"
	app_options=(--user=1000 --group=1000)
	probe identity
	equal 0000000000000000 "$(mask_of CapEff)" "effective set of a user"
	equal 0000000000000000 "$(mask_of CapPrm)" "permitted set of a user"
	equal 0000000000000000 "$(mask_of CapInh)" "inheritable set of a user"
	equal 0000000000000000 "$(mask_of CapAmb)" "ambient set of a user"
}

test_capabilities_chosen() {
	have probe
	app_options=(--caps-retain=CAP_KILL,CAP_CHOWN)
	probe identity
	equal 0000000000000021 "$(mask_of CapBnd)" "bounding set"
	app_options=(--caps-remove=CAP_KILL,CAP_CHOWN)
	probe identity
	equal 00000000800405da "$(mask_of CapBnd)" "bounding set"
	app_options=()
	options=(--insecure-options=capabilities)
	probe identity
	equal "$(sed -n 's/^CapBnd:.//p' /proc/self/status)" "$(mask_of CapBnd)" "bounding set"
	exits 254 rkt run --net=none $PROBE --caps-retain=CAP_KILL --caps-remove=CAP_CHOWN
	complains 'cannot use both --caps-retain and --caps-remove'
	exits 254 rkt run --net=none $PROBE --caps-retain=CAP_MAGIC
	complains 'CAP_MAGIC'
}

# An image that nobody verified may not widen what it gets (D5).
test_widening_needs_verification() {
	local set='"isolators":[{"name":"os/linux/capabilities-retain-set","value":{"set":["CAP_SYS_ADMIN"]}}]'

	image "$T/wide.aci" example.com/wide "$(APP=",$set" app /bin/probe identity)"
	refused 'CAP_SYS_ADMIN' rkt --insecure-options=image run --net=none "$T/wide.aci"
	sign "$T/wide.aci"
	trust_key alice example.com
	ok rkt run --net=none "$T/wide.aci"
	equal 0000000000200000 "$(mask_of CapBnd)" "bounding set"
}

test_profile_of_rkt() {
	have probe
	options=(--security-profile=rkt)
	probe identity
	equal $RKT_PROFILE "$(mask_of CapBnd)" "bounding set"
	probe calls
	says 'mount=SIG31'
	exits 254 rkt run --net=none --security-profile=loose $PROBE
}

test_no_new_privs() {
	have probe
	probe identity
	says 'NoNewPrivs:.0'
	app_options=(--user=1000 --group=1000)
	probe identity
	says 'NoNewPrivs:.1'
	trust_key alice example.com
	image "$T/nnp.aci" example.com/nnp "$(APP=',"isolators":[{"name":"os/linux/no-new-privileges","value":true}]' app /bin/probe identity)"
	sign "$T/nnp.aci"
	ok rkt run --net=none "$T/nnp.aci"
	says 'NoNewPrivs:.1'
}

test_filter() {
	have probe
	probe calls
	never_says '=(ALLOWED|EINVAL|EFAULT|EBADF|ENOENT)$'
	probe ordinary-calls
	never_says '=(EPERM|ENOSYS|SIG31)$'
	app_options=(--user=1000 --group=1000)
	probe calls
	never_says '=(ALLOWED|EINVAL|EFAULT|EBADF|ENOENT)$'
}

test_filter_of_32_bit_calls() {
	have probe
	probe calls32
	never_says '=(ALLOWED|EINVAL|EFAULT|EBADF|ENOENT)$'
}

test_filter_chosen() {
	have probe
	app_options=(--seccomp=mode=remove,errno=EACCES,chroot)
	probe ordinary-calls
	says 'chroot=EACCES'
	says 'socket-inet=ALLOWED'
	app_options=(--seccomp=mode=remove,chroot)
	probe ordinary-calls
	says 'chroot=(SIG31|EPERM|ENOSYS)'
	app_options=()
	options=(--insecure-options=seccomp)
	probe identity
	says 'Seccomp:.0'
	options=()
	refused 'seccomp' rkt run --net=none $PROBE --seccomp=mode=maybe,chroot
	refused '.' rkt run --net=none $PROBE --seccomp=mode=retain
	refused 'nosuchcall' rkt run --net=none $PROBE --seccomp=mode=remove,nosuchcall --exec=/bin/true
}

test_kernel_interfaces() {
	have probe
	probe kernel
	never_says '=OPEN$'
	app_options=(--user=1000 --group=1000)
	probe kernel
	never_says '=OPEN$'
}

test_descriptors() {
	have probe
	exec 7</etc/passwd 8<"$T" 9>"$T/leak"
	probe descriptors
	equal "0 1 2" "$(sed -n 's/.*fd\([0-9]*\)=.*/\1/p' "$T/out" | sort -n | xargs)" "descriptors of the app"
	never_says '=/etc|=.*/leak|isolation-descriptors$'
	exec 7<&- 8<&- 9>&-
}

# A directory of the host leads to all of its files, also out of a root.
test_directory_is_not_passed_on() {
	have probe
	# shellcheck disable=SC2016
	refused 'fd 1: Is a directory' sh -c 'exec "$@" 1</' - "$RKT" --dir="$DATA" --local-config="$CONFIG" \
		--system-config="$VENDOR" run --net=none $PROBE --exec=/bin/probe -- identity
	pod_start $PROBE --exec=/bin/probe -- sleep 30
	# shellcheck disable=SC2016
	refused 'fd 0: Is a directory' sh -c 'exec "$@" </' - "$RKT" --dir="$DATA" enter "$pod" /bin/probe descriptors
	ok rkt stop "$pod"
}

# With few files it is refused, or it is what it always is: no step is left out.
test_few_files() {
	local n normal limited

	have probe
	probe identity
	normal=$(grep -v -E '=[a-z]+:\[|^limit7=' "$T/out")
	for n in 5 8 11 14 17 18 19 20 21 22 23 24 25 26 28 30 35 40 64; do
		try prlimit --nofile=$n:$n "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" \
			run --net=none $PROBE --exec=/bin/probe -- identity
		limited=$(grep -v -E '=[a-z]+:\[|^limit7=' "$T/out" || true)
		if [ "$rc" = 0 ]; then
			equal "$normal" "$limited" "identity with $n files"
		else
			[ "$rc" = 254 ] && [ -z "$limited" ] || fail "with $n files it runs, and exits $rc"
			complains 'Too many open files|No file descriptors available'
		fi
	done
}

test_working_directory_stays_inside() {
	local n

	have probe
	probe escape
	says 'top=root'
	for n in 3 4 5 6 7 8 9 10 15 20; do
		try rkt run --net=none $PROBE --working-dir=/proc/self/fd/$n --exec=/bin/probe -- escape
		never_says 'OUTSIDE'
	done
	for n in /proc/1/cwd /proc/1/root /proc/self/cwd; do
		try rkt run --net=none $PROBE --working-dir=$n --exec=/bin/probe -- escape
		never_says 'OUTSIDE'
	done
}

# rkt in a chroot, one that is a mount and one that is none: no way leads to what is outside.
test_chroot() {
	local real=$RKT jail=$T/jail entry root

	have probe
	mkdir "$jail"
	mount -n -t tmpfs -o mode=755 tmpfs "$jail"
	mkdir "$jail"/{mount,plain}
	mount -n --rbind / "$jail/mount"
	for entry in /*; do
		if [ -L "$entry" ]; then
			cp -a "$entry" "$jail/plain"
		elif [ -d "$entry" ]; then
			mkdir "$jail/plain$entry"
			mount -n --rbind "$entry" "$jail/plain$entry"
		fi
	done
	touch "$jail/marker"
	RKT=$T/jailed
	for root in "$jail/mount" "$jail/plain"; do
		printf '#!/bin/sh\nexec chroot %s %s "$@"\n' "$root" "$real" >"$RKT"
		chmod 755 "$RKT"
		probe climb "$jail/marker"
		says '/marker=unseen'
		pod_start $PROBE --exec=/bin/probe -- sleep 60
		ok rkt enter "$pod" /bin/probe climb "$jail/marker"
		says '/marker=unseen'
		ok rkt stop "$pod"
		pod_end
	done
	RKT=$real
	umount -n -R "$jail"
}

# Nothing that runs in the pod is the engine's own file, nor can be written to.
test_engine_is_not_reachable() {
	local file sums

	have probe
	sums=$(sha512sum "$(dirname "$RKT")"/{rkt,rkt-fetch,rkt-unpack,stage1-native.aci})
	probe executables
	never_says 'WRITABLE'
	for file in "$RKT" "$(dirname "$RKT")/rkt-fetch" "$(dirname "$RKT")/rkt-unpack"; do
		never_says "=$(stat -L -c '%d:%i' "$file")$"
	done
	pod_start $PROBE --exec=/bin/probe -- sleep 30
	ok rkt enter "$pod" /bin/probe executables
	never_says 'WRITABLE'
	for file in "$RKT" "$(dirname "$RKT")/rkt-fetch"; do
		never_says "=$(stat -L -c '%d:%i' "$file")$"
	done
	ok rkt stop "$pod"
	equal "$sums" "$(sha512sum "$(dirname "$RKT")"/{rkt,rkt-fetch,rkt-unpack,stage1-native.aci})" "the engine's files"
}

test_namespaces() {
	local space

	have probe
	probe identity
	for space in cgroup ipc mnt net pid uts; do
		if grep -q "$space=$(readlink /proc/self/ns/$space | sed 's/[][]/\\&/g')$" "$T/out"; then
			fail "the app is in the caller's $space namespace"
		fi
	done
	options=(--ipc=parent)
	probe identity
	says "ipc=$(readlink /proc/self/ns/ipc | sed 's/[][]/\\&/g')"
	options=(--ipc=magic)
	exits 254 rkt run --net=none --ipc=magic $PROBE
}

test_devices() {
	have shell probe
	ok rkt run --net=none example.com/shell --exec=/bin/sh -- -c 'cd /dev; ls -d *; echo x >null; head -c 3 zero | wc -c; ls -l pts/ptmx'
	for device in null zero full random urandom tty ptmx pts shm; do
		says "(^|: )$device$"
	done
	never_says '(^|: )(vda|sda|mem|kmsg|kvm|fuse)$'
	ok rkt run --net=none example.com/shell --exec=/bin/sh -- -c 'mknod /tmp/n c 1 3 2>&1; mknod /dev/n b 254 0 2>&1; true'
	says 'Operation not permitted'
}

# A volume with a disk's node in it gives no access to the disk.
test_device_nodes_are_closed() {
	have probe
	mkdir "$T/vol"
	mknod "$T/vol/mem" c 1 1
	mknod "$T/vol/disk" b 254 0
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol" $PROBE --mount=volume=v,target=/v --exec=/bin/probe -- nodes /v/mem /v/disk
	never_says '=OPEN'
}

test_keyrings_are_separate() {
	have shell
	ok rkt run --net=none example.com/shell --exec=/bin/sh -- -c 'wc -c </proc/keys; true'
	never_says '[1-9][0-9]*$'
}

# --- isolators: the value asked for is the value in the kernel --------------------------

cgroup_file() {	# FILE...: the first of these files in a cgroup of the pod's app, v1 or v2
	local file found

	for file in "$@"; do
		found=$(find /sys/fs/cgroup -path "*$pod*" -name "$file" 2>/dev/null | awk '{print length, $0}' | sort -n | tail -n 1 | cut -d' ' -f2-)
		[ -z "$found" ] || { cat "$found"; return; }
	done
	return 1
}

test_memory_limit() {
	have probe
	pod_start $PROBE --memory=64M --exec=/bin/probe -- sleep 30
	limit=$(cgroup_file memory.max memory.limit_in_bytes) || skip "no memory controller"
	# The kernel counts in pages.
	[ "$limit" -le 64000000 ] && [ $((64000000 - limit)) -lt 4096 ] || fail "the limit is $limit"
	ok rkt stop "$pod"
	try rkt run --net=none $PROBE --memory=64M --exec=/bin/probe -- eat 256
	[ "$rc" = 9 ] || fail "an app over its memory limit exits $rc, not 9"
	refused 'too low' rkt run --net=none $PROBE --memory=100 --exec=/bin/true
	exits 254 rkt run --net=none $PROBE --memory=much
	exits 254 rkt run --net=none $PROBE --memory=-1
}

test_cpu_limit() {
	have probe
	pod_start $PROBE --cpu=500m --cpu-shares=512 --exec=/bin/probe -- sleep 30
	quota=$(cgroup_file cpu.max cpu.cfs_quota_us) || skip "no cpu controller"
	equal 50000 "${quota%% *}" "quota"
	shares=$(cgroup_file cpu.shares || true)
	[ -z "$shares" ] || equal 512 "$shares" "shares"
	ok rkt stop "$pod"
	exits 254 rkt run --net=none $PROBE --cpu-shares=1
	exits 254 rkt run --net=none $PROBE --cpu=fast
}

test_process_limit() {
	have probe
	pod_start $PROBE --exec=/bin/probe -- sleep 30
	max=$(cgroup_file pids.max) || skip "no pids controller"
	equal 2048 "$max" "limit of processes"
	ok rkt stop "$pod"
	try rkt run --net=none $PROBE --exec=/bin/probe -- forks 10000
	n=$(sed -n 's/.*forks=//p' "$T/out")
	[ "${n:-0}" -gt 1000 ] && [ "$n" -le 2048 ] || fail "an app made ${n:-no} processes"
}

test_oom_score() {
	have probe
	app_options=(--oom-score-adj=500)
	probe identity
	says 'oom_score_adj=500'
	exits 254 rkt run --net=none $PROBE --oom-score-adj=5000
}

test_unknown_isolator() {
	image "$T/iso.aci" example.com/iso "$(APP=',"isolators":[{"name":"example.com/magic","value":true}]' app /bin/true)"
	refused 'example\.com/magic' rkt --insecure-options=image run --net=none "$T/iso.aci"
	refused 'example\.com/magic' rkt --insecure-options=image fetch "$T/iso.aci"
	nothing_stored
}

test_insecure_paths() {
	have shell
	options=(--insecure-options=paths)
	ok rkt --insecure-options=paths run --net=none example.com/shell --exec=/bin/sh -- -c 'ls /sys/module | wc -l'
	never_says '(^|: )0$'
}
