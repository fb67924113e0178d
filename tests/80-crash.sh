# Any process may die at any moment; the next command goes on from what is on disk.
# shellcheck shell=bash

S=example.com/shell P=example.com/probe

test_supervisor_killed() {
	have shell
	pod_start $S --exec=/bin/sleep -- 1000
	kill -9 "$pod_pid"
	pod_end
	# Nothing of the pod outlives it, and it is exited at once.
	until_true 5 no_sleepers || fail "the app outlived its supervisor"
	ok rkt status "$pod"
	says '^state=exited$'
	ok rkt gc --grace-period=0s
	no_pods
}
no_sleepers() { ! grep -l sleep /proc/[0-9]*/comm >/dev/null 2>&1; }

test_init_killed() {
	local init

	have shell
	pod_start $S --exec=/bin/sleep -- 1000
	init=$(cut -d" " -f1 "/proc/$pod_pid/task/$pod_pid/children")
	kill -9 "$init"
	pod_end
	equal 254 "$rc" "exit code of a pod that was lost"
	ok rkt status "$pod"
	says '^state=exited$'
}

# Who is asked to end three times does not wait for a pod that hears nothing.
test_init_hangs() {
	local init

	have shell
	pod_start $S --exec=/bin/sleep -- 1000
	init=$(cut -d" " -f1 "/proc/$pod_pid/task/$pod_pid/children")
	kill -STOP "$init"
	for _ in 1 2 3; do
		kill "$pod_pid"
		sleep 0.2
	done
	until_true 5 no_sleepers || fail "the pod goes on"
	pod_end
	ok rkt status "$pod"
	says '^state=exited$'
}

# kill -9 at forty moments of a fetch and a run.
test_killed_anywhere() {
	local i left

	trust_key alice example.com
	for ((i = 0; i < 40; i++)); do
		timeout -s KILL "0.0$(printf %02d $((i * 2 + 1)))" "$RKT" --dir="$DATA" --local-config="$CONFIG" \
			--system-config="$VENDOR" run --net=none "$FIX/probe.aci" --exec=/bin/probe -- exit 0 >/dev/null 2>&1 || true
	done
	until_true 5 no_stragglers || fail "still running: $(stragglers)"
	ok rkt list
	ok rkt image list
	exits 7 rkt run --net=none "$FIX/probe.aci" --exec=/bin/probe -- exit 7
	ok rkt image verify $P
	ok rkt gc --grace-period=0s --expire-prepared=0s
	ok rkt gc --grace-period=0s --expire-prepared=0s
	no_pods
	left=$(find "$DATA/cas/tmp" -mindepth 1)
	equal "" "$left" "work in progress that nobody does any more"
	ok rkt image rm $P
}

test_gc_killed_anywhere() {
	local i

	have shell
	for ((i = 0; i < 15; i++)); do
		ok rkt run --net=none $S --exec=/bin/true
		timeout -s KILL "0.0$(printf %02d $((i * 2 + 1)))" "$RKT" --dir="$DATA" gc --grace-period=0s >/dev/null 2>&1 || true
	done
	ok rkt gc --grace-period=0s
	ok rkt gc --grace-period=0s
	no_pods
}

# A pod directory without its files is told and collected.
test_broken_pod() {
	local uuid

	have shell
	ok rkt run --net=none --uuid-file-save="$T/uuid" $S --exec=/bin/true
	uuid=$(cat "$T/uuid")
	rm "$DATA/pods/run/$uuid/pod"
	try rkt list
	says "^${uuid:0:8}	+-	"
	mkdir "$DATA/pods/run/not-a-uuid"
	try rkt list
	says "^${uuid:0:8}	"
	rmdir "$DATA/pods/run/not-a-uuid"
	try rkt gc --grace-period=0s
	try rkt gc --grace-period=0s
	no_pods
}

# Few files may be open: the pod runs as always, or is refused in one line, and never spins.
test_few_files() {
	local limit

	have probe
	for limit in 8 16 32 64 128; do
		try prlimit --nofile=$limit "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" \
			run --net=none example.com/probe --exec=/bin/probe -- exit 3
		[ "$rc" = 3 ] || { [ "$rc" = 254 ] && [ -n "$err" ]; } || fail "exits $rc"
	done
	equal 3 "$rc" "exit code with 128 files"
	try rkt gc --grace-period=0s
	try rkt gc --grace-period=0s
}
