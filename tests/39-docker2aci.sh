# docker2aci: ACIs of OCI and Docker images, from files and registries, that rkt runs.
# shellcheck shell=bash disable=SC2154

mkdir -p "$T/acis" "$T/tmp"
program=$(dirname "$(readlink -f "$RKT")")/docker2aci
convert=(env -C "$T/acis" "TMPDIR=$T/tmp" "$program" --system-config="$VENDOR" --local-config="$CONFIG")
leaves() {
	equal "$*" "$(ls -A "$T/acis" | xargs)" "the working directory"
	equal "" "$(ls -A "$T/tmp")" "what is left of temporary files"
}

test_file() {
	containers_home
	shell_oci "$T/layout" v1 >/dev/null
	skopeo copy --quiet "oci:$T/layout:v1" "docker-archive:$T/saved.tar:localhost/my/shell:1.2"
	ok "${convert[@]}" "$T/saved.tar"
	says '^my-shell-1\.2\.aci$'
	leaves my-shell-1.2.aci
	exits 7 rkt --insecure-options=image run --net=none "$T/acis/my-shell-1.2.aci" -- -c 'exit 7'
	ok rkt image list --fields=name --no-legend
	says '^localhost/my/shell:1\.2$'
	# The same image gives the same bytes, wherever it lies and however it is packed.
	mv "$T/acis/my-shell-1.2.aci" "$T/first.aci"
	mkdir "$T/elsewhere"
	gzip -c "$T/saved.tar" >"$T/elsewhere/other.tar.gz"
	ok "${convert[@]}" -image=localhost/my/shell:1.2 "$T/elsewhere/other.tar.gz"
	cmp "$T/first.aci" "$T/acis/my-shell-1.2.aci" || fail "another ACI"
}

test_registry() {
	shell_oci "$T/layout" v1 >/dev/null
	registry 5000
	push "$T/layout:v1" made/shell:2
	ok "${convert[@]}" "docker://$registry/made/shell:2"
	says '^made-shell-2\.aci$'
	exits 9 rkt --insecure-options=image run --net=none "$T/acis/made-shell-2.aci" -- -c 'exit 9'
	refused 'made/none' "${convert[@]}" "docker://$registry/made/none"
}

test_registry_that_is_not_trusted() {
	shell_oci "$T/layout" v1 >/dev/null
	registry 5000 tls
	push "$T/layout:v1" shell
	unset SSL_CERT_FILE
	refused 'certificate' "${convert[@]}" "docker://$registry/shell"
	leaves
	ok "${convert[@]}" -insecure-skip-verify "docker://$registry/shell"
	leaves shell-latest.aci
}

configured() {	# KIND MEMBERS
	mkdir -p "$CONFIG/$1.d"
	printf '{"rktKind":"%s","rktVersion":"v1",%s}' "${3:-$1}" "$2" >"$CONFIG/$1.d/c.json"
	chmod 0600 "$CONFIG/$1.d/c.json"
}

# What rkt is told of registries and limits counts here too.
test_configuration() {
	shell_oci "$T/layout" v1 >/dev/null
	configured limits '"layers":1'
	refused 'the image has more layers than the limit layers \(1; limits\.d\)' "${convert[@]}" "$T/layout"
	configured limits '"layers":2'
	ok "${convert[@]}" "$T/layout"
	registry 5000 tls basic
	export SSL_CERT_FILE=$FIX/tls/ca.pem
	push "$T/layout:v1" shell:3
	refused 'needs credentials|wants credentials' "${convert[@]}" "docker://$registry/shell:3"
	configured auth '"registries":["example.com:5000"],"credentials":{"user":"alice","password":"secret"}' dockerAuth
	ok "${convert[@]}" "docker://$registry/shell:3"
	configured registries '"registries":["example.com:1"],"mirrors":["https://example.com:5000"]' registry
	ok "${convert[@]}" "docker://example.com:1/shell:3"
	# Not everybody may read passwords.
	rm "$T"/acis/*
	chmod 1777 "$T/acis" "$T/tmp"
	chmod a+rx "$T"
	chmod -R a+rX "$T/layout"
	ok setpriv --reuid=65534 --regid=65534 --clear-groups "${convert[@]}" "$T/layout"
	complains 'the configuration is passed over: cannot open ".*/limits.d/c.json"'
	chmod 0644 "$CONFIG"/{limits,registries}.d/c.json
	ok setpriv --reuid=65534 --regid=65534 --clear-groups "${convert[@]}" "$T/layout"
	complains 'without the credentials in ".*/auth.d/c.json"'
}

