# Images that other tools made: they run, and their files are what other tools make of them.
# shellcheck shell=bash disable=SC2154

# corpus LAYOUT: an image of three layers with what there is in layers.
corpus() {
	local long=$(printf 'n%.0s' {1..255}) deep=$(printf 'directory-%02d/' {1..30}) capability

	deep=${deep%/}
	capability='\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'	# net_bind_service
	{
		cat <<-END
			image corpus
			set Entrypoint '["/bin/sh"]'
			layer
			dir ./
			dir bin
			file bin/busybox copy=$FIX/bin/busybox mode=0755
			symlink bin/sh busybox
			symlink bin/sleep busybox
			dir dev
			dir proc
			dir sys
			dir tmp mode=1777
			dir etc
			file etc/passwd text='root:x:0:0:root:/:/bin/sh\n'

			dir modes
			dir modes/setgid mode=2750 gid=50
			dir modes/closed mode=0700 uid=7
			file modes/setuid mode=4755 text=x
			file modes/setgid-file mode=2711 text=x gid=50
			file modes/none mode=0000 text=x
			file modes/owned uid=1234 gid=5678 text=x
			file modes/owned-far uid=2000000000 gid=2000000001 text=x
			file modes/setuid-owned mode=6755 uid=33 gid=34 text=x
			symlink modes/owned-link owned uid=12 gid=13
			fifo modes/fifo mode=0640 uid=3

			dir times
			file times/nanoseconds mtime=1234567890.123456789 text=x
			file times/epoch mtime=0 text=x
			file times/late mtime=4102444800 text=x
			symlink times/link x mtime=1111111111

			dir names
			file names/$long text=long
			file 'names/\xff\xfe' text=bytes
			file 'names/line\nfeed' text=x
			file 'names/ends in space ' text=x
			file 'names/tab\there' text=x
			file 'names/back\\\\slash' text=x
			file 'names/\xc3\xbc' text=x
			file 'names/u\xcc\x88' text=x
			file names/-dash text=x
			file "names/quote's" text=x
			file names/.hidden text=x
			file names/.whatever text=x
			file names/... text=x
			symlink names/absolute /etc/passwd
			symlink names/up ../../../../etc/passwd
			symlink names/dangling nowhere
			symlink names/long-target $long/$long
			symlink 'names/odd-target' '\xff\n'
		END
		d=
		for part in ${deep//\// }; do
			d=${d:+$d/}$part
			echo "dir $d"
		done
		cat <<-END
			file $deep/file text=deep

			dir attributes xattr:user.dir=here
			file attributes/text text=x xattr:user.one=1 xattr:user.two='zwei Wörter'
			file attributes/bytes text=x xattr:user.bytes='\x00\x01\xff\x0a='
			file attributes/capability mode=0755 text=x xattr:security.capability=$capability

			dir sizes
			file sizes/empty
			file sizes/511 random=511
			file sizes/512 random=512
			file sizes/513 random=513
			file sizes/4096 random=4096
			file sizes/large random=1500000
			file sizes/zeros zeros=100000
			sparse sizes/sparse 1000000 0=begin 600000=middle
			sparse sizes/sparse-end 100000 99995=final
			sparse sizes/all-hole 50000

			dir links
			file links/a text=linked
			hardlink links/b links/a
			hardlink names/c links/a
			symlink links/symbolic a
			hardlink links/symbolic-too links/symbolic
			file links/p text=pair
			hardlink links/q links/p
			file links/lone text=lone

			dir gone
			file gone/file text=x
			file gone/other text=x
			dir gone/dir
			file gone/dir/file text=x
			symlink gone/link ../etc
			dir opaque
			file opaque/old text=x
			dir opaque/dir
			file opaque/dir/old text=x
			dir changes
			file changes/file-to-dir text=x
			dir changes/dir-to-file
			file changes/dir-to-file/x text=x
			symlink changes/link-to-dir /etc
			dir changes/dir-to-link
			file changes/dir-to-link/x text=x
			file changes/mode mode=0600 text=same
			dir changes/dir mode=0700
			file changes/dir/kept text=kept
			layer plain
			dir ./
			dir gone
			whiteout gone/file
			whiteout gone/dir
			whiteout gone/link
			dir opaque mode=0711
			opaque opaque
			file opaque/new text=new
			dir changes
			dir changes/file-to-dir
			file changes/file-to-dir/x text=now
			file changes/dir-to-file text=now
			dir changes/link-to-dir
			file changes/link-to-dir/x text=x
			symlink changes/dir-to-link /etc
			file changes/mode mode=0755 text=same
			dir changes/dir mode=0750 uid=9
			dir links
			hardlink links/later links/lone
			file links/p text='on its own'
			layer gzip
			dir ./
			dir gone
			file gone/dir text='a file now'
			dir opaque mode=0711
			dir opaque/dir
			file opaque/dir/newer text=newer
			dir links
			hardlink links/last links/later
			dir new uid=5 mode=0750 mtime=1600000000
			file new/file text=x uid=5
		END
	} | oci "$1"
}

# unpacked_by_umoci LAYOUT:TAG, unpacked_by_podman LAYOUT:TAG: sets $tree.
unpacked_by_umoci() {
	umoci unpack --image "$1" "$T/umoci" >"$T/umoci.log" 2>&1 || fail "umoci: $(tail -n 1 "$T/umoci.log")"
	tree=$T/umoci/rootfs
}
unpacked_by_podman() {
	containers_home
	skopeo copy --quiet "oci:$1" containers-storage:localhost/corpus || fail "skopeo"
	tree=$(podman image mount localhost/corpus)
}

# told DIR: what is there, without the places where a pod has files of its own.
told() { python3 "$LIB/describe.py" "$1" dev proc run sys tmp etc/hosts etc/hostname etc/mtab etc/resolv.conf; }

# same WANT GOT WHAT [SED]: two trees; what SED does to the lines of both is the difference that may be.
same() {
	local difference

	[ -s "$1" ] || fail "nothing to compare with"
	difference=$(diff <(sed -E "${4:-}" "$1") <(sed -E "${4:-}" "$2") | head -n 20) || true
	[ -z "$difference" ] || fail "$3 (wanted <, got >):"$'\n'"$difference"
}

# pod_of REFERENCE OPTIONS…: the files of an app that runs, as it sees them. Prints them.
pod_of() {
	local app reference=$1

	shift
	pod_start --insecure-options=image "$@" "$reference" --exec=/bin/sleep -- 1000
	app=$(grep -l -z -x /bin/sleep /proc/[0-9]*/cmdline | head -n 1)
	told "${app%/cmdline}/root"
	ok rkt stop --force "$pod"
	pod_end 2>/dev/null
}
# What is mounted into a pod's root and its etc changes their times.
PODS_OWN='s/^((\.|etc) dir .* 0:0) [0-9]+/\1 now/'

# compared LAYOUT:TAG: by all ways that rkt has to files, with what umoci unpacks. The name of each is in front.
compared() {
	local id way

	ok rkt --insecure-options=image fetch "oci:$1"
	id=$out
	unpacked_by_umoci "$1"
	told "$tree" >"$T/umoci.txt"
	for way in extract render; do
		mkdir "$T/${way}ed"
		ok rkt image $way --rootfs-only --overwrite "$id" "$T/${way}ed"
		told "$T/${way}ed" >"$T/${way}ed.txt"
		same "$T/umoci.txt" "$T/${way}ed.txt" "image $way differs from umoci"
	done
	pod_of "oci:$1" >"$T/pod.txt" 2>/dev/null
	same "$T/umoci.txt" "$T/pod.txt" "the files of a pod differ from umoci's" "$PODS_OWN"
	pod_of "oci:$1" --no-overlay >"$T/pod.txt" 2>/dev/null
	same "$T/umoci.txt" "$T/pod.txt" "the files of a pod without overlay differ from umoci's" "$PODS_OWN"
}

test_corpus() {
	corpus "$T/layout" >/dev/null
	compared "$T/layout:corpus"
	[ "$(wc -l <"$T/umoci.txt")" -gt 110 ] || fail "umoci has not all files"
	unpacked_by_podman "$T/layout:corpus"
	told "$tree" >"$T/podman.txt"
	# Podman copies symlinks that are one file to others, and its root has the time when it was made.
	same "$T/podman.txt" "$T/extracted.txt" "image extract differs from podman" \
		's/^(\. dir .*) [0-9]+ - -$/\1/; s/(symlink .*) links\/symbolic a$/\1 - a/'
}

# What no specification settles and no builder makes, as umoci takes it.
test_odd_layers() {
	oci "$T/layout" >/dev/null <<-END
		image odd
		layer
		dir ./
		dir bin
		file bin/busybox copy=$FIX/bin/busybox mode=0755
		symlink bin/sleep busybox
		dir etc
		dir a
		file a/file text=old
		file a/later text=old
		dir b
		file b/old text=old
		dir c
		dir c/d
		file c/d/e text=old
		layer
		dir ./
		dir a
		whiteout a/file
		file a/file text=new
		file a/later text=new
		whiteout a/later
		whiteout a/never-there
		dir b
		file b/new text=new
		opaque b
		dir c
		opaque c/d
		file c/d/f text=new
	END
	compared "$T/layout:odd"
}

test_devices_are_refused() {
	local kind

	for kind in 'char dev/null 1:3' 'block dev/disk 8:0' 'char gone 0:0'; do
		rm -rf "$T/layout"
		oci "$T/layout" >/dev/null <<-END
			image device
			layer
			dir dev
			$kind
		END
		refused "device" rkt --insecure-options=image fetch "oci:$T/layout:device"
		rm -rf "$DATA"
	done
}

# runs REFERENCE: fetched, and busybox says hello from it.
runs() {
	ok rkt --insecure-options=image fetch "$@"
	ok rkt --insecure-options=image run --net=none "$@" --exec=/bin/sh -- -c 'echo hello from $0; cat /etc/passwd' "$1"
	says '^hello from'
	says '^root:'
	no_pods_after_gc
}
no_pods_after_gc() {
	ok rkt gc --grace-period=0s
	no_pods
}

# A directory for the tools that make layers of directories.
shell_dirs() {
	mkdir -p "$T/base"/{dev,etc,proc,sys,tmp} "$T/shell/bin"
	echo 'root:x:0:0:root:/:/bin/sh' >"$T/base/etc/passwd"
	cp "$FIX/bin/busybox" "$T/shell/bin/"
	ln -s busybox "$T/shell/bin/sh"
	ln -s busybox "$T/shell/bin/cat"
}

test_registry_pushed_by_skopeo() {
	shell_oci "$T/layout" >/dev/null
	registry 5000
	push "$T/layout:latest" made/shell:1
	runs "docker://$registry/made/shell:1"
	push "$T/layout:latest" made/shell:schema2 --format v2s2 --preserve-digests=false
	runs "docker://$registry/made/shell:schema2"
}

test_registry_pushed_by_buildah() {
	shell_dirs
	registry 5000
	buildah_push made "$T/base" "$T/shell"
	runs "docker://$registry/made"
}

test_layout_by_umoci() {
	shell_dirs
	umoci_layout "$T/layout" made "$T/base" "$T/shell"
	runs "oci:$T/layout:made"
}

test_archive_by_podman() {
	shell_oci "$T/layout" >/dev/null
	podman_archive "$T/archive.tar" "$T/layout:latest" localhost/shell:1
	runs "docker-archive:$T/archive.tar"
	runs "docker-archive:$T/archive.tar:localhost/shell:1"
}

test_archive_of_a_layout_by_skopeo() {
	shell_oci "$T/layout" >/dev/null
	containers_home
	skopeo copy --quiet "oci:$T/layout:latest" "oci-archive:$T/archive.tar:made"
	runs "oci-archive:$T/archive.tar"
}
