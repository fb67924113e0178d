# OCI images that are files: image layouts, archives of them, and what `docker save` writes, as other tools make them.
# shellcheck shell=bash disable=SC2154

# Anybody may do it, in a store of their own.
anybody=(setpriv --reuid=65534 --regid=65534 --clear-groups "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR")
readable() {
	install -d -o 65534 -g 65534 "$DATA"
	chmod a+rx "$T"
	find "$T" -mindepth 1 -maxdepth 1 ! -path "$DATA" -exec chmod -R a+rX {} +
}
fetched() {
	readable
	ok "${anybody[@]}" --insecure-options=image fetch --full "$@"
}
not_fetched() {
	readable
	refused "$1" "${anybody[@]}" --insecure-options=image fetch "$2"
	nothing_stored
}
nothing_stored() {
	ok "${anybody[@]}" image list --no-legend
	equal "" "$out" "the images of the store"
}

# blob LAYOUT DIGEST: where it lies
blob() { echo "$1/blobs/${2/://}"; }

test_layout() {
	local digest

	digest=$(shell_oci "$T/layout" v1 | cut -d' ' -f2)
	fetched "oci:$T/layout:v1"
	equal "sha512-$(sha512sum <"$(blob "$T/layout" "$digest")" | cut -d' ' -f1)" "$out" "the image's ID"
	fetched "oci:$T/layout"
	fetched "oci:$T/layout@$digest"
	(cd "$T" && fetched oci:layout:v1)
	ok "${anybody[@]}" image cat-manifest "$out"
	ok "${anybody[@]}" image list --fields=name --no-legend
	says '^layout(:v1)?$'
}

test_layout_of_umoci() {
	mkdir -p "$T/one" "$T/two"
	echo 1 >"$T/one/a"
	echo 2 >"$T/two/b"
	umoci_layout "$T/layout" first "$T/one" "$T/two"
	umoci_layout "$T/layout" second "$T/two"
	fetched "oci:$T/layout:first"
	fetched "oci:$T/layout:second"
	refused 'several images found, append ":" and one of: first, second$' "${anybody[@]}" --insecure-options=image fetch "oci:$T/layout"
	refused 'no image is called "third" \(there are: first, second\)$' \
		"${anybody[@]}" --insecure-options=image fetch "oci:$T/layout:third"
}

# An image is the same in a directory and in an archive; Docker's form is another manifest, and always the same one.
test_archives_of_skopeo() {
	local id

	containers_home
	shell_oci "$T/layout" v1 >/dev/null
	skopeo copy --quiet "oci:$T/layout:v1" "oci-archive:$T/oci.tar:v1"
	skopeo copy --quiet "oci:$T/layout:v1" "docker-archive:$T/docker.tar:localhost/shell:1.2"
	fetched "oci:$T/layout:v1"
	id=$out
	fetched "oci-archive:$T/oci.tar:v1"
	equal "$id" "$out" "the archive's image"
	fetched "docker-archive:$T/docker.tar"
	id=$out
	gzip "$T/docker.tar"
	fetched "docker-archive:$T/docker.tar.gz:localhost/shell:1.2"
	equal "$id" "$out" "the compressed archive's image"
	ok "${anybody[@]}" image cat-manifest "$id"
	says '"name": ?"localhost/shell"'
	says '"value": ?"1\.2"'
}

test_archive_of_podman() {
	local name

	shell_oci "$T/layout" v1 >/dev/null
	podman_archive "$T/saved.tar" "$T/layout:v1" docker.io/library/shell:latest
	for name in '' :shell :shell:latest :docker.io/library/shell; do
		fetched "docker-archive:$T/saved.tar$name"
	done
	ok "${anybody[@]}" image list --fields=name --no-legend
	says '^registry-1\.docker\.io/library/shell:latest$'
	refused 'no image is called "quay.io/shell" \(there are: docker.io/library/shell:latest\)$' \
		"${anybody[@]}" --insecure-options=image fetch "docker-archive:$T/saved.tar:quay.io/shell"
}

# Without --insecure-options=image nobody vouches for a file, whatever it calls itself.
test_needs_a_signature() {
	shell_oci "$T/layout" v1 >/dev/null
	readable
	refused 'sign' "${anybody[@]}" fetch "oci:$T/layout:v1"
	nothing_stored
}

