# The image commands, and that images come out as they went in.
# shellcheck shell=bash

test_list() {
	have shell probe
	ok rkt image list
	says '^ID\s+NAME\s+SIZE\s+IMPORT TIME\s+LAST USED'
	says '^sha512-[0-9a-f]{12}\s+example\.com/shell:1\.0\.0\s+[0-9.]+MiB\s+'
	ok rkt image list --no-legend --fields=name --sort=name --order=desc
	equal $'example.com/shell:1.0.0\nexample.com/probe:1.0.0' "$out" "the names"
	ok rkt image list --full --no-legend --fields=id --sort=name
	says "^$(image_id "$FIX/probe.aci")$"
	exits 254 rkt image list --fields=latest
	exits 254 rkt image list --order=random
}

test_list_json() {
	ok rkt image list --format=json
	have shell
	ok rkt image list --format=json
	python3 - "$T/out" "$(image_id "$FIX/shell.aci")" <<-'END'
		import json, sys, time
		(image,) = json.load(open(sys.argv[1]))
		assert set(image) == {"id", "name", "import_time", "last_used_time", "size", "verified_by", "trusted"}, image
		assert image["id"] == sys.argv[2] and image["name"] == "example.com/shell:1.0.0"
		assert len(image["verified_by"]) == 40 and image["trusted"] is True, image
		assert abs(image["import_time"] / 1e9 - time.time()) < 100, image
		assert image["size"] > 2000000, image
	END
	ok rkt image list --format=json-pretty
	says '^	'
	exits 254 rkt image list --format=yaml
}

# fetch_oci LAYOUT:TAG: an OCI image, unsigned.
fetch_oci() { try rkt --insecure-options=image fetch "oci:$1"; }

listed() { rkt image list --no-legend --full --fields="$1" --sort=name; }

# What the list says adds up to what is taken on disk, also where images share layers.
test_list_sums_to_du() {
	local sum taken

	have shell probe
	shell_oci "$T/layout" one >/dev/null
	shell_oci "$T/layout" two >/dev/null
	printf 'image three\nlayer\nfile random random=3000000\n' | oci "$T/layout" >/dev/null
	fetch_oci "$T/layout:one"
	fetch_oci "$T/layout:three"
	sum=$(listed size | paste -sd+ | bc)
	taken=$(du -s --block-size=1 "$DATA/cas" | cut -f1)
	[ "$((taken - sum))" -lt "$((taken / 50 + 400000))" ] && [ "$((sum - taken))" -lt "$((taken / 50))" ] ||
		fail "the sizes add up to $sum, and $taken bytes are taken"
}

test_list_of_shared_layers() {
	{
		printf 'image a\nlayer\nfile same random=1000000\nlayer\nfile a text=a\n'
		printf 'image b\nlayer\nfile same random=1000000\nlayer\nfile b text=b\n'
	} | oci "$T/layout" >/dev/null
	fetch_oci "$T/layout:a"
	[ "$(listed size)" -gt 1000000 ] || fail "a alone does not take what it is"
	fetch_oci "$T/layout:b"
	for size in $(listed size); do
		[ "$size" -lt 700000 ] || fail "a shared layer counts twice"
	done
	for size in $(listed total); do
		[ "$size" -gt 1000000 ] || fail "TOTAL is not all"
	done
	ok rkt image rm "$(listed id | head -n 1)"
	[ "$(listed size)" -gt 1000000 ] || fail "the other one does not take what it is"
	mount -t tmpfs none /sys/fs/cgroup	# what others left there is theirs
	ok rkt fsck --check-content
	umount /sys/fs/cgroup
}

test_list_tells_what_cannot_be_read() {
	have shell probe
	echo '{' >"$DATA/cas/image/$(image_id "$FIX/shell.aci" | cut -c1-71)"
	exits 254 rkt image list
	says 'example\.com/probe'
	never_says 'example\.com/shell'
	complains '^1 error\(s\) encountered when listing images:$'
	complains '^-{40}$'
	complains 'cannot read what is known of the image'
	complains "^  rkt's appc version: "
}

