# Images of registries, archives and layouts: who signed them, and what is done about it.
# shellcheck shell=bash disable=SC2154

APP=example.com_5000/app	# what appc calls $registry/app
ACCEPT=(rkt trust --accept-unsigned --skip-fingerprint-review)

# pushed: an image as $registry/app:1, $digest its digest.
pushed() {
	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	registry 5000 tls
	push "$T/layout:latest" app:1
	export SSL_CERT_FILE=$FIX/tls/ca.pem
}
trust_app() { ok rkt trust --skip-fingerprint-review --prefix="$registry/app" "$1"; }

test_unsigned_is_refused() {
	pushed
	refused "no key is trusted for \"$APP\" .*rkt trust --prefix=$APP KEY.*--accept-unsigned --prefix=$APP.*--insecure-options=image" \
		rkt fetch "docker://$registry/app:1"
	cosign_key a
	trust_app "$T/a.pub"
	refused "no signature of \"$APP\" \($digest\) found" rkt fetch "docker://$registry/app:1"
	nothing_stored
	ok rkt --insecure-options=image fetch "docker://$registry/app:1"
	refused 'never verified' rkt run --net=none --pull-policy=never $APP
}

test_signed_by_cosign() {
	pushed
	cosign_key a
	trust_app "$T/a.pub"
	cosign_sign a
	ok rkt fetch "docker://$registry/app:1"
	complains "signature verified"
	complains "$key"
	ok rkt image list --no-legend --full --fields=name,verified
	says "^$APP:1[[:space:]]+$key\$"
	exits 3 rkt run --net=none --uuid-file-save="$T/uuid" $APP:1 --exec=/bin/probe -- exit 3
	ok rkt status --uuid-file="$T/uuid"
	says "^verified-app=$key\$"
	# Who is trusted no longer vouches for nothing that was fetched before.
	ok rkt trust --remove --prefix="$registry/app" "$key"
	refused "$key, which signed .* is no longer trusted" rkt run --net=none --pull-policy=never $APP:1
	ok rkt image list --no-legend --fields=verified
	says 'no longer trusted'
}

test_signed_for_something_else() {
	pushed
	cosign_key a
	trust_app "$T/a.pub"
	cosign_sign a "" "$registry/other"
	refused "counts: cosign: the signature is for \"$registry/other\", not for \"$registry/app:1\"" rkt fetch "docker://$registry/app:1"
	cosign_sign a "" "$registry/app:2"
	refused "for \"$registry/app:2\", not for" rkt fetch "docker://$registry/app:1"
	cosign_sign a "sha256:$(printf %064d 0)"
	refused 'over another image' rkt fetch "docker://$registry/app:1"
	cosign_key b
	cosign_sign b
	refused 'signature made by unknown entity' rkt fetch "docker://$registry/app:1"
	payload >"$T/payload"
	attach "$(sig_tag)" application/vnd.dev.cosign.simplesigning.v1+json "$T/payload" '"dev.cosignproject.cosign/signature":"Zm9v"'
	refused 'unknown entity' rkt fetch "docker://$registry/app:1"
	nothing_stored
	cosign_sign a "" "$registry/app:1"
	ok rkt fetch "docker://$registry/app:1"
}

# A key counts for its prefix alone, whose parts are whole.
test_signed_by_a_key_for_another_prefix() {
	pushed
	cosign_key a
	cosign_sign a
	for prefix in "$registry/ap" "$registry/app/x" "$registry/other" example.com; do
		ok rkt trust --skip-fingerprint-review --prefix="$prefix" "$T/a.pub"
		refused "no key is trusted for \"$APP\"" rkt fetch "docker://$registry/app:1"
	done
	ok rkt trust --skip-fingerprint-review --prefix="$registry" "$T/a.pub"
	ok rkt fetch "docker://$registry/app:1"
}

test_signed_by_a_bundle() {
	pushed
	cosign_key a
	trust_app "$T/a.pub"
	bundle a https://slsa.dev/provenance/v1
	refer "$T/bundle"
	refused 'its statement is of another type' rkt fetch "docker://$registry/app:1"
	bundle a
	refer "$T/bundle"
	ok rkt fetch "docker://$registry/app:1"
	ok rkt image list --no-legend --full --fields=verified
	says "^$key\$"
}

