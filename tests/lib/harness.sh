# harness.sh: what every functional test stands on. tests/lib/one sources it, then the test's file.
#
# A test is a function test_NAME. It runs with "set -e" in namespaces of its own (mount, network, pid, ipc,
# uts), in $T, a directory that goes away, with a data directory and configuration of its own. Whatever it
# leaves running, mounted or changed outside $T fails it.
#
#   rkt ARGS…              the engine, with this test's directories
#   try CMD…               runs CMD; sets $rc, $out, $err (files $T/out and $T/err)
#   ok CMD…                try, and it must exit 0
#   exits N CMD…           try, and it must exit N
#   refused REGEX CMD…     try, and it must exit 254 with one clear line on stderr that matches
#   says REGEX             the last stdout has a matching line; complains REGEX: the last stderr
#   equal WANT GOT WHAT    the same text
#   fail WORDS…, skip WORDS…
# shellcheck shell=bash disable=SC2034

DATA=$T/data CONFIG=$T/etc VENDOR=$T/vendor
LIMIT=${LIMIT:-60}	# seconds that one command may take

fail() {
	printf 'FAILED: %s\n' "$*"
	if [ -n "${last:-}" ]; then
		printf '  command: %s\n  status: %s\n' "$last" "${rc:-?}"
		sed 's/^/  stdout: /' "$T/out" 2>/dev/null | head -n 15
		sed 's/^/  stderr: /' "$T/err" 2>/dev/null | head -n 25
	fi
	exit 1
}

skip() {
	printf 'SKIPPED: %s\n' "$*"
	exit 77
}

rkt() {
	command "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" "$@"
}

# The same in place of a background job's shell, so that $! is the engine: rkt_exec fetch … &
rkt_exec() {
	exec "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" "$@"
}

# What no command may ever do, whatever else is expected of it.
check_manners() {
	case $rc in
	124 | 137) fail "hangs: no end within $LIMIT s" ;;
	132 | 134 | 135 | 136 | 139) fail "crashes" ;;
	esac
	if grep -q -a -i -E 'sanitizer|stack smashing|buffer overflow detected|double free|runtime error:' "$T/out" "$T/err"; then
		fail "memory error"
	fi
	if LC_ALL=C grep -q -a -P '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]' "$T/err"; then
		fail "control bytes on stderr"
	fi
	[ "$(wc -l <"$T/err")" -le 20 ] || fail "more than 20 lines on stderr"
}

try() {
	last="$*"
	rc=0
	if [ "$1" = rkt ]; then
		shift
		set -- "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" "$@"
	fi
	timeout -k 2 "$LIMIT" "$@" >"$T/out" 2>"$T/err" </dev/null || rc=$?
	out=$(tr -d '\0' <"$T/out")
	err=$(tr -d '\0' <"$T/err")
	check_manners
}

ok() {
	try "$@"
	[ "$rc" = 0 ] || fail "exits $rc, not 0"
}

exits() {
	local want=$1

	shift
	try "$@"
	[ "$rc" = "$want" ] || fail "exits $rc, not $want"
}

# What a fetch tells on its way is no part of the refusal.
TALK='^image: |^  [^ ].*<.*>$|^warning: |: warning: |^pubkey: |^key: |has been deprecated'

refused() {
	local regex=$1 lines

	shift
	try "$@"
	[ "$rc" = 254 ] || fail "exits $rc, not 254"
	lines=$(grep -v -E "$TALK" "$T/err" || true)
	[ -n "$lines" ] || fail "refuses without a word"
	[ "$(wc -l <<<"$lines")" = 1 ] || fail "refuses with more than one line"
	grep -q -i -E -- "$regex" <<<"$lines" || fail "the refusal does not match: $regex"
}

says() { grep -q -a -E -- "$1" "$T/out" || fail "stdout has no line that matches: $1"; }
never_says() { ! grep -q -a -E -- "$1" "$T/out" || fail "stdout has a line that matches: $1"; }
complains() { grep -q -a -E -- "$1" "$T/err" || fail "stderr has no line that matches: $1"; }

equal() {
	[ "$1" = "$2" ] || {
		diff <(printf '%s\n' "$1") <(printf '%s\n' "$2") | head -n 20 || true
		fail "$3 differs (wanted <, got >)"
	}
}

