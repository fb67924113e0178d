# kill -9 at every step of a fetch: the next command goes on from what is there.
# shellcheck shell=bash disable=SC2154

# What a fetch changes on disk it changes by one of these. Between two of them nothing that a crash leaves is different,
# so dying before each of them is dying everywhere. In two parts, for a test has its time.
NAMES="linkat renameat2 renameat rename symlinkat mkdirat unlinkat"
STATES="fsync fdatasync syncfs fchmod fchmodat fchownat fchown ftruncate flock utimensat"

# listed NAME: is it there? Then it is whole.
listed() {
	ok rkt image list --no-legend --fields=name
	says "^example.com/probe:1.0.0"
	grep -q "^$1" "$T/out" || return 1
	ok rkt image verify "$1"
}

# check_store NAME FETCH…: after a kill all there was is there, the same fetch works, and nothing is left over.
check_store() {
	local name=$1

	shift
	until_true 10 no_helpers || fail "a helper outlived rkt: $(stragglers)"
	# Work that nobody goes on with is left over; nothing is damaged.
	try rkt fsck
	! grep -v -E '^(leftover|cgroup): ' "$T/out" || fail "fsck finds damage"
	listed "$name" || true
	ok rkt "$@"
	listed "$name" || fail "not there after it was fetched"
}

# sweep CALLS NAME FETCH…: kills the fetch before each of these calls. What the store has grown to in the end is no more
# than a fetch that nobody killed leaves.
sweep() {
	local calls=$1 name=$2 call n kills=0

	shift 2
	rkt "$@" >/dev/null 2>&1 || fail "cannot be fetched at all"
	ok rkt image rm "$name"
	ok rkt gc
	find "$DATA/cas" -mindepth 1 | sort >"$T/clean"
	for call in $calls; do
		n=1
		while killed_before "$call" $n "$@"; do
			kills=$((kills + 1))
			n=$((n + 1))
			check_store "$name" "$@"
			ok rkt image rm "$name"
		done
		try rkt image rm "$name"
	done
	[ $kills -ge 8 ] || fail "only $kills steps were found"
	ok rkt gc
	ok rkt gc
	find "$DATA/cas" -mindepth 1 | sort >"$T/swept"
	equal "" "$(comm -13 "$T/clean" "$T/swept" | grep -v -E '/cas/(blob|imageManifest)/sha(256|512)/..$')" "what is left"
	echo "$kills steps"
}

# A server on which example.com/shell takes half a second, and example.com/probe in the store.
slow_shell() {
	in_memory
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	have probe
}

sweep_aci() {
	slow_shell
	sweep "$1" example.com/shell fetch https://example.com/files/shell.aci
}
test_aci_at_every_name() { sweep_aci "$NAMES"; }
test_aci_at_every_state() { sweep_aci "$STATES"; }

# The very first one, which makes the store.
test_first_fetch_at_every_step() {
	local call n kills=0

	in_memory
	trust_key alice example.com
	for call in mkdirat fchown fchmod; do
		n=1
		while killed_before $call $n fetch "$FIX/shell.aci"; do
			kills=$((kills + 1))
			n=$((n + 1))
			ok rkt image list
			ok rkt fetch "$FIX/shell.aci"
			ok rkt image verify example.com/shell
			find "$DATA" -mindepth 1 -delete
		done
		find "$DATA" -mindepth 1 -delete
	done
	[ $kills -ge 10 ] || fail "only $kills steps were found"
}

sweep_oci() {
	in_memory
	shell_oci "$T/layout" >/dev/null
	registry 5000
	push "$T/layout:latest" shell
	have probe
	sweep "$1" localhost_5000/shell --insecure-options=image fetch "docker://$registry/shell"
}
test_oci_at_every_name() { sweep_oci "$NAMES"; }
test_oci_at_every_state() { sweep_oci "$STATES"; }