test_signed_by_gpg() {
	pushed
	trust_app "$FIX/keys/alice.asc"
	echo "$digest" | pgp -u alice@example.com --armor --detach-sign -o "$T/digest.asc"
	attach "$(asc_tag)" application/pgp-signature "$T/digest.asc"
	ok rkt fetch "docker://$registry/app:1"
	complains 'alice@example\.com'
	ok rkt image list --no-legend --full --fields=verified
	says "^$(fingerprint alice)\$"
	ok rkt image rm $APP
	echo "sha256:$(printf %064d 0)" | pgp -u alice@example.com --armor --detach-sign --yes -o "$T/digest.asc"
	attach "$(asc_tag)" application/pgp-signature "$T/digest.asc"
	refused "hash tag doesn't match" rkt fetch "docker://$registry/app:1"
	echo "$digest" | pgp -u alice@example.com --clearsign --yes -o "$T/digest.asc"
	attach "$(asc_tag)" application/pgp-signature "$T/digest.asc"
	refused 'no valid signatures found' rkt fetch "docker://$registry/app:1"
	nothing_stored
}

test_signature_in_a_file() {
	pushed
	trust_app "$FIX/keys/alice.asc"
	printf %s "$digest" | pgp -u alice@example.com --detach-sign -o "$T/digest.sig"
	ok rkt fetch "docker://$registry/app:1" --signature="$T/digest.sig"
	ok rkt image rm $APP
	ok "${ACCEPT[@]}" --prefix="$registry"
	echo "$digest" | pgp -u mallory@example.com --armor --detach-sign -o "$T/bad.asc"
	refused 'unknown entity' rkt fetch "docker://$registry/app:1" --signature="$T/bad.asc"
	nothing_stored
	# Nor does another signature stand in for it, or an image that is stored.
	cosign_key a
	trust_app "$T/a.pub"
	cosign_sign a
	refused 'the signature that was given .* does not count' rkt fetch "docker://$registry/app:1" --signature="$T/bad.asc"
	ok rkt fetch "docker://$registry/app@$digest"
	refused 'the signature that was given .* does not count' rkt fetch "docker://$registry/app@$digest" --signature="$T/bad.asc"
	ok rkt fetch "docker://$registry/app@$digest" --signature="$T/digest.sig"
	complains 'alice@example\.com'
}

# Two names of a registry are two of appc's: who accepts or trusts one says nothing of its neighbour.
test_names_that_look_alike() {
	local appc=example.com_5000/my~2_org/app

	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	registry 5000 tls
	push "$T/layout:latest" my__org/app:1
	push "$T/layout:latest" my_org/app:1
	export SSL_CERT_FILE=$FIX/tls/ca.pem
	ok "${ACCEPT[@]}" --prefix="$registry/my_org"
	refused "no key is trusted for \"$appc\" .*--prefix=$appc" rkt fetch "docker://$registry/my__org/app:1"
	nothing_stored
	ok rkt fetch "docker://$registry/my_org/app:1"
	ok rkt image rm "$(rkt image list --no-legend --fields=id)"
	ok rkt trust --remove --prefix="$registry/my_org" accepted
	ok "${ACCEPT[@]}" --prefix="$registry/my__org"
	refused 'no key is trusted' rkt fetch "docker://$registry/my_org/app:1"
	ok rkt fetch "docker://$registry/my__org/app:1"
	ok rkt image list --no-legend --fields=name,verified
	says "^$appc:1[[:space:]]+accepted\$"
	exits 3 rkt run --net=none --pull-policy=never $appc:1 --exec=/bin/probe -- exit 3
	# What the refusal named is a prefix too.
	ok rkt trust --remove --prefix="$registry/my__org" accepted
	ok "${ACCEPT[@]}" --prefix=$appc
	exits 3 rkt run --net=none --pull-policy=never $appc:1 --exec=/bin/probe -- exit 3
}

test_accepted_unsigned() {
	pushed
	ok "${ACCEPT[@]}" --prefix="$registry/app"
	ok rkt fetch "docker://$registry/app:1"
	ok rkt image list --no-legend --fields=verified
	says '^accepted$'
	exits 3 rkt run --net=none --uuid-file-save="$T/uuid" $APP:1 --exec=/bin/probe -- exit 3
	ok rkt status --uuid-file="$T/uuid"
	says '^verified-app=accepted$'
	ok rkt trust --remove --prefix="$registry/app" accepted
	refused 'no longer accepted' rkt run --net=none --pull-policy=never $APP:1 --exec=/bin/probe -- exit 3
	exits 3 rkt --insecure-options=image run --net=none --uuid-file-save="$T/uuid" --pull-policy=never $APP:1 --exec=/bin/probe -- exit 3
	ok rkt status --uuid-file="$T/uuid"
	says '^verified-app=nobody$'
}

