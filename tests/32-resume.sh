# Downloads that break, and rkt that is killed while it downloads: what was fetched is not fetched again.
# shellcheck shell=bash

# there [MEGABYTES]: a signed image of so many MiB that do not compress; what $T/www/fault says happens to it. Sets $url.
there() {
	serve
	trust_key alice example.com
	mkdir -p "$T/www/files" "$T/big/rootfs"
	head -c $((${1:-8} << 20)) /dev/urandom >"$T/big/rootfs/noise"
	pack "$T/www/files/big.aci" "$(manifest example.com/big "$(app /bin/true)")" "$T/big/rootfs"
	sign "$T/www/files/big.aci"
	size=$(stat -c %s "$T/www/files/big.aci")
	url=https://example.com/fault/now:.aci/files/big.aci
	happens "${2:-slowly}"
}

happens() { echo "$1" >"$T/www/fault"; }

sent() { awk '/\.aci$/ { n += $1 } END { print n + 0 }' "$T/requests.sent"; }
asked() { requests | grep '"path": "[^"]*\.aci"'; }

# Of the download that is under way.
part() { find "$DATA"/cas/tmp/part-0 -type f ! -name '*.json' 2>/dev/null; }
part_is_larger_than() { local file; file=$(part); [ -n "$file" ] && [ "$(stat -c %s "$file")" -gt "$1" ]; }

# killed_at BYTES: starts a fetch and kills it once so much has come.
killed_at() {
	local pid

	rkt_exec fetch "$url" >"$T/fetch.out" 2>&1 &
	pid=$!
	until_true 20 part_is_larger_than "$1" || { cat "$T/fetch.out"; fail "nothing is downloaded"; }
	kill -KILL $pid
	wait $pid || true
	until_true 5 sh -c '! grep -l ^Name:.*rkt-fetch /proc/[0-9]*/status' || fail "rkt-fetch outlived rkt"
}

fetched() {
	ok rkt fetch --full "$url"
	equal "$(image_id "$T/www/files/big.aci")" "$out" "the hash"
	[ -z "$(part)" ] && [ ! -e "$DATA/cas/tmp/part-0" ] || fail "the download was left behind"
	ok rkt image verify "$out"
}

test_killed() {
	there
	killed_at $((size / 2))
	happens ok
	fetched
	asked | tail -n 1 | grep -q '"Range": "bytes=[0-9]*-", "If-Range": "\\"' || fail "not asked for the rest"
	[ "$(sent)" -lt $((size * 130 / 100)) ] || fail "$(sent) bytes were sent of $size"
}

test_killed_by_name() {
	there
	publish example.com/big "$T/www/files/big.aci"
	discovery_page example.com https://example.com/fault/now:.aci/images
	url=example.com/big:1.0.0
	killed_at $((size / 2))
	happens ok
	fetched
	asked | tail -n 1 | grep -q '"Range": ' || fail "not asked for the rest"
}

# Nobody pays twice for a bad line: 20 kills cost at most a twentieth more than none.
test_twenty_kills() {
	# What is in flight when it is killed is lost. On a busy machine that would be megabytes, in this test's network alone.
	echo 4096 65536 65536 | tee /proc/sys/net/ipv4/tcp_rmem >/proc/sys/net/ipv4/tcp_wmem
	there 64
	for ((i = 0; i < 20; i++)); do
		killed_at $(($(stat -c %s "$(part)" 2>/dev/null || echo 0) + size / 40))
	done
	fetched
	[ "$(sent)" -le $((size * 105 / 100)) ] || fail "$(sent) bytes were sent of $size"
	equal 21 "$(asked | wc -l)" "the number of requests"
}

# Also whoever was killed when all had come.
test_killed_after_the_last_byte() {
	there 4 ok
	ok rkt fetch "$url"
	ok rkt image rm example.com/big
	happens slowly
	killed_at $((size / 2))
	tail -c +$(($(stat -c %s "$(part)") + 1)) "$T/www/files/big.aci" >>"$(part)"
	: >"$T/requests.sent"
	happens ok
	fetched
	[ "$(sent)" -lt 10000 ] || fail "$(sent) bytes were sent"
}

