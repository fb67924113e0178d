# kill -9 at every step of removing and mending: what is there stays whole, and the same command finishes the work.
# shellcheck shell=bash

# What changes something that others could see half done.
STEPS="renameat unlinkat renameat2 fsync utimensat"

# seed: the data directory as it is now is what every round begins with.
seed() {
	rm -rf "$T/seed"
	cp -a "$DATA" "$T/seed"
}
reseed() {
	find "$DATA" -mindepth 1 -delete
	cp -a "$T/seed/." "$DATA"
}

# Of a directory with many files one is as good as the next.
next() { [ "$1" -lt 12 ] && echo $(($1 + 1)) || echo $(($1 + 41)); }

# killed_everywhere ALLOWED COMMAND…: after each kill nothing but findings of the kinds ALLOWED is there. Then the
# command finishes, or has nothing to do any more; all is well, and of the images only example.com/probe is left.
killed_everywhere() {
	local allowed=$1 call n kills=0

	shift
	seed
	for call in $STEPS; do
		n=1
		while reseed && killed_before "$call" "$n" "$@"; do
			kills=$((kills + 1))
			n=$(next $n)
			try rkt fsck --check-content
			! grep -v -E "^($allowed): " "$T/out" || fail "$call $n: other damage"
			ok rkt image verify "$(image_id "$FIX/probe.aci")"
			try rkt "$@"
			ok rkt fsck --repair
			ok rkt fsck
			ok rkt image list --no-legend --fields=name
			equal 'example.com/probe:1.0.0' "$out" "the images"
		done
	done
	[ $kills -ge 4 ] || fail "only $kills steps were found"
	echo "$kills steps"
}

two_images() {
	in_memory
	mount -t tmpfs none /sys/fs/cgroup	# what others left there is theirs
	snapshot >"$T/before" 2>/dev/null
	have shell probe
	ok rkt fsck
}

test_image_gc() {
	two_images
	touch -d '2 days ago' "$DATA/cas/image/$(image_id "$FIX/shell.aci" | cut -c1-71)"
	killed_everywhere 'leftover|tree' image gc
}

test_image_rm() {
	two_images
	killed_everywhere 'leftover|tree' image rm example.com/shell
}

test_fsck() {
	two_images
	rm "$DATA"/cas/blob/sha512/*/"$(image_id "$FIX/shell.aci" | cut -c1-71)" "$DATA"/cas/name/example.com,probe/*
	echo x >"$DATA/cas/tmp/file.0123456789abcdef"
	echo '{' >"$DATA/cas/image/sha512-$(printf '4%.0s' {1..64})"
	killed_everywhere 'leftover|tree|incomplete|unreadable|name' fsck --repair
}