# What is accepted is the registry's word: without TLS it may be anybody's.
test_accepted_of_the_registry_alone() {
	local option

	pushed
	ok "${ACCEPT[@]}" --prefix="$registry/app"
	for option in tls http; do
		refused 'accepted of the registry alone, .* nobody knows who answers' rkt --insecure-options=$option fetch "docker://$registry/app:1"
	done
	nothing_stored
	cosign_key a
	trust_app "$T/a.pub"
	cosign_sign a
	ok rkt --insecure-options=tls fetch "docker://$registry/app:1"
	ok rkt image rm $APP
	rkt trust --remove --prefix="$registry/app" "$key" >/dev/null
	ok rkt fetch "docker://$registry/app:1"
}

# Between a registry on this machine and us nobody can stand.
test_accepted_of_this_machine() {
	local option

	shell_oci "$T/layout" >/dev/null
	registry 5000
	push "$T/layout:latest" app:1
	ok "${ACCEPT[@]}" --prefix="$registry/app"
	for option in none tls http; do
		ok rkt --insecure-options=$option fetch "docker://$registry/app:1"
		ok rkt image list --no-legend --fields=verified
		says '^accepted$'
		ok rkt image rm localhost_5000/app
	done
	# With a mirror elsewhere, somebody can.
	mkdir -p "$CONFIG/registries.d"
	echo '{"rktKind":"registry","rktVersion":"v1","registries":["localhost:5000"],"mirrors":["http://example.com:5000"]}' >"$CONFIG/registries.d/a.json"
	refused 'nobody knows who answers' rkt --insecure-options=http fetch "docker://$registry/app:1"
}

# What was fetched when nobody looked does not become good by accepting its name.
test_accepted_too_late() {
	pushed
	ok rkt --insecure-options=image fetch "docker://$registry/app:1"
	ok "${ACCEPT[@]}" --prefix="$registry/app"
	refused 'never verified' rkt run --net=none --pull-policy=never $APP:1 --exec=/bin/probe -- exit 3
	exits 3 rkt run --net=none "docker://$registry/app:1" --exec=/bin/probe -- exit 3
}

# The signature may be that of the index.
test_signed_index() {
	local machine

	machine=$(uname -m)
	oci "$T/layout" >/dev/null <<-END
		image many amd64
		layer
		file machine text=$machine
		image many arm64
		layer
		file machine text=$machine
	END
	registry 5000 tls
	push "$T/layout:many" app:1
	export SSL_CERT_FILE=$FIX/tls/ca.pem
	digest=sha256:$(curl -sSf --cacert "$FIX/tls/ca.pem" -H "Accept: $OCI_INDEX" "https://$registry/v2/app/manifests/1" | sha256sum | cut -d' ' -f1)
	cosign_key a
	trust_app "$T/a.pub"
	refused 'no signature' rkt fetch "docker://$registry/app:1"
	cosign_sign a
	ok rkt fetch "docker://$registry/app:1"
}

# Where the registry cannot be asked, nobody knows what there is.
test_signatures_cannot_be_asked_for() {
	pushed
	ok "${ACCEPT[@]}" --prefix="$registry/app"
	kill %1
	refused '.' rkt fetch "docker://$registry/app:1"
	nothing_stored
}

# An archive is signed by a file beside it, and calls itself what it likes: its name is not accepted unsigned.
test_archive() {
	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	tar -C "$T/layout" -cf "$T/x.tar" .
	refused 'no key is trusted for .*--signature=FILE' rkt fetch "oci-archive:$T/x.tar"
	ok rkt trust --skip-fingerprint-review --root "$FIX/keys/alice.asc"
	ok "${ACCEPT[@]}" --prefix="${digest/:/_}"	# its name, for it has no other
	refused 'no signature of .* found' rkt fetch "oci-archive:$T/x.tar"
	echo "$digest" | pgp -u mallory@example.com --armor --detach-sign -o "$T/x.tar.asc"
	refused 'unknown entity' rkt fetch "oci-archive:$T/x.tar"
	nothing_stored
	echo "$digest" | pgp -u alice@example.com --armor --detach-sign --yes -o "$T/x.tar.asc"
	ok rkt fetch "oci-archive:$T/x.tar"
	ok rkt image list --no-legend --full --fields=verified
	says "^$(fingerprint alice)\$"
}