# sweep_times NAME STEP-MS COUNT FETCH…
sweep_times() {
	local name=$1 step=$2 count=$3 i

	shift 3
	for ((i = 1; i <= count; i++)); do
		timeout -s KILL "$(printf '%d.%03d' $((i * step / 1000)) $((i * step % 1000)))" "$RKT" --dir="$DATA" \
			--local-config="$CONFIG" --system-config="$VENDOR" "$@" >/dev/null 2>&1 || true
		listed "$name" || true
		[ $((i % 5)) != 0 ] || check_store "$name" "$@"
		try rkt image rm "$name"
	done
	check_store "$name" "$@"
	ok rkt image rm "$name"
	ok rkt gc
	equal "" "$(find "$DATA/cas/tmp" -mindepth 1)" "work in progress that nobody does any more"
}

test_aci_at_any_time() {
	slow_shell
	sweep_times example.com/shell 30 25 fetch https://example.com/fault/slower:.aci/files/shell.aci
}

test_oci_at_any_time() {
	in_memory
	shell_oci "$T/layout" >/dev/null
	registry 5000
	push "$T/layout:latest" shell
	have probe
	sweep_times localhost_5000/shell 15 25 --insecure-options=image fetch "docker://$registry/shell"
}

# A helper that dies takes the fetch with it, in words, and nothing else.
test_helpers_killed() {
	local who pid i

	slow_shell
	for who in rkt-fetch rkt-unpack; do
		for i in 0.05 0.15 0.3; do
			rkt_exec fetch https://example.com/fault/slower:.aci/files/shell.aci >"$T/fetch.out" 2>"$T/fetch.err" &
			pid=$!
			until_true 10 helper $who >/dev/null || fail "$who was never seen"
			sleep $i
			kill -9 $(helper $who) 2>/dev/null || true
			rc=0
			wait $pid || rc=$?
			[ $rc = 254 ] || [ $rc = 0 ] || fail "exits $rc: $(cat "$T/fetch.err")"
			[ $rc = 0 ] || grep -q -E 'signal 9|ended|died' "$T/fetch.err" || fail "does not say why: $(cat "$T/fetch.err")"
			check_store example.com/shell fetch https://example.com/files/shell.aci
			ok rkt image rm example.com/shell
		done
	done
}
helper() { grep -l -z -x "$1" /proc/[0-9]*/cmdline 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,' | grep .; }

# Sixteen images of the same four layers and one of their own, fetched at once.
test_sixteen_at_once() {
	local i layer digest pids=() id

	for ((i = 1; i <= 16; i++)); do
		echo "image n$i"
		echo "set Cmd '[\"/bin/true\"]'"
		for layer in 1 2 3 4; do
			echo "layer"
			echo "file shared$layer random=1000000"
		done
		echo "layer"
		echo "file own$i random=300000"
	done | oci "$T/layout" >/dev/null
	registry 5000
	for ((i = 1; i <= 16; i++)); do
		push "$T/layout:n$i" "many/n$i"
	done
	forget_requests
	for ((i = 1; i <= 16; i++)); do
		rkt_exec --insecure-options=image fetch "docker://$registry/many/n$i" >"$T/n$i.out" 2>"$T/n$i.err" &
		pids+=($!)
	done
	for ((i = 1; i <= 16; i++)); do
		wait "${pids[i - 1]}" || fail "the fetch of n$i: $(cat "$T/n$i.err")"
	done
	# Of each repository the layers have other URLs, but one digest.
	registry_requests | sed -n 's/^GET .*\/blobs\/\(sha256:[0-9a-f]*\) 20[06]$/\1/p' | sort | uniq -c >"$T/counts"
	for digest in $(python3 - "$T/layout" <<-'END'
		import json, sys, os
		layout = sys.argv[1]
		def blob(d): return json.load(open(layout + "/blobs/sha256/" + d["digest"][7:]))
		layers = {l["digest"] for m in json.load(open(layout + "/index.json"))["manifests"] for l in blob(m)["layers"]}
		print(*sorted(layers))
	END
	); do
		equal "1 $digest" "$(grep "$digest" "$T/counts" | xargs)" "how often a layer was downloaded"
	done
	equal 20 "$(grep -c . <(find "$DATA/cas/blob/sha256" -type f -size +200k))" "number of layers in the store"
	ok rkt image list --no-legend --fields=name
	equal 16 "$(grep -c many "$T/out")" "number of images"
	for ((i = 1; i <= 16; i++)); do
		ok rkt image verify "localhost_5000/many/n$i"
	done
}
