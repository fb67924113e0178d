# cosign.sh: signatures of cosign and OpenPGP as they lie in registries and image layouts, made by openssl and gpg.
#
# They are of the image $digest in the repository "app" of the last registry.
# shellcheck shell=bash disable=SC2154,SC2034

# cosign_key NAME: $T/NAME.key and $T/NAME.pub; $key is what rkt calls it.
cosign_key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/$1.key" 2>/dev/null
	openssl pkey -in "$T/$1.key" -pubout -out "$T/$1.pub"
	key=cosign-$(openssl pkey -pubin -in "$T/$1.pub" -outform DER | sha256sum | cut -d' ' -f1)
}

OCI_MANIFEST=application/vnd.oci.image.manifest.v1+json
OCI_INDEX=application/vnd.oci.image.index.v1+json
EMPTY_CONFIG=application/vnd.oci.empty.v1+json
BUNDLE=application/vnd.dev.sigstore.bundle.v0.3+json

# layout_blob DIR FILE: puts it there; prints digest and size as a descriptor has them.
layout_blob() {
	local sum

	sum=$(sha256sum <"$2" | cut -d' ' -f1)
	cp "$2" "$1/blobs/sha256/$sum"
	printf '"digest":"sha256:%s","size":%d' "$sum" "$(wc -c <"$2")"
}

# layout_artifact DIR TYPE FILE [ANNOTATIONS]: a manifest whose one layer is FILE; prints its descriptor's members.
layout_artifact() {
	local dir=$1

	mkdir -p "$dir/blobs/sha256"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	printf '{}' >"$dir/empty"
	printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s",%s},"layers":[{"mediaType":"%s",%s%s}]}' \
		$OCI_MANIFEST $EMPTY_CONFIG "$(layout_blob "$dir" "$dir/empty")" "$2" "$(layout_blob "$dir" "$3")" \
		"${4:+,\"annotations\":{$4\}}" >"$dir/manifest"
	printf '"mediaType":"%s",%s' $OCI_MANIFEST "$(layout_blob "$dir" "$dir/manifest")"
}
# layout_add DIR TAG MEMBERS: one more entry of index.json.
layout_add() {
	python3 - "$1/index.json" "$2" "{$3}" <<-'END'
		import json, sys
		index = json.load(open(sys.argv[1]))
		entry = json.loads(sys.argv[3])
		entry["annotations"] = {"org.opencontainers.image.ref.name": sys.argv[2]}
		index["manifests"].append(entry)
		json.dump(index, open(sys.argv[1], "w"))
	END
}
# layout_index DIR MEMBERS: what index.json names.
layout_index() { printf '{"schemaVersion":2,"manifests":[{%s}]}' "$2" >"$1/index.json"; }

# attach TAG TYPE FILE [ANNOTATIONS]: to the repository "app", below its digest and an ending.
attach() {
	rm -rf "$T/attach"
	layout_index "$T/attach" "$(layout_artifact "$T/attach" "$2" "$3" "${4:-}")"
	push "$T/attach" "app:$1"
}
sig_tag() { echo "${digest/:/-}.sig"; }
asc_tag() { echo "${digest/:/-}.asc"; }

# payload [DIGEST] [REFERENCE]: what cosign and podman sign.
payload() {
	printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},' \
		"${2-$registry/app}" "${1:-$digest}"
	printf '"type":"cosign container image signature"},"optional":null}'
}
# sign_payload KEY FILE: the annotation.
sign_payload() {
	printf '"dev.cosignproject.cosign/signature":"%s"' "$(openssl dgst -sha256 -sign "$T/$1.key" "$2" | base64 -w0)"
}
# cosign_sign KEY [DIGEST] [REFERENCE]
cosign_sign() {
	payload "${@:2}" >"$T/payload"
	attach "$(sig_tag)" application/vnd.dev.cosign.simplesigning.v1+json "$T/payload" "$(sign_payload "$1" "$T/payload")"
}

# bundle KEY [PREDICATE-TYPE]: $T/bundle, as cosign writes it since version 3.
bundle() {
	local type=application/vnd.in-toto+json

	printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"%s"}}],"predicateType":"%s","predicate":{}}' \
		"${digest#sha256:}" "${2:-https://sigstore.dev/cosign/sign/v1}" >"$T/statement"
	{
		printf 'DSSEv1 %d %s %d ' ${#type} $type "$(wc -c <"$T/statement")"
		cat "$T/statement"
	} >"$T/signed"
	printf '{"mediaType":"%s","verificationMaterial":{"publicKey":{}},"dsseEnvelope":{"payload":"%s","payloadType":"%s","signatures":[{"sig":"%s"}]}}' \
		$BUNDLE "$(base64 -w0 "$T/statement")" $type "$(openssl dgst -sha256 -sign "$T/$1.key" "$T/signed" | base64 -w0)" >"$T/bundle"
}
# refer FILE: a bundle that refers to the image, by the tag of registries that keep no such lists.
refer() {
	local members

	rm -rf "$T/attach"
	members=$(layout_artifact "$T/attach" $BUNDLE "$1")
	layout_index "$T/attach" "$members"
	push "$T/attach" app:bundle
	printf '{"schemaVersion":2,"mediaType":"%s","manifests":[{%s,"artifactType":"%s"}]}' $OCI_INDEX "$members" $BUNDLE |
		curl -sSf --cacert "$FIX/tls/ca.pem" -X PUT -H "Content-Type: $OCI_INDEX" --data-binary @- \
			"https://$registry/v2/app/manifests/${digest/:/-}"
}