# sign_as_refused ARCHIVE: what a user does who knows of the archive only what the refusal tells.
sign_as_refused() {
	local digest

	refused "$1\" \\(sha256:[0-9a-f]{64}\\)" rkt fetch "docker-archive:$1"
	digest=$(grep -o 'sha256:[0-9a-f]*' "$T/err" | head -n 1)
	echo "$digest" | pgp -u alice@example.com --armor --detach-sign -o "$1.asc"
}

# Its digest is that of a manifest which nobody else has seen; its name is what it says, or else the file's.
test_docker_archive_is_signed_by_what_the_refusal_says() {
	shell_oci "$T/layout" v1 >/dev/null
	skopeo copy --quiet "oci:$T/layout:v1" "docker-archive:$T/named.tar:busybox:1.2"
	skopeo copy --quiet "oci:$T/layout:v1" "docker-archive:$T/Plain.tar"
	sign_as_refused "$T/named.tar"
	trust_key alice docker.io/library
	ok rkt fetch "docker-archive:$T/named.tar"
	ok rkt image list --no-legend --fields=name
	says '^registry-1\.docker\.io/library/busybox:1\.2'
	ok rkt image rm registry-1.docker.io/library/busybox
	sign_as_refused "$T/Plain.tar"
	refused '.' rkt fetch "docker-archive:$T/Plain.tar"
	trust_key alice plain
	ok rkt fetch "docker-archive:$T/Plain.tar"
	ok rkt image list --no-legend --fields=name
	says '^plain'
}

# signed_layout REFERENCE [NAME] [CONTAINERD]: $T/layout has an image called NAME, or "latest", that cosign signed for
# REFERENCE; CONTAINERD is what containerd calls it.
signed_layout() {
	local type=application/vnd.dev.cosign.simplesigning.v1+json

	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	payload "$digest" "$1" >"$T/payload"
	python3 - "$T/layout/index.json" "${@:2}" <<-'END'
		import json, sys
		index = json.load(open(sys.argv[1]))
		index["manifests"][0]["annotations"].update(
			zip(["org.opencontainers.image.ref.name", "io.containerd.image.name"], sys.argv[2:]))
		json.dump(index, open(sys.argv[1], "w"))
	END
	layout_add "$T/layout" "$(sig_tag)" "$(layout_artifact "$T/layout" $type "$T/payload" "$(sign_payload a "$T/payload")")"
}

# In a layout, signatures have the tags that they have in a registry.
test_layout_with_signature() {
	cosign_key a
	signed_layout ""
	refused 'no key is trusted' rkt fetch "oci:$T/layout"
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
	ok rkt fetch "oci:$T/layout"
	ok rkt image list --no-legend --full --fields=verified
	says "^$key\$"
}

# What was signed for one name does not count for an image of another, or of none.
test_layout_signed_for_another_name() {
	cosign_key a
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
	signed_layout quay.io/org/app
	refused 'the signature is for "quay.io/org/app", and nothing in the file says' rkt fetch "oci:$T/layout"
	rm -r "$T/layout"
	signed_layout quay.io/org/app quay.io/evil/app:1
	refused 'is for "quay.io/org/app", not for "quay.io/evil/app:1"' rkt fetch "oci:$T/layout"
	rm -r "$T/layout"
	signed_layout quay.io/org/app:2 quay.io/org/app:1
	refused 'is for "quay.io/org/app:2", not for "quay.io/org/app:1"' rkt fetch "oci:$T/layout"
	rm -r "$T/layout"
	signed_layout quay.io/org/app:2 1 quay.io/org/app
	refused 'is for "quay.io/org/app:2", not for "quay.io/org/app:1"' rkt fetch "oci:$T/layout"
	nothing_stored
	rm -r "$T/layout"
	signed_layout quay.io/org/app:1 quay.io/org/app:1
	ok rkt fetch "oci:$T/layout"
	ok rkt image list --no-legend --full --fields=name,verified
	says "^quay.io/org/app:1[[:space:]]+$key\$"
}
