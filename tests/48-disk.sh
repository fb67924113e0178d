# Disks that are full or may not be written.
# shellcheck shell=bash

test_full_while_fetching() {
	local size

	trust_key alice example.com
	mkdir "$DATA"
	# Full at different moments: in the download, in the blob, in the tree.
	for size in 200k 2m 3m 5m 7m; do
		mount -t tmpfs -o size=$size,mode=0755 none "$DATA"
		try rkt fetch "$FIX/shell.aci"
		if [ "$rc" != 0 ]; then
			refused 'space' rkt fetch "$FIX/shell.aci"
			nothing_stored
		fi
		umount "$DATA"
	done
	mount -t tmpfs -o size=20m,mode=0755 none "$DATA"
	ok rkt fetch "$FIX/shell.aci"
	umount "$DATA"
}

test_full_while_preparing() {
	mkdir "$DATA"
	mount -t tmpfs -o size=40m,mode=0755 none "$DATA"
	have probe
	exits 0 rkt run --net=none example.com/probe --exec=/bin/probe -- exit 0
	ok rkt gc --grace-period=0s
	dd if=/dev/zero of="$DATA/fill" bs=4k 2>/dev/null || true
	refused 'space' rkt prepare --no-overlay example.com/probe
	rm "$DATA/fill"
	ok rkt gc --grace-period=0s --expire-prepared=0s
	ok rkt gc --grace-period=0s --expire-prepared=0s
	no_pods
	exits 5 rkt run --net=none example.com/probe --exec=/bin/probe -- exit 5
	ok rkt gc --grace-period=0s
	umount "$DATA"
}

test_out_of_inodes() {
	trust_key alice example.com
	mkdir "$DATA"
	mount -t tmpfs -o size=100m,nr_inodes=100,mode=0755 none "$DATA"
	refused 'space' rkt fetch "$FIX/shell.aci"
	nothing_stored
	umount "$DATA"
}

test_read_only() {
	have probe
	mount --bind "$DATA" "$DATA"
	mount -o remount,bind,ro "$DATA"
	refused 'ead-only' rkt fetch "$FIX/shell.aci"
	refused 'ead-only' rkt run --net=none example.com/probe
	refused 'ead-only' rkt prepare example.com/probe
	ok rkt image list
	ok rkt list
	umount "$DATA"
}

test_data_directory_is_a_file() {
	trust_key alice example.com
	echo file >"$DATA"
	refused 'data' rkt fetch "$FIX/shell.aci"
	refused 'data' rkt run --net=none "$FIX/shell.aci"
	rm "$DATA"
}

# Corrupt files are told, and do not keep the rest from being used.
test_corrupt_store() {
	local id

	have shell probe
	id=$(image_id "$FIX/shell.aci")
	for file in "$DATA"/cas/image/"${id:0:71}"; do
		printf '{"broken' >"$file"
	done
	try rkt image list
	says 'example\.com/probe'
	exits 6 rkt run --net=none example.com/probe --exec=/bin/probe -- exit 6
}

test_odd_directory_names() {
	DATA="$T/a:b,upperdir=c d"
	have probe
	exits 9 rkt run --net=none example.com/probe --exec=/bin/probe -- exit 9
}
