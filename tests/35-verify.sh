# Signatures that do not hold.
# shellcheck shell=bash

# Every door refuses the image, and nothing of it stays.
no_door_opens() {	# REGEX IMAGE
	refused "$1" rkt fetch "$2"
	refused "$1" rkt run --net=none "$2"
	refused "$1" rkt prepare "$2"
	nothing_stored
}

test_unsigned() {
	cp "$FIX/shell.aci" "$T/"
	trust_key alice example.com
	no_door_opens 'signature' "$T/shell.aci"
}

test_empty_signature() {
	cp "$FIX/shell.aci" "$T/"
	: >"$T/shell.aci.asc"
	trust_key alice example.com
	no_door_opens 'signature' "$T/shell.aci"
}

test_random_signature() {
	cp "$FIX/shell.aci" "$T/"
	head -c 4000 /dev/urandom >"$T/shell.aci.asc"
	trust_key alice example.com
	no_door_opens '.' "$T/shell.aci"
}

test_wrong_key() {
	cp "$FIX/shell.aci" "$T/"
	sign "$T/shell.aci" mallory
	trust_key alice example.com
	no_door_opens 'unknown|not trusted|no trusted key' "$T/shell.aci"
}

test_no_key_at_all() { no_door_opens '.' "$FIX/shell.aci"; }

test_key_for_another_prefix() {
	trust_key alice example.org
	no_door_opens '.' "$FIX/shell.aci"
}

# A prefix ends at a component: example.com/sh says nothing about example.com/shell.
test_prefix_is_whole_components() {
	trust_key alice example.com/sh
	no_door_opens '.' "$FIX/shell.aci"
	image "$T/below.aci" example.com/sh/below "$(app /bin/true)"
	sign "$T/below.aci"
	ok rkt fetch "$T/below.aci"
	image "$T/same.aci" example.com/sh "$(app /bin/true)"
	sign "$T/same.aci"
	ok rkt fetch "$T/same.aci"
}

test_signature_of_other_bytes() {
	cp "$FIX/shell.aci" "$T/"
	cp "$FIX/probe.aci.asc" "$T/shell.aci.asc"
	trust_key alice example.com
	no_door_opens '.' "$T/shell.aci"
	cp "$FIX/shell.aci.asc" "$T/"
	printf x >>"$T/shell.aci"
	no_door_opens '.' "$T/shell.aci"
	cp "$FIX/shell.aci" "$T/"
	printf y | dd of="$T/shell.aci" bs=1 seek=100000 conv=notrunc status=none
	no_door_opens '.' "$T/shell.aci"
}

test_not_detached() {
	cp "$FIX/shell.aci" "$T/"
	trust_key alice example.com
	pgp -u alice@example.com --armor --sign -o "$T/shell.aci.asc" "$T/shell.aci"
	no_door_opens '.' "$T/shell.aci"
	rm "$T/shell.aci.asc"
	echo text >"$T/text"
	pgp -u alice@example.com --clearsign -o "$T/shell.aci.asc" "$T/text"
	no_door_opens '.' "$T/shell.aci"
	# A signature over text (type 0x01) says another thing than one over bytes.
	rm "$T/shell.aci.asc"
	gzip -n1 <"$FIX/shell.aci" >"$T/shell.aci"	# gpg wants lines
	pgp -u alice@example.com --armor --textmode --detach-sign -o "$T/shell.aci.asc" "$T/shell.aci"
	no_door_opens '.' "$T/shell.aci"
}

test_weak_digest() {
	cp "$FIX/shell.aci" "$T/"
	trust_key alice example.com
	pgp -u alice@example.com --armor --digest-algo SHA1 --detach-sign -o "$T/shell.aci.asc" "$T/shell.aci" 2>/dev/null ||
		skip "gpg makes no SHA-1 signatures"
	no_door_opens '.' "$T/shell.aci"
}

test_one_good_signature_among_others() {
	cp "$FIX/shell.aci" "$T/"
	trust_key alice example.com
	pgp -u mallory@example.com -u alice@example.com --armor --detach-sign -o "$T/shell.aci.asc" "$T/shell.aci"
	ok rkt fetch "$T/shell.aci"
}

test_other_name_than_asked() {
	serve
	publish example.com/shell "$FIX/probe.aci"
	trust_key alice example.com
	refused '"example\.com/shell" expected but "example\.com/probe" found' rkt fetch example.com/shell:1.0.0
	nothing_stored
}

test_other_version_than_asked() {
	serve
	publish example.com/shell "$FIX/shell.aci" 2.0.0
	trust_key alice example.com
	refused 'requested value for label "version": "2\.0\.0" differs from fetched aci label value: "1\.0\.0"' \
		rkt fetch example.com/shell:2.0.0
	nothing_stored
}

test_label_not_there() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	refused 'requested label "flavor" not provided' rkt fetch example.com/shell:1.0.0,flavor=none
	nothing_stored
}

# What was fetched without verification does not pass for verified afterwards (D1).
test_unverified_stays_so() {
	cp "$FIX/shell.aci" "$T/"
	trust_key alice example.com
	ok rkt --insecure-options=image fetch "$T/shell.aci"
	refused '.' rkt run --net=none --pull-policy=never example.com/shell --exec=/bin/true
	refused '.' rkt run --net=none "$(image_id "$FIX/shell.aci")" --exec=/bin/true
	ok rkt --insecure-options=image run --net=none --pull-policy=never example.com/shell --exec=/bin/true
	# Fetched again with its signature it is.
	ok rkt fetch "$FIX/shell.aci"
	ok rkt run --net=none --pull-policy=never example.com/shell --exec=/bin/true
}

test_insecure_is_told() {
	cp "$FIX/shell.aci" "$T/"
	ok rkt --insecure-options=image fetch "$T/shell.aci"
	complains 'image signature verification has been disabled'
}

# The bytes that were verified are the bytes that run, however the file changes meanwhile.
test_file_swapped_meanwhile() {
	local i

	trust_key alice example.com
	image "$T/good.aci" example.com/probe "$(app /bin/probe exit 1)"
	sign "$T/good.aci"
	image "$T/evil.aci" example.com/probe "$(app /bin/probe exit 66)"
	cp "$T/good.aci" "$T/x.aci"
	cp "$T/good.aci.asc" "$T/x.aci.asc"
	(
		while :; do
			cp "$T/evil.aci" "$T/x.new" && mv "$T/x.new" "$T/x.aci"
			cp "$T/good.aci" "$T/x.new" && mv "$T/x.new" "$T/x.aci"
		done
	) 2>/dev/null &
	for ((i = 0; i < 12; i++)); do
		try rkt run --net=none "$T/x.aci"
		[ "$rc" = 1 ] || [ "$rc" = 254 ] || fail "run exits $rc"
	done
	kill %1
}
