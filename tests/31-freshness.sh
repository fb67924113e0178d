# Whether a stored image is still the one that its server has: ETag, dates, max-age, and several places to ask.
# shellcheck shell=bash

# there KIND: a signed image that the server answers so; sets $url.
there() {
	serve
	trust_key alice example.com
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	url=https://example.com/fault/$1:.aci/files/shell.aci
}

# another: puts another signed image where the first one was.
another() {
	image "$T/www/files/shell.aci" example.com/shell "$(app /bin/probe exit 7)"
	sign "$T/www/files/shell.aci"
}

forget() { : >"$T/requests"; }
asked() { requests | grep '"path": "[^"]*\.aci"' || true; }	# requests of images
asked_nobody() { equal "" "$(requests)" "what the server was asked"; }

# fact NAME VALUE: changes what is noted of the one image that did not come with rkt.
fact() {
	local file

	file=$(cd "$DATA/vouched" && grep -l '"maxAge"' sha512-*)
	sed -i "s/\"$1\":[0-9]*/\"$1\":$2/" "$DATA/vouched/$file" "$DATA/cas/image/$file"
}

seconds_ago() { echo $(($(date +%s) - $1))000000000; }

test_etag() {
	there ok
	ok rkt fetch --full "$url"
	forget
	ok rkt fetch --full "$url"
	equal "$(image_id "$FIX/shell.aci")" "$out" "the hash"
	asked | grep -q '"If-None-Match": "\\"[0-9a-f]*\\""' || fail "not asked by its ETag"
	[ "$(awk '/aci$/ { n = $1 } END { print n }' "$T/requests.sent")" -lt 1000 ] || fail "it was sent again"
	another
	ok rkt fetch --full "$url"
	equal "$(image_id "$T/www/files/shell.aci")" "$out" "the hash of the new one"
}

test_date() {
	there no-etag
	ok rkt fetch "$url"
	forget
	ok rkt fetch "$url"
	asked | grep -q '"If-Modified-Since": "' || fail "not asked by its date"
	asked | grep -q '"If-None-Match"' && fail "asked by an ETag that there is not"
	[ "$(awk '/aci$/ { n = $1 } END { print n }' "$T/requests.sent")" -lt 1000 ] || fail "it was sent again"
}

test_nothing_to_ask_by() {
	there no-name
	ok rkt fetch "$url"
	another
	ok rkt fetch --full "$url"
	equal "$(image_id "$T/www/files/shell.aci")" "$out" "the hash of the new one"
	! requests | grep -q '"If-' || fail "asked by what there is not"
}

test_max_age() {
	there age-1000
	ok rkt fetch --full "$url"
	another
	forget
	ok rkt --debug fetch --full "$url"
	equal "$(image_id "$FIX/shell.aci")" "$out" "the hash"
	complains "image for $url isn't expired, not fetching\."
	asked_nobody
	# The answer that nothing has changed makes it fresh again.
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	fact checked "$(seconds_ago 2000)"
	ok rkt fetch "$url"
	asked | grep -q '"If-None-Match"' || fail "not asked once its age was over"
	forget
	ok rkt fetch "$url"
	asked_nobody
}