test_broken_layouts() {
	local digest layer config

	digest=$(shell_oci "$T/layout" v1 | cut -d' ' -f2)
	layer=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["layers"][0]["digest"])' "$(blob "$T/layout" "$digest")")
	config=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["config"]["digest"])' "$(blob "$T/layout" "$digest")")

	cp -r "$T/layout" "$T/bad"
	printf x | dd of="$(blob "$T/bad" "$layer")" bs=1 seek=20 conv=notrunc status=none
	not_fetched "$layer|corrupt" "oci:$T/bad"

	cp -r "$T/layout" "$T/short"
	truncate -s -1 "$(blob "$T/short" "$layer")"
	not_fetched "blob \"$layer\" has .* bytes instead of" "oci:$T/short"

	cp -r "$T/layout" "$T/other"
	sed -i 's/linux/Linux/' "$(blob "$T/other" "$config")"
	not_fetched "\"$config\" is corrupt: what came has digest" "oci:$T/other"

	cp -r "$T/layout" "$T/missing"
	rm "$(blob "$T/missing" "$config")"
	not_fetched 'cannot read "blobs/sha256/' "oci:$T/missing"

	# A layout can be anybody's: no link leads out of it, and nothing waits for a pipe.
	cp -r "$T/layout" "$T/linked"
	cp "$(blob "$T/layout" "$config")" "$T/elsewhere"
	ln -sf "$T/elsewhere" "$(blob "$T/linked" "$config")"
	not_fetched 'blobs/sha256/' "oci:$T/linked"
	cp -r "$T/layout" "$T/piped"
	rm "$T/piped/index.json"
	mkfifo "$T/piped/index.json"
	not_fetched 'index.json' "oci:$T/piped"

	# One file that shall be two layers: fetching it once would be waiting for the other.
	cp -r "$T/layout" "$T/twin"
	python3 - "$T/twin" <<-'END'
		import hashlib, json, sys
		top = sys.argv[1]
		path = lambda d: f"{top}/blobs/{d['digest'].replace(':', '/')}"
		def put(d, document):
		    data = json.dumps(document).encode()
		    d.update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
		    open(path(d), "wb").write(data)
		index = json.load(open(top + "/index.json"))
		manifest = json.load(open(path(index["manifests"][0])))
		config = json.load(open(path(manifest["config"])))
		manifest["layers"].append(manifest["layers"][0])
		config["rootfs"]["diff_ids"].append("sha256:" + 64 * "0")
		put(manifest["config"], config)
		put(index["manifests"][0], manifest)
		json.dump(index, open(top + "/index.json", "w"))
	END
	not_fetched 'layers 1 and [0-9]* are one file' "oci:$T/twin"

	not_fetched 'oci-layout' "oci:$T"
	not_fetched 'No such file or directory' "oci:$T/none"
}

test_broken_archives() {
	containers_home
	shell_oci "$T/layout" v1 >/dev/null
	skopeo copy --quiet "oci:$T/layout:v1" "docker-archive:$T/docker.tar:localhost/shell:1"
	mkdir "$T/unpacked"
	tar -xf "$T/docker.tar" -C "$T/unpacked"
	chmod -R u+w "$T/unpacked"

	head -c 3000 "$T/docker.tar" >"$T/cut.tar"
	not_fetched 'the tar is malformed at byte .*: it ends within a (member|header)$' "docker-archive:$T/cut.tar"

	: >"$T/empty.tar"
	not_fetched 'neither "oci-layout" nor "manifest.json"$' "docker-archive:$T/empty.tar"

	cp -r "$T/unpacked" "$T/swapped"
	for layer in "$T"/swapped/*.tar; do
		tar --delete -f "$layer" etc/passwd 2>/dev/null || tar --delete -f "$layer" bin/probe
	done
	tar -cf "$T/swapped.tar" -C "$T/swapped" .
	not_fetched 'blob "sha256:.*" is corrupt: its bytes have digest|has .* bytes instead of' "docker-archive:$T/swapped.tar"

	tar -cf "$T/twice.tar" -C "$T/unpacked" .
	tar -rf "$T/twice.tar" -C "$T/unpacked" ./manifest.json
	not_fetched 'two members of the tar are called "manifest.json"$' "docker-archive:$T/twice.tar"

	mkfifo "$T/pipe.tar"
	not_fetched 'pipe.tar' "docker-archive:$T/pipe.tar"
	gzip -c "$T/docker.tar" | head -c 2000 >"$T/cut.tar.gz"
	not_fetched 'cut.tar.gz' "oci-archive:$T/cut.tar.gz"
}