test_cat_manifest_of_an_oci_image() {
	local digest

	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	fetch_oci "$T/layout:latest"
	ok rkt image cat-manifest "$digest"
	python3 -c 'import json, sys; m = json.load(open(sys.argv[1])); assert m["app"]["exec"] == ["/bin/sh"], m' "$T/out"
	ok rkt image cat-manifest --original "$digest"
	cmp "$T/out" "$T/layout/blobs/${digest/://}" || fail "--original gives other bytes"
	ok rkt image cat-manifest --config "$digest"
	cmp "$T/out" "$T/layout/blobs/sha256/$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["config"]["digest"][7:])' "$T/layout/blobs/${digest/://}")" ||
		fail "--config gives other bytes"
	refused 'mutually exclusive' rkt image cat-manifest --original --config "$digest"
	have shell
	refused 'is an ACI' rkt image cat-manifest --original example.com/shell
	printf x >>"$(find "$DATA/cas/blob/sha256" -name "sha256-${digest#*:}")"
	refused 'other bytes' rkt image cat-manifest --original "$digest"
}

test_cat_manifest() {
	have shell
	ok rkt image cat-manifest example.com/shell
	python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["name"] == "example.com/shell"' "$T/out"
	ok rkt image cat-manifest --pretty-print=false "$(image_id "$FIX/shell.aci")"
	equal 1 "$(wc -l <"$T/out")" "number of lines"
	refused 'cannot find image|not found|no image IDs' rkt image cat-manifest example.com/none
	refused '.' rkt image cat-manifest "x' OR '1'='1"
}

test_rm() {
	local id

	have shell probe
	id=$(image_id "$FIX/shell.aci")
	ok rkt image rm "$id" example.com/probe
	says '^successfully removed aci for image: "sha512-'
	complains '2 image\(s\) successfully removed'
	nothing_stored
	exits 254 rkt image rm "$id"
	complains '1 image\(s\) cannot be removed'
	exits 254 rkt image rm
	complains 'must provide at least one image'
}

# A pod keeps its files when its image goes.
test_rm_while_running() {
	have shell
	pod_start example.com/shell --exec=/bin/sleep -- 30
	ok rkt image rm example.com/shell
	ok rkt enter "$pod" /bin/echo still here
	says '^still here$'
	ok rkt stop "$pod"
}

test_export() {
	have shell
	ok rkt image export example.com/shell "$T/out.aci"
	cmp "$T/out.aci" "$FIX/shell.aci" || fail "exported bytes differ"
	refused "output file '$T/out.aci' exists \(try --overwrite\)" rkt image export example.com/shell "$T/out.aci"
	echo junk >"$T/out.aci"
	ok rkt image export --overwrite example.com/shell "$T/out.aci"
	cmp "$T/out.aci" "$FIX/shell.aci" || fail "exported bytes differ"
}

# layers_of LAYOUT TAG: the digests of the configuration's uncompressed layers.
layers_of() {
	python3 - "$1" "$2" <<-'END'
		import json, sys
		at = lambda d: json.load(open(f"{sys.argv[1]}/blobs/{d.replace(':', '/')}"))
		index = json.load(open(sys.argv[1] + "/index.json"))["manifests"]
		(m,) = [i for i in index if i.get("annotations", {}).get("org.opencontainers.image.ref.name") == sys.argv[2]]
		m = at(m["digest"])
		print(m["config"]["digest"], *at(m["config"]["digest"])["rootfs"]["diff_ids"])
	END
}

test_export_oci() {
	local digest want

	digest=$(shell_oci "$T/layout" 1.0 | cut -d' ' -f2)
	want=$(layers_of "$T/layout" 1.0)
	fetch_oci "$T/layout:1.0"
	refused 'is an OCI image.*--oci' rkt image export "$digest" "$T/out.aci"
	[ ! -e "$T/out.aci" ] || fail "something was written"
	ok rkt image export "$digest" "$T/out.tar"
	ok rkt image export --oci "$digest" "$T/again"
	cmp "$T/out.tar" "$T/again" || fail "the same image gives other bytes"
	refused 'exists \(try --overwrite\)' rkt image export "$digest" "$T/out.tar"
	refused "cannot export to 'docker-archive:$T/other.tar'" rkt image export --oci "$digest" "docker-archive:$T/other.tar"
	ok rkt image export "$digest" "oci-archive:$T/tagged:other"
	# As others read it, and as it was.
	mkdir "$T/x"
	tar -C "$T/x" -xf "$T/out.tar"
	equal "$want" "$(layers_of "$T/x" 1.0)" "the configuration and the layers"
	(cd "$T/x/blobs/sha256" && for blob in *; do echo "$blob  $blob"; done | sha256sum -c --quiet) || fail "a blob has other bytes"
	containers_home
	skopeo inspect "oci-archive:$T/out.tar:1.0" >"$T/inspected" || fail "skopeo cannot read it"
	skopeo copy --quiet "oci-archive:$T/tagged:other" "oci:$T/copied:x" || fail "skopeo cannot copy it"
	equal "$want" "$(layers_of "$T/copied" x)" "what skopeo copied"
	umoci unpack --image "$T/x:1.0" "$T/bundle" 2>/dev/null || fail "umoci cannot unpack it"
	cmp "$T/bundle/rootfs/bin/busybox" "$FIX/bin/busybox" || fail "umoci gives another file"
	podman load -q -i "$T/out.tar" >"$T/loaded" || fail "podman cannot load it"
	equal "${want%% *}" "sha256:$(podman images -q --no-trunc | sed 's/^sha256://')" "podman's image"
}

# Of the manifest only the annotations are written, and none that nobody hashed.
test_export_of_a_changed_manifest() {
	local digest blob

	digest=$(shell_oci "$T/layout" 1.0 | cut -d' ' -f2)
	fetch_oci "$T/layout:1.0"
	blob=$(find "$DATA/cas/blob/sha256" -name "sha256-${digest#*:}")
	sed -i 's/^{/{"annotations":{"who":"somebody"},/' "$blob"
	refused 'image hash does not match expected' rkt image export --oci "$digest" "$T/exported"
	[ ! -e "$T/exported" ] || fail "something was written"
}

# What comes back is the same image again, but for its manifest.
test_export_and_fetch() {
	local digest

	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	fetch_oci "$T/layout:latest"
	ok rkt image export "$digest" "$T/out.tar"
	ok rkt image cat-manifest --config "$digest"
	cp "$T/out" "$T/config"
	ok rkt image rm "$digest"
	try rkt --insecure-options=image fetch "oci-archive:$T/out.tar"; out=$(rkt image list --full --no-legend --fields=id)
	ok rkt image cat-manifest --config "$out"
	cmp "$T/out" "$T/config" || fail "another configuration"
}

test_export_refuses_damage() {
	local digest layer

	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	fetch_oci "$T/layout:latest"
	layer=$(find "$DATA/cas/blob/sha256" -size +1M -name 'sha256-*')
	printf '\x5a' | dd of="$layer" bs=1 seek=100000 conv=notrunc status=none
	refused 'has other bytes' rkt image export "$digest" "$T/out.tar"
	[ ! -e "$T/out.tar" ] || fail "something was written"
	[ -z "$(find "$T" -maxdepth 1 -name 'out.tar.*')" ] || fail "something is left"
	have shell
	refused 'is an ACI' rkt image export --oci example.com/shell "$T/x.tar"
}

# A root file system with everything that a tar can hold, to be compared with what GNU tar makes of it.
odd_rootfs() {
	local r=$T/odd long

	long=$(printf 'n%.0s' {1..200})
	mkdir -p "$r/dir" "$r/sticky" "$r/$long/$long"
	echo text >"$r/file"
	ln "$r/file" "$r/hardlink"
	ln -s /somewhere/else "$r/absolute-link"
	ln -s ../../.. "$r/relative-link"
	ln -s "$long$long" "$r/long-link"
	echo deep >"$r/$long/$long/$long"
	printf 'caf\303\251' >"$r/$(printf 'caf\303\251')"
	echo 'strange' >"$r/$(printf 'a\nb\tc')"
	mkfifo "$r/fifo"
	cp "$FIX/bin/probe" "$r/setuid"
	chown 12345:54321 "$r/setuid"
	chmod 6755 "$r/setuid"
	chmod 1777 "$r/sticky"
	chmod 0000 "$r/dir"
	truncate -s 100M "$r/sparse"
	printf x | dd of="$r/sparse" bs=1 seek=50000000 conv=notrunc status=none
	: >"$r/empty"
	chown 4000000000:4000000001 "$r/empty"
	touch -d '2001-02-03 04:05:06.789' "$r/file"
	touch -d '1999-01-01' "$r/sticky"
	setfattr -n user.colour -v blue "$r/file" 2>/dev/null || true
	python3 -c 'import os,sys,struct
os.setxattr(sys.argv[1], "security.capability", struct.pack("<IIIII", 0x2000001, 1 << 10, 0, 0, 0))
os.setxattr(sys.argv[1], "user.colour", b"green")' "$r/sticky/../setuid" 2>/dev/null || true
}

# Everything about every file: name, kind, mode, owner, size, links, target, time, attributes, content.
describe() {
	(
		cd "$1"
		find . -printf '%P|%y|%m|%U:%G|%s|%n|%l|%T+\n' | sed 's/|d|\([^|]*\)|\([^|]*\)|[0-9]*|[0-9]*|/|d|\1|\2|||/' | sort
		find . -type f -exec sha512sum {} + | sort
		python3 -c 'import os
for d, ds, fs in os.walk("."):
    for n in ds + fs:
        p = os.path.join(d, n)
        for x in sorted(os.listxattr(p, follow_symlinks=False)):
            if x.startswith(("user.", "security.capability")): print(p, x, os.getxattr(p, x, follow_symlinks=False))' | sort
	)
}

test_trees_are_exact() {
	local dir

	odd_rootfs
	(cd "$T" && tar --sort=name --numeric-owner --format=posix --sparse --xattrs --xattrs-include='*' -cf tree.tar odd)
	mkdir -p "$T/want"
	tar -C "$T/want" --numeric-owner --xattrs --xattrs-include='*' -xpf "$T/tree.tar"
	manifest example.com/odd "$(app /setuid identity)" >"$T/manifest"
	mkdir "$T/m"
	mv "$T/manifest" "$T/m/"
	tar --sort=name --numeric-owner --format=posix --sparse --xattrs --xattrs-include='*' \
		--transform='s,^odd,rootfs,S' -cf "$T/odd.aci" -C "$T/m" manifest -C "$T" odd
	ok rkt --insecure-options=image fetch "$T/odd.aci"
	ok rkt image render example.com/odd "$T/rendered"
	ok rkt image extract example.com/odd "$T/extracted"
	for dir in rendered extracted; do
		[ -f "$T/$dir/manifest" ] || fail "$dir has no manifest"
		equal "$(describe "$T/want/odd")" "$(describe "$T/$dir/rootfs")" "what $dir gave"
	done
	equal "$(describe "$T/want/odd")" "$(describe "$(tree_files "$(tree_of example.com/odd)")")" "the stored tree"
	ok rkt image extract --rootfs-only example.com/odd "$T/only"
	[ -f "$T/only/file" ] || fail "--rootfs-only gave no root file system"
	ok rkt image verify example.com/odd
	# As files, where the file system is none that EROFS images are mounted from.
	mkdir "$T/memory"
	mount -t tmpfs -o size=100m,mode=0755 none "$T/memory"
	DATA=$T/memory
	ok rkt --insecure-options=image fetch "$T/odd.aci"
	dir=$(tree_of example.com/odd)
	[ ! -e "$dir/index" ] || fail "an index where it can't be mounted"
	[ "$(du -k "$dir/rootfs/sparse" | cut -f1)" -lt 1000 ] || fail "the sparse file is not sparse"
	equal "$(describe "$T/want/odd" | grep -v user.colour)" "$(describe "$dir/rootfs" | grep -v user.colour)" "the stored files"
	ok rkt image verify example.com/odd
	umount "$DATA" "$T"/mnt.* 2>/dev/null || true
}

test_extract_refuses() {
	have shell
	mkdir "$T/there"
	refused "output directory '$T/there' exists \(try --overwrite\)" rkt image extract example.com/shell "$T/there"
	refused 'this would delete your root filesystem' rkt image extract --overwrite example.com/shell /
	refused 'this would delete your root filesystem' rkt image render --overwrite example.com/shell /
	touch "$T/there/old"
	ok rkt image extract --overwrite example.com/shell "$T/there"
	[ ! -e "$T/there/old" ] || fail "--overwrite left something"
}

test_verify_finds_changes() {
	local tree

	have shell
	ok rkt image verify example.com/shell
	says 'successfully verified checksum for image: ".*example.com/shell|successfully verified checksum for image'
	tree=$(tree_of example.com/shell)
	[ ! -e "$tree/index" ] || printf x | dd of="$tree/index" bs=1 seek=1030 conv=notrunc status=none
	[ -e "$tree/index" ] || printf 'changed' >>"$tree/rootfs/etc/passwd"
	try rkt image verify example.com/shell
	complains 'passwd|the index is damaged'
	ok rkt image rm example.com/shell
	ok rkt fetch "$FIX/shell.aci"
	printf 'x' | dd of="$(find "$DATA/cas/blob" -type f)" bs=1 seek=1000000 conv=notrunc status=none
	try rkt image verify example.com/shell
	[ "$rc" != 0 ] || fail "a changed blob passes"
}

test_stored_modes() {
	have shell
	equal 700 "$(stat -c %a "$DATA/cas/tree" | sed 's/^2//')" "mode of the trees"
	case $(stat -c %a "$DATA") in
	750 | 2750 | 700) ;;
	*) fail "the data directory has mode $(stat -c %a "$DATA")" ;;
	esac
}