test_max_age_is_at_most_a_day() {
	there age-99999999
	ok rkt fetch "$url"
	grep -q '"maxAge":86400\b' "$DATA"/cas/image/* || fail "noted is another age"
	fact maxAge 99999999
	fact checked "$(seconds_ago 86401)"
	forget
	ok rkt fetch "$url"
	asked | grep -q '"If-None-Match"' || fail "not asked after a day"
}

test_clock_set_back() {
	there age-1000
	ok rkt fetch "$url"
	fact checked "$(seconds_ago -31536000)"
	forget
	ok rkt fetch "$url"
	asked | grep -q '"If-None-Match"' || fail "not asked"
}

test_no_store() {
	there no-store
	ok rkt fetch "$url"
	forget
	ok rkt fetch "$url"
	asked | grep -q '"If-None-Match"' || fail "not asked"
}

# By name the pages of discovery need not be asked either.
test_by_name() {
	serve
	trust_key alice example.com
	publish example.com/shell "$FIX/shell.aci"
	discovery_page example.com https://example.com/fault/now:.aci/images
	echo ok >"$T/www/fault"
	ok rkt fetch example.com/shell:1.0.0
	forget
	ok rkt fetch example.com/shell:1.0.0
	asked | grep -q '"If-None-Match"' || fail "not asked by its ETag"
	echo age-1000 >"$T/www/fault"
	ok rkt fetch example.com/shell:1.0.0
	forget
	ok rkt fetch example.com/shell:1.0.0
	asked_nobody
	exits 0 rkt run --net=none --pull-policy=update example.com/shell:1.0.0 --exec=/bin/true
	asked_nobody
}

# What is fresh as the latest version says nothing about a certain one, also if it is the same.
test_latest_is_another_question() {
	serve
	trust_key alice example.com
	publish example.com/shell "$FIX/shell.aci"
	publish example.com/shell "$FIX/shell.aci" latest
	discovery_page example.com https://example.com/fault/age-1000:.aci/images
	ok rkt fetch example.com/shell
	forget
	ok rkt fetch example.com/shell
	asked_nobody
	ok rkt fetch example.com/shell:1.0.0
	asked | grep -q 'shell-1\.0\.0' || fail "the version was not asked for"
}

# D1: however fresh, it is used only while the key is trusted.
test_trust_counts() {
	there age-1000
	ok rkt fetch "$url"
	rm -r "$CONFIG/trustedkeys"
	refused 'signature|key' rkt fetch "$url"
	trust_key alice example.com
	forget
	ok rkt fetch "$url"
	asked_nobody
}

test_unverified_is_fetched_again() {
	there age-1000
	ok rkt --insecure-options=image fetch "$url"
	forget
	ok rkt --insecure-options=image fetch "$url"
	asked_nobody
	ok rkt fetch "$url"
	complains 'alice@example\.com'
	asked | grep -q '"If-None-Match"' && fail "asked as if it had been verified"
	ok rkt run --net=none --pull-policy=never example.com/shell --exec=/bin/true
}

test_signature_option_verifies() {
	there age-1000
	ok rkt fetch "$url"
	sign "$T/www/files/shell.aci" mallory
	refused 'key|signature' rkt fetch "$url" --signature="$T/www/files/shell.aci.asc"
}

# Only who said it who signed it may say that it is current: others' notes would take that away.
test_others_do_not_note() {
	there age-1000
	ok rkt fetch "$url"
	fact checked "$(seconds_ago 2000)"
	chown 1000 "$DATA"/cas/image/*
	rm -r "$DATA/vouched"
	cp -a "$DATA/cas/image" "$T/before.image"
	ok rkt --insecure-options=image fetch "$url"
	diff -r "$T/before.image" "$DATA/cas/image" || fail "the notes were written"
}

# --- several places ------------------------------------------------------------------------

# pages TEMPLATE…: a page with a tag for each, in that order.
pages() {
	local template

	serve
	trust_key alice example.com
	publish example.com/shell "$FIX/shell.aci"
	for template; do
		printf '<meta name="ac-discovery" content="example.com %s">\n' "$template"
	done >"$T/www/index.html"
}

good='https://example.com/images/{name}-{version}-{os}-{arch}.{ext}'

test_second_place() {
	pages 'https://example.com/nothing/{name}.{ext}' "$good"
	ok rkt fetch example.com/shell:1.0.0
	requests | grep -q nothing || fail "the first place was not asked"
}

test_second_place_without_server() {
	pages "https://example.com:1/images/{name}.{ext}" "$good"
	ok rkt fetch example.com/shell:1.0.0
}

test_second_place_without_signature() {
	pages 'https://example.com/fault/404:.asc/images/{name}-{version}-{os}-{arch}.{ext}' "$good"
	ok rkt fetch example.com/shell:1.0.0
}

# A place that cannot be named is none.
test_templates_that_do_not_fit() {
	pages 'https://example.com/{flavor}.{ext}' 'http://example.com/images/{name}.{ext}' "$good"
	ok rkt fetch example.com/shell:1.0.0
}

test_no_place_has_it() {
	pages 'https://example.com/first/{name}.{ext}' 'https://example.com/second/{name}.{ext}'
	refused 'first/' rkt fetch example.com/shell:1.0.0
	requests | grep -q second/ || fail "the second place was not asked"
	nothing_stored
}

# Whoever offers what is signed wrongly ends it: that is no want of luck.
test_bad_signature_is_no_reason_to_go_on() {
	pages 'https://example.com/bad/{name}-{version}-{os}-{arch}.{ext}' "$good"
	mkdir -p "$T/www/bad/example.com"
	cp "$FIX/shell.aci" "$T/www/bad/example.com/shell-1.0.0-linux-amd64.aci"
	sign "$T/www/bad/example.com/shell-1.0.0-linux-amd64.aci" mallory
	exits 254 rkt fetch example.com/shell:1.0.0
	complains 'signature made by unknown entity'
	complains '^fetch:     rkt trust --prefix "example\.com/shell"$'
	! requests | grep -q '/images/' || fail "the second place was asked"
	nothing_stored
}

# A page that has nothing of use gives way to that of the path above.
test_less_specific_page() {
	pages "$good"
	image "$T/deep.aci" example.com/a/b "$(app /bin/true)"
	sign "$T/deep.aci"
	publish example.com/a/b "$T/deep.aci"
	mkdir -p "$T/www/a"
	printf '<meta name="ac-discovery" content="example.com https://example.com/{flavor}.{ext}">' >"$T/www/a/b"
	ok rkt fetch example.com/a/b:1.0.0
	requests | grep -q '"path": "/a/b?' || fail "the first page was not asked"
}