# until_true SECONDS CMD…: waits until CMD succeeds.
until_true() {
	local end=$((SECONDS + $1 + 1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

# nothing_stored: no image but the stage1, no pod and no work in progress is left in the data directory.
nothing_stored() {
	local left key='^$'

	[ -d "$DATA" ] || return 0
	no_pods
	if [ -d "$DATA/cas/name/coreos.com,rkt,stage1-native" ]; then
		key=$(ls "$DATA/cas/name/coreos.com,rkt,stage1-native")
		key="$key|$(sed 's/.*"tree": *"\([^"]*\)".*/\1/' "$DATA/cas/image/$key")|stage1-native"
	fi
	left=$(find "$DATA"/cas/{blob,imageManifest,image} "$DATA/vouched" ! -type d -print 2>/dev/null | grep -v -E "$key" | head -n 5)
	[ -z "$left" ] || fail "left behind: $left"
	left=$(find "$DATA"/cas/{tmp,tree,name} -mindepth 1 ! -name .backend -print 2>/dev/null | grep -v -E "$key" | head -n 5)
	[ -z "$left" ] || fail "left behind: $left"
}

no_pods() {
	local left

	left=$(find "$DATA/pods" -mindepth 2 -maxdepth 2 -print 2>/dev/null | head -n 5)
	[ -z "$left" ] || fail "left behind: $left"
}

# pod_start ARGS…: rkt run in the background; sets $pod (UUID) and $pod_pid. Its output goes to $T/pod.out, pod.err.
pod_start() {
	rm -f "$T/pod.uuid"
	rkt_exec run --net=none --uuid-file-save="$T/pod.uuid" "$@" >"$T/pod.out" 2>"$T/pod.err" </dev/null &
	pod_pid=$!
	pod_await
}

pod_await() {
	until_true 10 test -s "$T/pod.uuid" || { cat "$T/pod.err"; fail "the pod did not get a UUID"; }
	pod=$(cat "$T/pod.uuid")
	until_true 10 pod_is_up "$pod" || { cat "$T/pod.err"; fail "the pod did not start"; }
}

pod_is_up() {
	rkt status "$1" 2>/dev/null | grep -q '^state=running$' &&
		rkt status "$1" 2>/dev/null | grep -q '^pid=' &&
		ls "$DATA"/pods/run/"$1"/overlay/*/upper/rkt/supervisor-status "$DATA"/pods/run/"$1"/stage1/rootfs/rkt/supervisor-status 2>/dev/null | grep -q .
}

# pod_end: waits for the pod of pod_start; sets $rc.
pod_end() {
	rc=0
	wait "$pod_pid" || rc=$?
}

# --- what must be as it was before ------------------------------------------

snapshot() {
	echo "mounts:"
	awk '{print "mount", $5, $6}' /proc/self/mountinfo | sort
	echo "links:"
	sed -n '3,$s/:.*//p' /proc/net/dev | sort
	echo "system:"
	for f in kernel/core_pattern kernel/modprobe kernel/hostname kernel/sysrq vm/panic_on_oom net/ipv4/ip_forward; do
		echo "$f=$(cat /proc/sys/$f 2>/dev/null)"
	done
	echo "files:"
	find "$CANARY" -printf '%p %y %m %U:%G %n %s %l\n' -type f -exec sha512sum {} \; | sort
	stat -c '%n %F %a %u:%g %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty 2>/dev/null
	sha512sum /etc/passwd /etc/group /etc/shadow "$RKT" 2>/dev/null
	echo "sockets:"
	awk 'NR > 1 && $8 ~ /^@/ {print $8}' /proc/net/unix | sort
}

# Processes of this test but the shell itself: there must be none in the end.
stragglers() {
	local p

	for p in /proc/[0-9]*; do
		p=${p#/proc/}
		[ "$p" != $$ ] && [ "$p" != "${BASHPID:-}" ] || continue
		[ -s "/proc/$p/cmdline" ] || continue
		printf '%s: %s\n' "$p" "$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null)"
	done 2>/dev/null | grep -v -E '^[0-9]+: *$' || true
}

no_stragglers() { [ -z "$(stragglers)" ]; }

cgroups_of_pods() {
	local uuid

	for uuid in "${uuids[@]}"; do
		find /sys/fs/cgroup -type d -name "*$uuid*" 2>/dev/null
	done
}

# clean_up: ends what runs and collects it, as a person would; then looks for what stayed.
clean_up() {
	local uuid left p

	uuids=()
	for p in "$DATA"/pods/*/*; do
		[ -d "$p" ] && uuids+=("${p##*/}")
	done
	for uuid in "${uuids[@]}"; do
		rkt stop --force "$uuid" >/dev/null 2>&1 || true
		rkt status --wait=5s "$uuid" >/dev/null 2>&1 || true
	done
	if [ -d "$DATA/pods" ] && [ -w "$DATA/pods" ]; then
		rkt gc --grace-period=0s --expire-prepared=0s >"$T/gc.out" 2>&1 || true
		rkt gc --grace-period=0s --expire-prepared=0s >>"$T/gc.out" 2>&1 || true
		left=$(find "$DATA/pods" -mindepth 2 -maxdepth 2)
		[ -z "$left" ] || { cat "$T/gc.out"; echo "FAILED: gc left $left"; return 1; }
	fi
	until_true 5 no_stragglers || true
	left=$(stragglers)
	[ -z "$left" ] || { echo "FAILED: still running:"; echo "$left"; return 1; }
	left=$(cgroups_of_pods)
	[ -z "$left" ] || { echo "FAILED: cgroups left:"; echo "$left"; return 1; }
	snapshot >"$T/after" 2>/dev/null
	# What others unmount meanwhile goes here too.
	if diff "$T/before" "$T/after" | grep '^[<>]' | grep -v '^< mount ' >"$T/changes"; then
		echo "FAILED: the host has changed:"
		head -n 20 "$T/changes"
		return 1
	fi
}
