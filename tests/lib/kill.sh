# kill.sh: commands that die at every step.
# shellcheck shell=bash

# in_memory: the store, so that what is synced hundreds of times costs nothing.
in_memory() {
	mkdir -p "$DATA"
	mount -t tmpfs -o mode=0755,size=512m tmpfs "$DATA"
	snapshot >"$T/before" 2>/dev/null
}

# killed_before CALL N ARGS…: rkt, killed when it is about to do the Nth such call. Fails where it came to its end.
killed_before() {
	local call=$1 nth=$2 status=0

	shift 2
	(	# without the shell's words on who was killed
		strace -o /dev/null -e trace="$call" -e inject="$call:signal=SIGKILL:when=$nth" \
			"$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" "$@" \
			>"$T/killed.out" 2>"$T/killed.err" </dev/null
	) 2>/dev/null || status=$?
	[ $status = 137 ] || [ $status = 0 ] || fail "$call $nth: exits $status: $(cat "$T/killed.err")"
	[ $status = 137 ]
}

# Nothing that a killed rkt had started still runs.
no_helpers() { ! grep -l -z -E '^rkt-(fetch|unpack)$' /proc/[0-9]*/cmdline; }