test_another_version_meanwhile() {
	there
	killed_at $((size / 2))
	head -c $((8 << 20)) /dev/urandom >"$T/big/rootfs/noise"
	pack "$T/www/files/big.aci" "$(manifest example.com/big "$(app /bin/true)")" "$T/big/rootfs"
	sign "$T/www/files/big.aci"
	happens ok
	fetched
	asked | tail -n 1 | grep -q '"If-Range"' || fail "not asked for the version that was begun"
}

# restarted KIND: the rest cannot be had so; all of it is fetched.
restarted() {
	there
	killed_at $((size / 2))
	happens "$1"
	fetched
	asked | grep -q '"Range"' || fail "not asked for the rest"
}

test_no_range() { restarted no-range; }
test_wrong_range() { restarted bad-range; }
test_range_of_other_bytes() { restarted bad-bytes; }
test_range_refused() { restarted no-416; }

# What lies there is not what was downloaded: a disk that lost power, or somebody's hand.
test_damaged() {
	there
	killed_at $((size / 2))
	head -c 100000 /dev/zero >>"$(part)"
	happens ok
	fetched
}

test_without_version() {
	there 8 no-name
	rkt_exec fetch "$url" >/dev/null 2>&1 &
	until_true 10 grep -q big "$T/requests" || fail "it was never asked for"
	kill -KILL $!
	wait $! || true
	happens ok
	: >"$T/requests"
	fetched
	! asked | grep -q '"Range"' || fail "asked for the rest of what has no name"
}

# --- within one fetch ----------------------------------------------------------------------

test_broken_once() {
	there 8 once
	fetched
	equal 2 "$(asked | wc -l)" "the number of requests"
	asked | tail -n 1 | grep -q '"If-Range"' || fail "not gone on with"
	[ "$(sent)" -lt $((size * 110 / 100)) ] || fail "$(sent) bytes were sent of $size"
}

test_busy_twice() {
	there 1 busy
	fetched
	equal 3 "$(asked | wc -l)" "the number of requests"
}

# What ends for good leaves nothing; what may come yet leaves what has come.
test_what_stays() {
	there 8 ok
	echo nonsense >"$T/www/files/big.aci.asc"
	refused 'signature' rkt fetch "$url"
	nothing_stored
	sign "$T/www/files/big.aci" mallory
	refused 'signature|key' rkt fetch "$url"
	nothing_stored
	sign "$T/www/files/big.aci"
	mkdir -p "$CONFIG/limits.d"
	printf '{"rktKind":"limits","rktVersion":"v1","image-bytes":"1MiB"}' >"$CONFIG/limits.d/l.json"
	refused 'limit image-bytes' rkt fetch "$url"
	nothing_stored
}

test_sweep() {
	there
	killed_at $((size / 2))
	ok rkt gc
	[ -n "$(part)" ] || fail "the download of today was removed"
	touch -d '2 days ago' "$(part)"
	ok rkt gc
	nothing_stored
}

# --- two at once ---------------------------------------------------------------------------

test_two_at_once() {
	local first

	there 32
	rkt_exec fetch "$url" >"$T/first" 2>&1 &
	first=$!
	until_true 20 part_is_larger_than 1000000 || fail "nothing is downloaded"
	ok rkt fetch --full "$url"
	equal "$(image_id "$T/www/files/big.aci")" "$out" "the hash"
	wait $first || fail "the first: $(cat "$T/first")"
	equal 1 "$(asked | wc -l)" "the number of requests"
	nothing_stored_but_one
}

nothing_stored_but_one() {
	ok rkt image list --no-legend
	equal 1 "$(wc -l <"$T/out")" "number of images"
	[ -z "$(ls -A "$DATA/cas/tmp")" ] || fail "left behind: $(ls -A "$DATA/cas/tmp")"
}

# The one that waits goes on where the one that was killed ended.
test_heir() {
	local first

	there 24 slower
	rkt_exec fetch "$url" >"$T/first" 2>&1 &
	first=$!
	until_true 20 part_is_larger_than $((size / 4)) || fail "nothing is downloaded"
	rkt_exec fetch "$url" >"$T/second" 2>&1 &
	until_true 20 grep -q 'waiting for another rkt to finish downloading the same' "$T/second" || fail "it does not wait"
	kill -KILL $first
	wait $first || true
	wait $! || fail "the second: $(cat "$T/second")"
	asked | tail -n 1 | grep -q '"Range": ' || fail "not asked for the rest"
	nothing_stored_but_one
}
