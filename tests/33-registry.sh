# The registries, layouts and tools that other tests stand on: what they give is what the tests believe it to be.
# shellcheck shell=bash disable=SC2154

OCI_MANIFEST=application/vnd.oci.image.manifest.v1+json
DOCKER_MANIFEST=application/vnd.docker.distribution.manifest.v2+json

# manifest_of NAME TAG [OPTIONS of curl]: sets $digest; the manifest is in $T/manifest.
manifest_of() {
	local scheme=https name=$1 tag=$2

	shift 2
	[[ $registry != localhost:* ]] || scheme=http
	curl -sSf --cacert "$FIX/tls/ca.pem" "$@" -H "Accept: $OCI_MANIFEST" -H "Accept: $DOCKER_MANIFEST" \
		-o "$T/manifest" "$scheme://$registry/v2/$name/manifests/$tag" || return
	digest=sha256:$(sha256sum <"$T/manifest" | cut -d' ' -f1)
}
layer_count() { python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["layers"]))' "$T/manifest"; }

test_pushed_by_skopeo() {
	local want

	want=$(shell_oci "$T/layout" | cut -d' ' -f2)
	registry 5000
	push "$T/layout:latest" made/shell:1
	forget_requests
	manifest_of made/shell 1
	equal "$want" "$digest" "the manifest's digest"
	equal 2 "$(layer_count)" "number of layers"
	equal "GET /v2/made/shell/manifests/1 200" "$(registry_requests)" "the log"
}

test_pushed_over_tls() {
	shell_oci "$T/layout" >/dev/null
	registry 5000 tls basic
	push "$T/layout:latest" shell
	manifest_of shell latest -u alice:secret
	! manifest_of shell latest -u alice:wrong 2>/dev/null || fail "any password will do"
	! manifest_of shell latest 2>/dev/null || fail "no password will do"
}

test_pushed_with_tokens() {
	local url token

	shell_oci "$T/layout" >/dev/null
	registry 5000 tls token
	push "$T/layout:latest" shell
	! manifest_of shell latest 2>/dev/null || fail "no token is needed"
	url="https://example.com:5001/token?service=registry&scope=repository:shell:pull"
	token=$(curl -sSf --cacert "$FIX/tls/ca.pem" "$url" | sed 's/.*"token": "\([^"]*\)".*/\1/')
	manifest_of shell latest -H "Authorization: Bearer $token"
	grep -q '"user": "alice".*push' "$T/token-requests" || fail "pushed without a token of alice's"
}

test_pushed_by_buildah() {
	mkdir -p "$T/one" "$T/two"
	echo 1 >"$T/one/a"
	echo 2 >"$T/two/b"
	registry 5000
	buildah_push made:1 "$T/one" "$T/two"
	manifest_of made 1
	equal 2 "$(layer_count)" "number of layers"
}

test_index_of_two_machines() {
	oci "$T/layout" >/dev/null <<-'END'
		image many amd64
		layer zstd
		file machine text=amd64
		image many arm/v7
		layer plain
		file machine text=arm
	END
	registry 5000
	push "$T/layout:many" many
	curl -sSf -H 'Accept: application/vnd.oci.image.index.v1+json' "http://$registry/v2/many/manifests/latest" >"$T/out"
	says '"architecture": "arm", .*"variant": "v7"'
}

test_layout_by_umoci() {
	mkdir -p "$T/one" "$T/two"
	echo 1 >"$T/one/a"
	echo 2 >"$T/two/b"
	umoci_layout "$T/layout" made "$T/one" "$T/two"
	umoci unpack --image "$T/layout:made" "$T/bundle" >/dev/null 2>&1
	equal "1 2" "$(cat "$T/bundle/rootfs/a" "$T/bundle/rootfs/b" | xargs)" "what is in it"
}

test_archive_by_podman() {
	shell_oci "$T/layout" >/dev/null
	podman_archive "$T/archive.tar" "$T/layout:latest" localhost/shell:1
	tar -tf "$T/archive.tar" >"$T/out"
	says '^manifest\.json$'
	tar -xOf "$T/archive.tar" manifest.json >"$T/out"
	says 'localhost/shell:1'
}

# What a person gets wrong is told as what it is.
test_words_for_mistakes() {
	shell_oci "$T/layout" >/dev/null
	registry 5000 tls
	push "$T/layout:latest" shell
	refused "'$registry' has no manifest 'nothing' of 'shell'" \
		rkt --insecure-options=image fetch "docker://$registry/shell:nothing"
	refused "'$registry' has no manifest 'latest' of 'nothing'" rkt --insecure-options=image fetch "docker://$registry/nothing"
	install -m 0600 "$FIX/tls/ca.pem" "$T/secret.pem"
	SSL_CERT_FILE=$T/secret.pem refused 'cannot read the certificates to trust .*SSL_CERT_FILE' \
		rkt --insecure-options=image fetch "docker://$registry/shell"
	python3 -m http.server --bind 127.0.0.1 --directory "$T/layout" 5001 >/dev/null 2>&1 &
	until_true 10 curl -sf -o /dev/null http://127.0.0.1:5001/
	refused 'the server does not speak https' rkt --insecure-options=image fetch https://localhost:5001/shell.aci
	kill $!
}
