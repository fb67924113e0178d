# Where signatures are looked for: in registries that know nothing of lists, in long lists, and behind mirrors.
# shellcheck shell=bash disable=SC2154

IMAGE=example.com:5000

# image: $T/layout has one as "latest", $digest its digest; a key of cosign, "a", is trusted for everything.
image() {
	digest=$(shell_oci "$T/layout" | cut -d' ' -f2)
	cosign_key a
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
}

# payload_tagged KEY [TAG]: cosign's signature, as up to version 2.
payload_tagged() {
	payload "$digest" "" >"$T/payload"
	layout_add "$T/layout" "${2:-$(sig_tag)}" "$(layout_artifact "$T/layout" \
		application/vnd.dev.cosign.simplesigning.v1+json "$T/payload" "$(sign_payload "$1" "$T/payload")")"
}

# bundle_listed KEY [N]: as of version 3, in a list below the tag for it, behind N entries that are something else.
bundle_listed() {
	local entry other='' i

	bundle "$1"
	entry=$(layout_artifact "$T/layout" $BUNDLE "$T/bundle")
	for ((i = 0; i < ${2:-0}; i++)); do
		other+="{${entry%,*},\"size\":$i,\"artifactType\":\"application/spdx+json\"},"
	done
	printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s{%s}]}' $OCI_INDEX "$other" "$entry" >"$T/list"
	layout_add "$T/layout" "${digest/:/-}" "\"mediaType\":\"$OCI_INDEX\",$(layout_blob "$T/layout" "$T/list")"
}

fetched() {
	ok rkt fetch "docker://$IMAGE/$1/x"
	ok rkt image list --no-legend --full --fields=verified
	says "^$key\$"
	ok rkt image rm "example.com_5000/$1/x"
}

# In how many ways a registry says that it keeps no lists: then there is the tag.
test_registry_without_lists() {
	local word

	image
	bundle_listed a
	bad_registry 5000 8444
	for word in ref400 ref403 ref404 ref405 ref406 ref410 ref422 ref501 refpage refaway; do
		fetched $word
	done
	if grep -q '"port": 8444' "$T/bad.log"; then fail "it was followed to where nobody knows of lists"; fi
}

# Nor do they keep an image from being used that is signed otherwise, or need not be.
test_registry_without_lists_signed_otherwise() {
	image
	payload_tagged a
	bad_registry 5000 8444
	for word in ref406 refpage refaway self; do
		fetched $word
	done
	ok rkt trust --remove --root "$key"
	cosign_key b
	ok rkt trust --skip-fingerprint-review --root "$T/b.pub"
	ok rkt trust --accept-unsigned --skip-fingerprint-review --prefix=$IMAGE
	for word in ref406 refpage refaway self; do
		ok rkt fetch "docker://$IMAGE/$word/x"
	done
}

# Where it is the list that fails, another signature counts; without one, nobody knows.
test_list_fails() {
	image
	bad_registry 5000
	ok rkt trust --accept-unsigned --skip-fingerprint-review --prefix=$IMAGE
	for word in ref401 ref507; do
		refused "cannot look for signatures: what refers to '$digest'" rkt fetch "docker://$IMAGE/$word/x"
	done
	nothing_stored
	ok rkt trust --skip-fingerprint-review --root "$FIX/keys/alice.asc"
	echo "$digest" | pgp -u alice@example.com --armor --detach-sign -o "$T/digest.asc"
	layout_add "$T/layout" "$(asc_tag)" "$(layout_artifact "$T/layout" application/pgp-signature "$T/digest.asc")"
	ok rkt fetch "docker://$IMAGE/ref507/x"
	complains 'alice@example\.com'
}

test_long_list() {
	image
	bundle_listed a 70
	bad_registry 5000
	fetched good
}

test_list_of_pages() {
	image
	bundle_listed a 5
	bad_registry 5000 8444
	fetched refapi
	refused 'the list goes on at another place' rkt fetch "docker://$IMAGE/refapi.refastray/x"
	if grep -q '"port": 8444' "$T/bad.log"; then fail "it was followed elsewhere"; fi
}

test_list_without_end() {
	image
	bundle_listed a 40
	bad_registry 5000
	refused 'has more than 32 pages' rkt fetch "docker://$IMAGE/refapi/x"
	equal 32 "$(grep -c 'referrers/' "$T/bad.log")" "the number of pages"
}

# What a mirror has, and the registry has not, or has anew.
test_mirror_is_behind() {
	image
	cosign_key b
	payload_tagged b stale
	bad_registry 5000
	mkdir -p "$CONFIG/registries.d"
	printf '{"rktKind":"registry","rktVersion":"v1","registries":["%s"],"mirrors":["https://%s/stale"]}' \
		$IMAGE $IMAGE >"$CONFIG/registries.d/mirror.json"
	refused 'signature made by unknown entity' rkt fetch "docker://$IMAGE/good/x"
	cosign_key a
	ok rkt trust --skip-fingerprint-review --root "$T/a.pub"
	bundle_listed a
	fetched refapi
	payload_tagged a
	fetched good
	grep -q 'stale/good/x/manifests/sha256-.*\.sig' "$T/bad.log" || fail "the mirror was not asked"
}