# imported ID ARGS…: image import gives that image, whatever is its standard input.
imported() {
	local want=$1

	shift
	try rkt "$@"
	equal "${want:0:39}" "$out" "the ID of what $* imported"
	ok rkt image cat-manifest "$want"
	ok rkt image rm "$want"
}

# An image from a file or a pipe, of whatever kind and packed in whatever way.
test_import() {
	local id packer

	trust_key alice example.com
	id=$(image_id "$FIX/shell.aci")
	imported "$id" image import "$FIX/shell.aci"
	cp "$FIX/shell.aci" "$T/no-such-ending"
	imported "$id" image import --signature="$FIX/shell.aci.asc" "$T/no-such-ending"
	for packer in gzip bzip2 xz "zstd -q"; do
		$packer -c <"$FIX/shell.aci" >"$T/packed"
		sign "$T/packed"
		imported "$id" image import "$T/packed"
	done
	# shellcheck disable=SC2002
	out=$(cat "$FIX/shell.aci" | rkt image import --full --signature="$FIX/shell.aci.asc" - 2>"$T/err") || fail "from a pipe"
	equal "$id" "$out" "what came through a pipe"
	ok rkt image rm "$id"
	out=$(rkt image import --full --signature="$FIX/shell.aci.asc" <"$FIX/shell.aci" 2>"$T/err") || fail "from a redirection"
	equal "$id" "$out" "what came by a redirection"
	[ -z "$(ls "$DATA/cas/tmp")" ] || fail "something is left"
}

