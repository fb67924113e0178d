# Manifests that break the schema: tests/lib/manifests.py has the table.
# shellcheck shell=bash

test_every_rule() {
	local manifest name

	mkdir "$T/bad" "$T/rootfs"
	python3 "$LIB/manifests.py" "$T/bad"
	for manifest in "$T"/bad/*.json; do
		name=${manifest##*/}
		name=${name%.json}
		mkdir "$T/image"
		cp "$manifest" "$T/image/manifest"
		mkdir "$T/image/rootfs"
		tar -C "$T/image" -cf "$T/$name.aci" manifest rootfs
		rm -r "$T/image"
		refused "$(cat "$T/bad/$name.place")" rkt --insecure-options=image fetch "$T/$name.aci"
		nothing_stored
	done
}

test_pod_manifest_rules() {
	local text

	for text in '' '{}' '[]' '{"acKind":"PodManifest"}' '{"acKind":"ImageManifest","acVersion":"0.8.11","apps":[]}' \
		'{"acKind":"PodManifest","acVersion":"0.8.11","apps":"x"}' \
		'{"acKind":"PodManifest","acVersion":"0.8.11","apps":[{"name":"A"}]}' \
		'{"acKind":"PodManifest","acVersion":"0.8.11","apps":[{"name":"a","image":{"id":"md5-0"}}]}' \
		'{"acKind":"PodManifest","acVersion":"0.8.11","apps":[],"volumes":[{"name":"v","kind":"magic"}]}'; do
		printf '%s' "$text" >"$T/pod.json"
		refused '.' rkt run --net=none --pod-manifest="$T/pod.json"
		no_pods
	done
}