# Files that upper layers hide are gone, whatever hides them; what appc has words for is said and told.
layered_image() {
	sed "s|BUSYBOX|$FIX/bin/busybox|" <<-'END' | oci "$T/layout"
		image v1
		set Cmd '["/bin/cat", "/data/b"]'
		set ExposedPorts '{"80/tcp": {}, "53/udp": {}}'
		set Volumes '{"/var/lib/x": {}}'
		set User '"7:8"'
		set Env '["A=b"]'
		layer gzip
		file data/a text='lowest a\n'
		file data/b text='lowest b\n'
		file old/x text=x
		dir tmp mode=01777
		file bin/one text=1 mode=04755
		file bin/busybox copy=BUSYBOX mode=0755
		layer gzip
		whiteout data/a
		opaque old
		file old/y text=y
		file data/b text='upper b\n'
		file tmp/z text=z
		layer gzip
		file data/a text='highest a\n'
		hardlink data/c data/a
	END
}

test_layers_together() {
	layered_image >/dev/null
	ok "${convert[@]}" -compression=none "$T/layout"
	says $'^\tname: "volume-var-lib-x", path: "/var/lib/x", readOnly: false$'
	says $'^\tname: "53-udp", protocol: "udp", port: 53, count: 1, socketActivated: false$'
	tar -xf "$T/acis/layout-v1.aci" -C "$T/acis"
	equal "highest a" "$(cat "$T/acis/rootfs/data/a")" "the file that was taken away and came again"
	equal "upper b" "$(cat "$T/acis/rootfs/data/b")" "the file that was replaced"
	equal y "$(ls "$T/acis/rootfs/old")" "what the opaque directory has"
	equal 2 "$(stat -c %h "$T/acis/rootfs/data/c")" "links of the file"
	equal 1777 "$(stat -c %a "$T/acis/rootfs/tmp")" "the mode of a directory of a lower layer"
	equal 4755 "$(stat -c %a "$T/acis/rootfs/bin/one")" "the mode of a program"
	equal "fd stderr stdin stdout" "$(ls "$T/acis/rootfs/dev" | xargs)" "links of /dev"
	python3 - "$T/acis/manifest" <<-'END'
		import json, sys
		app = json.load(open(sys.argv[1]))["app"]
		assert app["exec"] == ["/bin/cat", "/data/b"], app
		assert (app["user"], app["group"]) == ("7", "8"), app
		assert [p["name"] for p in app["ports"]] == ["53-udp", "80-tcp"], app
		assert app["environment"] == [{"name": "A", "value": "b"}], app
	END
}