test_import_verifies() {
	trust_key alice example.com
	cp "$FIX/shell.aci" "$T/unsigned.aci"
	refused 'error opening signature file: open .*unsigned.aci.asc: no such file' rkt image import "$T/unsigned.aci"
	sign "$T/unsigned.aci" mallory
	refused 'signature made by unknown entity' rkt image import "$T/unsigned.aci"
	! rkt image import - <"$T/unsigned.aci" >"$T/out" 2>"$T/err" || fail "unsigned through a pipe"
	complains 'on standard input has no signature beside it: name one with --signature=FILE'
	! rkt image import --signature="$FIX/probe.aci.asc" - <"$FIX/shell.aci" >"$T/out" 2>"$T/err" || fail "another's signature"
	nothing_stored
	ok rkt --insecure-options=image image import "$T/unsigned.aci"
}

test_import_archives() {
	shell_oci "$T/layout" >/dev/null
	tar -C "$T/layout" -cf "$T/layout.tar" .
	refused 'sign' rkt image import "$T/layout.tar"
	nothing_stored
	try rkt --insecure-options=image image import --full "$T/layout.tar"
	ok rkt image list --full --no-legend --fields=id,name
	says 'layout:latest$'
	ok rkt image rm "$(cut -f1 "$T/out")"
	gzip -k "$T/layout.tar"
	try rkt --insecure-options=image image import "$T/layout.tar.gz"
	ok rkt image list --full --no-legend --fields=id
	ok rkt image rm "$out"
	containers_home
	podman_archive "$T/docker.tar" "$T/layout:latest" localhost/shell:1
	try rkt --insecure-options=image image import "$T/docker.tar"
	ok rkt image list --no-legend --fields=name
	says 'shell:1$'
}

# Which of several, and what is none.
test_import_refuses() {
	shell_oci "$T/layout" one >/dev/null
	printf 'image two\nlayer\nfile x text=x\n' | oci "$T/layout" >/dev/null
	tar -C "$T/layout" -cf "$T/layout.tar" .
	refused 'one|two|several' rkt --insecure-options=image image import "$T/layout.tar"
	try rkt --insecure-options=image image import --tag=two "$T/layout.tar"
	ok rkt image list --no-legend --fields=name
	says ':two$'
	echo 'this is a text' >"$T/text"
	refused 'unknown image filetype' rkt --insecure-options=image image import "$T/text"
	: >"$T/empty"
	refused 'unknown image filetype' rkt --insecure-options=image image import "$T/empty"
	refused 'cannot open|no such file' rkt --insecure-options=image image import "$T/none"
	refused 'not a regular file' rkt --insecure-options=image image import /dev/zero
	refused 'is an ACI' rkt --insecure-options=image image import --tag=x "$FIX/shell.aci"
	exits 254 rkt image import a b
	mkdir -p "$CONFIG/limits.d"
	printf '{"rktKind":"limits","rktVersion":"v1","image-bytes":"1MiB"}' >"$CONFIG/limits.d/l.json"
	! head -c 3000000 /dev/zero | rkt image import >"$T/out" 2>"$T/err" || fail "more than the limit"
	complains 'limit image-bytes \(1MiB; limits\.d\)'
}