test_layers_apart() {
	local aci

	layered_image >/dev/null
	ok "${convert[@]}" -nosquash -compression=none "$T/layout"
	leaves layout-v1-linux-amd64-{0,1,2}.aci
	for aci in "$T"/acis/*; do
		ok rkt --insecure-options=image fetch "$aci"
	done
	python3 - "$T"/acis/* <<-'END'
		import hashlib, json, sys, tarfile
		below = None
		for path in sys.argv[1:]:
		    with tarfile.open(path) as tar:
		        manifest = json.load(tar.extractfile("manifest"))
		        names = set(n for n in tar.getnames() if ".wh." in n)
		    assert not names, names
		    depends = [d["imageID"] for d in manifest.get("dependencies", [])]
		    assert depends == ([below] if below else []), depends
		    below = "sha512-" + hashlib.sha512(open(path, "rb").read()).hexdigest()
		    left = manifest.get("pathWhitelist")
		    assert (left is not None) == path.endswith("-1.aci"), path
		    assert left is None or "/data/b" in left and "/old/y" in left and "/data/a" not in left and "/old/x" not in left, left
	END
}

# An image that names a user and no group means that user's own, as Docker does.
test_users_without_a_group() {
	local user tag=0

	for user in 1001 4711 app 0; do
		tag=$((tag + 1))
		{
			printf 'image v%s\n' $tag
			printf "set User '\"%s\"'\n" "$user"
			printf 'set Entrypoint %s\n' "'[\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox id -u; /bin/busybox id -g\"]'"
			printf 'layer\nfile etc/passwd text="app:x:1001:1005::/:\\n"\nfile bin/busybox copy=%s mode=0755\n' "$FIX/bin/busybox"
		} | oci "$T/layout" >/dev/null
		ok "${convert[@]}" --image=v$tag "$T/layout"
		ok rkt --insecure-options=image run --net=none "$T/acis/layout-v$tag.aci"
		printf '%s %s\n' "$user" "$(sed 's/^\[[^]]*\] [^:]*: //; s/\r$//' "$T/out" | xargs)"
	done >"$T/ids"
	equal "1001 1001 1005|4711 4711 0|app 1001 1005|0 0 0" "$(paste -sd '|' "$T/ids")" "who is who"
	ok rkt --insecure-options=image run --net=none "$T/acis/layout-v2.aci" --group=7
	says '7$'
}

test_several_images() {
	shell_oci "$T/layout" one >/dev/null
	shell_oci "$T/layout" two >/dev/null
	refused 'use option --image: .*several images found.* one, two$' "${convert[@]}" "$T/layout"
	ok "${convert[@]}" --image=two "$T/layout"
	leaves layout-two.aci
	refused '^docker2aci: flag --image works only with files\.$' "${convert[@]}" --image=two docker://busybox
}

test_refuses() {
	local layer

	refused 'No such file or directory' "${convert[@]}" "$T/none"
	refused 'neither "oci-layout" nor "manifest.json"$' "${convert[@]}" "$FIX/shell.aci"
	refused 'invalid docker URL "docker://A"' "${convert[@]}" docker://A
	refused 'unknown compression method "xz"' "${convert[@]}" -compression=xz "$T/none"
	shell_oci "$T/layout" v1 >/dev/null
	layer=$(find "$T/layout/blobs" -type f -size +100k)
	printf x | dd of="$layer" bs=1 seek=200 conv=notrunc status=none
	refused 'corrupt|malformed' "${convert[@]}" "$T/layout"
	leaves
}

# A layer that links into one below is no ACI by itself; together they are.
test_links_between_layers() {
	oci "$T/layout" >/dev/null <<-'END'
		image v1
		layer gzip
		file a text=a
		layer gzip
		hardlink b a
	END
	refused 'cannot convert layer 2 of 2 by itself: .*hard link' "${convert[@]}" -nosquash "$T/layout"
	ok "${convert[@]}" "$T/layout"
}

# Whatever ends it, what it needed on the way goes away.
test_broken_off() {
	local pid

	python3 -c 'import socket, sys, time; s = socket.create_server(("localhost", 5009)); open(sys.argv[1], "w"); time.sleep(60)' \
		"$T/ready" &
	until_true 10 test -e "$T/ready" || fail "the server did not start"
	"${convert[@]}" docker://localhost:5009/shell >/dev/null 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		[ -z "$(ls "$T/tmp")" ] || break
		sleep 0.1
	done
	[ -n "$(ls "$T/tmp")" ] || fail "it does not begin"
	kill -TERM $pid
	! wait $pid || fail "it ended well"
	leaves
	kill %1
}

test_as_anybody() {
	shell_oci "$T/layout" v1 >/dev/null
	chmod -R a+rX "$T/layout"
	chmod 1777 "$T/acis" "$T/tmp"
	chmod a+rx "$T"
	ok setpriv --reuid=65534 --regid=65534 --clear-groups "${convert[@]}" "$T/layout"
	leaves layout-v1.aci
}