# One image under several tags: each is found, listed and removed by itself, and none takes another away.
test_several_names() {
	local image id tag

	shell_oci "$T/layout" >/dev/null
	registry 5000
	for tag in v1 latest; do
		push "$T/layout:latest" "app:$tag"
	done
	push "$T/layout:latest" mirror/app:v1
	rkt="rkt --insecure-options=image"
	for image in app:v1 app:latest mirror/app:v1; do
		ok $rkt fetch --full "docker://$registry/$image"
		id=${id:-$out}
		equal "$id" "$out" "the image $image"
	done
	ok rkt image list --no-legend --fields=name --sort=name
	equal "$(printf 'localhost_5000/%s\n' app:latest app:v1 mirror/app:v1)" "$(sed 's/ *$//' "$T/out")" "the names"
	ok rkt image list --no-legend --full --fields=id,size
	equal "$id" "$(awk '{print $1}' "$T/out" | sort -u)" "the ID of each"
	forget_requests
	for image in app:v1 app:latest mirror/app:v1; do
		ok $rkt run --net=none --pull-policy=never "docker://$registry/$image" --exec=/bin/true
	done
	equal "" "$(registry_requests)" "what the registry was asked"
	ok rkt image rm localhost_5000/app:v1
	says '^successfully removed the name "localhost_5000/app:v1"'
	refused 'app:v1' $rkt run --net=none --pull-policy=never "docker://$registry/app:v1" --exec=/bin/true
	ok $rkt run --net=none --pull-policy=never "docker://$registry/app:latest" --exec=/bin/true
	ok rkt image verify "$id"
	ok rkt gc --grace-period=0s
	ok rkt image gc --grace-period=24h
	ok rkt image list --no-legend --fields=name
	equal 2 "$(grep -c '^localhost' "$T/out")" "how many names are left"
	ok rkt image rm localhost_5000/mirror/app
	[ ! -e "$DATA/cas/name/localhost_5000,mirror,app" ] || fail "the name's directory is left"
	# By its last name, as by its ID, the image goes.
	ok rkt image rm localhost_5000/app:latest
	says '^successfully removed aci for image'
	equal '' "$(find "$DATA/cas/image" "$DATA/vouched" -name "${id:0:71}*")" "what is known of it"
	for image in app:v1 app:latest; do
		ok $rkt fetch "docker://$registry/$image"
	done
	ok rkt image rm "$id"
	equal '' "$(find "$DATA/cas/image" "$DATA/cas/name" "$DATA/vouched" -name "${id:0:71}*")" "what is known of it"
}
