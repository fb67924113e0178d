# The group rkt: its members fetch, list and remove images, and cannot make root believe anything.
# shellcheck shell=bash disable=SC2154

# the_group: the users of a machine with the group rkt, in this test's mount namespace: "rkt" (for rkt-fetch),
# "member" in the group, and "outsider". $T/member and
# $T/outsider are then rkt as that user.
the_group() {
	cp -a /etc "$T/etc.group"
	cat >"$T/etc.group/passwd" <<-END
		root:x:0:0:root:/root:/bin/sh
		rkt:x:4000:4000::/:/bin/false
		member:x:4001:4001::/:/bin/sh
		outsider:x:4002:4002::/:/bin/sh
	END
	printf '%s:x:%s:%s\n' root 0 '' rkt 4000 member rkt-admin 4003 '' member 4001 '' outsider 4002 '' \
		>"$T/etc.group/group"
	[ ! -e "$T/hosts" ] || cp "$T/hosts" "$T/etc.group/hosts"
	mount --bind "$T/etc.group" /etc
	snapshot >"$T/before" 2>/dev/null
	rkt_as member 4001 4000
	rkt_as outsider 4002 4002
}

rkt_as() {	# USER UID GROUPS
	cat >"$T/$1" <<-END
		#!/bin/sh
		exec setpriv --reuid=$2 --regid=$2 --groups=$3 env HOME=/nonexistent \\
			$RKT --dir=$DATA --local-config=$CONFIG --system-config=$VENDOR "\$@"
	END
	chmod 0755 "$T/$1"
}

mode() { stat -c '%U:%G %a' "$DATA/$1"; }

test_modes() {
	the_group
	have shell
	equal "root:rkt 2750" "$(mode .)" "the data directory"
	for dir in cas cas/blob cas/imageManifest cas/image cas/name cas/tmp; do
		equal "root:rkt 2770" "$(mode $dir)" $dir
	done
	equal 700 "$(stat -c %a "$DATA/cas/tree" | tail -c 4)" "cas/tree"
	equal root "$(stat -c %U "$DATA/cas/tree")" "owner of cas/tree"
	equal "" "$(in_reach ! -group rkt)" "what is outside the group"
	equal "" "$(in_reach -perm /007 ! -type l)" "what others can use"
	equal "" "$(in_reach -type f -perm /020 ! -name lock)" "files that the group can change"
}
in_reach() { find "$DATA/cas" -path "$DATA/cas/tree" -prune -o "$@" -print | head -n 3; }

# fetched_by_member: the image example.com/shell, fetched by member from $url.
fetched_by_member() {
	serve
	the_group
	trust_key alice example.com
	ok rkt image list
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	url=https://example.com/files/shell.aci
	have probe	# root's, which makes the data directory
	ok "$T/member" fetch $url
}

test_member_fetches_lists_removes() {
	fetched_by_member
	says '^sha512-'
	equal "member" "$(find "$DATA/cas/blob" -type f -user 4001 -printf '%u\n' | sort -u)" "owner of the blob"
	ok "$T/member" image list
	says example.com/shell
	says example.com/probe
	ok rkt image list
	says example.com/shell
	ok "$T/member" image cat-manifest example.com/shell
	mkdir -m 0777 "$T/shared"
	ok "$T/member" image export example.com/shell "$T/shared/exported.aci"
	cmp "$FIX/shell.aci" "$T/shared/exported.aci"
	ok "$T/member" image rm example.com/shell
	ok "$T/member" image rm example.com/probe
	# The tree of root's image is root's to remove.
	ok rkt gc
	nothing_stored
}

# Without a tree, too, the bytes are held against the ID.
test_member_verifies() {
	fetched_by_member
	shell_oci "$T/layout" >/dev/null
	chmod -R a+rX "$T/layout"
	ok "$T/member" --insecure-options=image fetch "oci:$T/layout"
	oci=$out
	for image in example.com/shell "$oci"; do
		ok "$T/member" image verify "$image"
		says '^successfully verified checksum for image: .* not rendered'
	done
	for blob in $(find "$DATA/cas/blob" -type f -user 4001 -size +100k); do
		printf 'X' | dd of="$blob" bs=1 seek=50000 conv=notrunc 2>/dev/null
	done
	for image in example.com/shell "$oci"; do
		exits 254 "$T/member" image verify "$image"
		complains 'hash does not match|has other bytes'
	done
}

test_member_cannot_do_more() {
	fetched_by_member
	refused 'unprivileged user' "$T/member" run --net=none example.com/shell --exec=/bin/true
	refused '[Pp]ermission denied' "$T/member" trust --skip-fingerprint-review --root "$FIX/keys/mallory.asc"
	refused 'unprivileged user|root' "$T/member" gc
}

test_outsider_can_do_nothing() {
	fetched_by_member
	refused '[Pp]ermission denied' "$T/outsider" image list
	refused '[Pp]ermission denied' "$T/outsider" fetch $url
	refused '[Pp]ermission denied' "$T/outsider" image rm example.com/shell
}

test_fetcher_is_the_member() {
	fetched_by_member
	"$T/member" fetch https://example.com/fault/stall:.aci/files/shell.aci?2 >/dev/null 2>&1 &
	rkt_pid=$!
	until_true 10 grep -q 'stall.*aci' "$T/requests" || fail "the image was never asked for"
	fetch=$(grep -l -z '^rkt-fetch$' /proc/[0-9]*/cmdline | head -n 1)
	status=$(cat "${fetch%/cmdline}/status")
	grep -q -E '^Uid:.4001.4001.4001.4001$' <<<"$status" || fail "rkt-fetch is not the member"
	grep -q -E '^CapEff:.0000000000000000$' <<<"$status" || fail "rkt-fetch has capabilities"
	grep -q -E '^NoNewPrivs:.1$' <<<"$status" || fail "rkt-fetch could gain privileges"
	grep -q -E '^Seccomp:.2$' <<<"$status" || fail "rkt-fetch has no filter"
	kill $rkt_pid
	wait $rkt_pid || true
}

# What a member says of an image is not believed: root gets it again, verified, or is told what to do.
test_root_does_not_believe_a_member() {
	fetched_by_member
	refused 'example.com/shell.*(fetch|verified)' rkt run --pull-policy=never --net=none example.com/shell --exec=/bin/true
	complains 'whose word on its signature does not count'
	ok rkt image list --no-legend --fields=name,verified
	says '^example.com/shell[^[:space:]]*[[:space:]]+-$'
	ok "$T/member" image list --no-legend --fields=name,verified
	says "^example.com/shell.*$(fingerprint alice | cut -c1-16)"
	ok rkt run --net=none $url --exec=/bin/true
	equal root "$(stat -c %U "$DATA/cas/image/sha512-"*"$(image_id "$FIX/shell.aci" | cut -c8-39)"*)" "whose word it is"
	ok rkt run --pull-policy=never --net=none example.com/shell --exec=/bin/true
}

# Bytes that a member changed after the fetch are not run, even where nobody asks for a signature.
test_changed_blob_is_not_run() {
	fetched_by_member
	blob=$(find "$DATA/cas/blob" -type f -user 4001 | head -n 1)
	printf 'X' | dd of="$blob" bs=1 seek=5000 conv=notrunc 2>/dev/null
	refused '.' rkt --insecure-options=image run --pull-policy=never --net=none example.com/shell --exec=/bin/true
	no_pods
	# Root's fetch puts it right.
	ok rkt fetch $url
	ok rkt run --pull-policy=never --net=none example.com/shell --exec=/bin/true
}

# A member who changes the bytes while root unpacks them gets none of them out under the image's name.
test_bytes_changed_while_unpacked() {
	local blob pid

	fetched_by_member
	blob=$(find "$DATA/cas/blob" -type f -user 4001 -size +100k)
	python3 -c '
import mmap, os, sys
os.setgroups([4000])
os.setresgid(4001, 4001, 4001)
os.setresuid(4001, 4001, 4001)
blob = open(sys.argv[1], "r+b")
data = mmap.mmap(blob.fileno(), 0)
at = data.find(b"\x7fELF") + 64 * 1024
was = data[at]
print("ready", flush=True)
while True:
	data[at] = was ^ 1
	data[at] = was
' "$blob" >"$T/toggler" &
	pid=$!
	until_true 20 grep -q ready "$T/toggler"
	# Until root has a copy of its own: what happens to the member's does not matter then.
	for _ in $(seq 25); do
		[ "$(stat -c %u "$blob")" = 4001 ] || break
		try rkt image extract --overwrite --rootfs-only example.com/shell "$T/unpacked"
		[ "$rc" != 0 ] || cmp "$T/unpacked/bin/busybox" "$FIX/rootfs/bin/busybox" || break
	done
	kill $pid
	wait $pid || true
	[ "$rc" != 0 ] || cmp "$T/unpacked/bin/busybox" "$FIX/rootfs/bin/busybox" || fail "root unpacked what a member wrote"
}

# A blob of root's image that a member exchanged: the tree that root made stays what it was, or nothing runs.
test_exchanged_blob_is_not_run() {
	the_group
	have shell
	blob=$(find "$DATA/cas/blob" -type f -size +100k | head -n 1)
	cp "$FIX/probe.aci" "$T/other"
	chmod 0644 "$T/other"
	setpriv --reuid=4001 --regid=4001 --groups=4000 sh -c "rm -f '$blob' && cp '$T/other' '$blob' && chmod 0640 '$blob'"
	ok rkt run --pull-policy=never --net=none example.com/shell --exec=/bin/true
	exits 254 rkt image verify example.com/shell
	complains 'image hash does not match'
	try rkt image render --overwrite example.com/shell "$T/rendered"
	[ "$rc" != 0 ] || cmp "$T/rendered/bin/busybox" "$FIX/bin/busybox" || fail "rendered what a member put there"
}

# The same with the manifest, which says as whom and with what rights an app runs.
test_exchanged_manifest_is_not_used() {
	the_group
	have shell
	manifest=$(cd "$DATA/cas" && find imageManifest -type f -size -1k -o -type f -size 1k | head -n 1)
	sed 's/"user":"0"/"user":"1"/' "$DATA/cas/$manifest" >"$T/other"
	chmod 0644 "$T/other"
	as_member "rm -f $manifest && cp $T/other $manifest"
	ok rkt run --net=none example.com/shell --exec=/bin/sh -- -c 'id -u'
	equal 0 "$(tr -d '\r' <"$T/out" | tail -n 1)" "user"
	ok rkt run --no-overlay --net=none example.com/shell --exec=/bin/sh -- -c 'id -u'
	equal 0 "$(tr -d '\r' <"$T/out" | tail -n 1)" "user without overlay"
}

# as_member COMMAND: in the store, as a member would by hand.
as_member() { (cd "$DATA/cas" && setpriv --reuid=4001 --regid=4001 --groups=4000 sh -c "$1"); }

# not_verified [NAME]: root takes the image for one that nobody verified, and says so.
not_verified() {
	refused "$1.*(fetch|verified)" rkt run --pull-policy=never --net=none "$1" --exec=/bin/true
	ok rkt image list --no-legend --fields=name,verified
	! grep -E "^$1[: ]" "$T/out" | grep -v -E '[[:space:]]-$' || fail "$1 is listed as verified"
}

# What root wrote says nothing by itself: any file of root's may be what a registry or an archive brought.
test_renamed_files_vouch_for_nothing() {
	local key id kind facts

	the_group
	chmod 0755 "$T"
	trust_key alice example.com
	have probe
	ok "$T/member" --insecure-options=image fetch "$FIX/shell.aci"
	key=$(image_id "$FIX/shell.aci" | cut -c1-71)
	id=$(image_id "$FIX/shell.aci")
	facts="{\"id\":\"$id\",\"name\":\"example.com/shell\",\"importTime\":1,\"size\":$(stat -c %s "$FIX/shell.aci")"
	facts="$facts,\"verifiedBy\":\"$(fingerprint alice)\"}"
	for kind in blob/sha256 blob/sha512 imageManifest image name; do
		# As root would have kept it, whatever it fetched it as.
		printf '%s' "$facts" >"$DATA/cas/tmp/foreign"
		chown root:rkt "$DATA/cas/tmp/foreign"
		chmod 0640 "$DATA/cas/tmp/foreign"
		[ -d "$DATA/cas/$kind" ] || as_member "mkdir -p $kind"
		mv "$DATA/cas/tmp/foreign" "$DATA/cas/$kind/foreign"
		as_member "mv -f $kind/foreign image/$key"
		equal root "$(stat -c %U "$DATA/cas/image/$key")" "owner of the facts"
		not_verified example.com/shell
	done
	# Facts that root itself wrote, of another image and put back after its removal.
	ok rkt fetch "$FIX/shell.aci"
	ok rkt run --pull-policy=never --net=none example.com/shell --exec=/bin/true
	as_member "cp -r image ../image.old 2>/dev/null; cp -r image tmp/image.old; mv image/$key tmp/facts.old; cp tmp/image.old/$key image/$key"
	ok rkt image rm example.com/shell
	equal '' "$(find "$DATA/vouched" -name "$key*")" "what root vouches for"
	as_member "mv tmp/facts.old image/$key"
	equal root "$(stat -c %U "$DATA/cas/image/$key")" "owner of what was put back"
	ok rkt image list --no-legend --fields=name,verified
	! grep -E '^example.com/shell' "$T/out" | grep -v -E '[[:space:]]-$' || fail "it is verified again"
	as_member "rm -rf tmp/image.old image/$key"
}

# Where root vouches nobody else writes, and another directory in its place does not count.
test_vouching_is_out_of_reach() {
	local key

	the_group
	have probe shell
	key=$(image_id "$FIX/shell.aci" | cut -c1-71)
	equal "root:rkt 2750" "$(mode vouched)" "the directory"
	equal "root:rkt 640" "$(mode "vouched/$key")" "what is in it"
	for attempt in "mv ../vouched ../away" "rm -f ../vouched/$key" "touch ../vouched/x" "mv image/$key ../vouched/$key" \
		"ln -s image ../vouched2" "chmod 0770 ../vouched"; do
		! as_member "$attempt" 2>/dev/null || fail "a member could: $attempt"
	done
	# A member's view: what root says counts there too.
	ok "$T/member" image list --no-legend --fields=name,verified
	says "^example.com/shell.*$(fingerprint alice | cut -c1-16)"
}

# The manifest of another image of root's in place of a signed one's, which is not rendered yet: what the image builds
# on and which of its files count is not a member's to choose.
test_exchanged_dependencies() {
	local base evil app

	the_group
	trust_key alice example.com
	cp -a "$FIX/rootfs" "$T/base"
	echo base >"$T/base/who"
	mkdir "$T/evil" "$T/app"
	cp -a "$FIX/rootfs" "$T/evil.root"
	echo evil >"$T/evil.root/who"
	echo app >"$T/app/own"
	dep() { printf '"dependencies":[{"imageName":"%s"}]' "$1"; }
	pack "$T/base.aci" "$(manifest example.com/base)" "$T/base"
	pack "$T/evil.aci" "$(manifest example.com/evil)" "$T/evil.root"
	pack "$T/app.aci" "$(manifest example.com/app "$(app /bin/busybox cat /who /own)" "$(dep example.com/base)")" "$T/app"
	pack "$T/other.aci" "$(manifest example.com/app "$(app /bin/busybox cat /who /own)" "$(dep example.com/evil)")" "$T/app"
	for image in base evil app other; do
		sign "$T/$image.aci"
		ok rkt fetch --pull-policy=new "$T/$image.aci"
	done
	as_member "mv -f $(below_manifest other) $(below_manifest app)"
	ok rkt run --pull-policy=never --net=none "$(image_id "$T/app.aci")"
	equal "$(printf 'base\napp')" "$(tr -d '\r' <"$T/out")" "what the app sees"
	# One that a member fetched, so that root has no copy of its manifest: root reads the archive.
	ok rkt image rm "$(image_id "$T/app.aci")"
	chmod 0755 "$T" "$T"/*.aci
	ok "$T/member" --insecure-options=image fetch --pull-policy=new "$T/app.aci"
	ok rkt fetch --pull-policy=new "$T/other.aci"
	as_member "mv -f $(below_manifest other) $(below_manifest app)"
	as_member "sed -i 's/\"depends\":true,*//' image/$(image_id "$T/app.aci" | cut -c1-71)"
	ok rkt --insecure-options=image run --pull-policy=never --net=none "$(image_id "$T/app.aci")"
	equal "$(printf 'base\napp')" "$(tr -d '\r' <"$T/out")" "what the app of a member's image sees"
}
below_manifest() {	# IMAGE: where its manifest is, below cas
	local key

	key=$(image_id "$T/$1.aci" | cut -c1-71)
	echo "imageManifest/sha512/${key:7:2}/$key"
}

# Links in the place of the store's directories: root neither writes nor reads through them.
test_links_in_place_of_directories() {
	local dir

	the_group
	chmod 0777 "$CANARY"
	snapshot >"$T/before" 2>/dev/null
	for dir in blob image imageManifest name tmp blob/sha512 imageManifest/sha512; do
		rm -rf "$DATA"
		have probe
		as_member "mv $dir $dir.away && ln -s $CANARY $dir"
		try rkt fetch "$FIX/shell.aci"
		try rkt image list
		try rkt gc
		try rkt image rm example.com/probe
		try rkt run --net=none "$FIX/shell.aci" --exec=/bin/true
		[ "$(ls -A "$CANARY")" = keep ] || fail "a link in place of $dir leads root outside: $(ls "$CANARY")"
	done
	rm -rf "$DATA"
}

# What is no file does not keep root waiting, and what is too large is not read.
test_odd_files_in_the_store() {
	local facts

	the_group
	have probe shell
	facts=$(cd "$DATA/cas" && ls image/ | head -n 1)
	as_member "rm image/$facts && mkfifo image/$facts && mkfifo image/sha512-$(printf %064d 1)"
	LIMIT=20
	try rkt image list
	as_member "rm -f image/*; ln -s /etc/shadow image/$facts; ln -s /dev/zero image/sha512-$(printf %064d 1)"
	try rkt image list
	! grep -q root: "$T/out" "$T/err" || fail "shows a file of root's"
	as_member "rm -f image/*; truncate -s 1G image/$facts"
	try rkt image list
	try rkt gc
	as_member "rm -f lock; mkfifo lock"
	try rkt image list
	try rkt fetch "$FIX/shell.aci"
	try rkt gc
	as_member "rm -f lock; ln -s $CANARY/keep lock"
	try rkt fetch "$FIX/shell.aci"
}

# Images of registries too: a member fetches, and what a member changed of their layers root does not run.
test_member_fetches_oci() {
	the_group
	shell_oci "$T/layout" >/dev/null
	registry 5000
	push "$T/layout:latest" shell
	have probe
	ok "$T/member" --insecure-options=image fetch "docker://$registry/shell"
	equal member "$(find "$DATA/cas/blob/sha256" -type f -printf '%u\n' | sort -u)" "owner of the layers"
	ok "$T/member" image list
	says localhost_5000/shell
	forget_requests
	ok rkt --insecure-options=image run --pull-policy=never --net=none "docker://$registry/shell" --exec=/bin/true
	equal "" "$(registry_requests)" "what root asked the registry for"
	ok "$T/member" image rm localhost_5000/shell
}

# manifest_of LAYOUT: the file with the manifest of a layout's one image.
manifest_of() { echo "$1/blobs/sha256/$(sed 's/.*"digest": *"sha256:\([0-9a-f]*\)".*/\1/' "$1/index.json")"; }

# Which image has a digest is not a member's to say, whatever it says of where an image came from.
test_digest_is_what_it_names() {
	local key digest wanted

	the_group
	shell_oci "$T/one" >/dev/null
	oci "$T/two" >/dev/null <<-END
		image latest
		layer
		dir bin
		dir dev
		dir proc
		dir sys
		dir tmp
		dir etc
		file etc/passwd text='root:x:0:0:root:/:/bin/sh\n'
		file bin/sh copy=$FIX/bin/busybox mode=0755
	END
	registry 5000
	push "$T/one:latest" one
	push "$T/two:latest" two
	have probe
	ok "$T/member" --insecure-options=image fetch --full "docker://$registry/one"
	key=${out:0:71}
	# Rendered, so that nothing of it is looked at again.
	ok rkt --insecure-options=image run --pull-policy=never --net=none "docker://$registry/one" --exec=/bin/true
	digest=$(sha256sum "$(manifest_of "$T/two")" | cut -d' ' -f1)
	wanted=sha512-$(sha512sum "$(manifest_of "$T/two")" | cut -d' ' -f1)
	for lie in 's/"digest":"[^"]*"/"digest":"sha256:'"$digest"'"/' 's,"source":"[^"]*","source":"docker://'"$registry/two@sha256:$digest"'",'; do
		as_member "cp image/$key tmp/lie && sed -i '$lie' tmp/lie && chmod 0640 tmp/lie && mv -f tmp/lie image/$key"
		refused '.' rkt --insecure-options=image run --pull-policy=never --net=none \
			"docker://$registry/two@sha256:$digest" --exec=/bin/true
		refused 'sha256|image' rkt --insecure-options=image run --pull-policy=never --net=none "sha256:$digest" --exec=/bin/true
	done
	ok rkt --insecure-options=image fetch --full "docker://$registry/two@sha256:$digest"
	equal "$wanted" "$out" "the image that has the digest"
	# What root fetched itself by a digest needs no registry.
	as_member "rm -f image/$key"
	forget_requests
	ok rkt --insecure-options=image run --net=none "docker://$registry/two@sha256:$digest" --exec=/bin/sh -- -c true
	equal "" "$(registry_requests)" "what root asked the registry for"
}

# A name that root gave an image is root's to take away; a member's own name for it is the member's.
test_names_of_root() {
	local tag

	the_group
	shell_oci "$T/layout" >/dev/null
	registry 5000
	for tag in v1 v2 member; do
		push "$T/layout:latest" "app:$tag"
	done
	for tag in v1 v2; do
		ok rkt --insecure-options=image fetch "docker://$registry/app:$tag"
	done
	ok "$T/member" --insecure-options=image fetch "docker://$registry/app:member"
	exits 254 "$T/member" image rm localhost_5000/app:v1
	complains 'only root takes away'
	ok rkt image list --no-legend --fields=name --sort=name
	equal "$(printf 'localhost_5000/app:%s\n' member v1 v2)" "$(grep localhost "$T/out" | sed 's/ *$//')" "the names"
	ok "$T/member" image rm localhost_5000/app:member
	ok rkt image rm localhost_5000/app:v1
	ok rkt image list --no-legend --fields=name
	equal localhost_5000/app:v2 "$(grep localhost "$T/out" | sed 's/ *$//')" "the name that is left"
}

test_changed_layer_is_not_run() {
	the_group
	shell_oci "$T/layout" >/dev/null
	registry 5000
	push "$T/layout:latest" shell
	have probe
	ok "$T/member" --insecure-options=image fetch "docker://$registry/shell"
	blob=$(find "$DATA/cas/blob/sha256" -type f -size +100k)
	printf 'X' | dd of="$blob" bs=1 seek=5000 conv=notrunc 2>/dev/null
	refused "$(basename "$blob")" rkt --insecure-options=image run --pull-policy=never --net=none \
		"docker://$registry/shell" --exec=/bin/true
	no_pods
}

# Passwords that are root's alone keep nobody else from working without them.
test_credentials_of_root_alone() {
	local file=$CONFIG/auth.d/r.json

	fetched_by_member
	mkdir -p "$CONFIG/auth.d"
	printf '{"rktKind":"auth","rktVersion":"v1","domains":["r.example.com"],"type":"basic","credentials":%s}' \
		'{"user":"u","password":"hush"}' >"$file"
	chmod 0600 "$file"
	for _ in the-file the-directory; do
		for command in "image list" "trust --list" config; do
			# shellcheck disable=SC2086
			ok "$T/member" $command
			never_says hush
			equal "" "$(grep auth.d "$T/err")" "what $command says of it"
		done
		ok "$T/member" fetch $url "$FIX/shell.aci"
		equal 1 "$(grep -c 'without the credentials in .*auth.d' "$T/err")" "number of warnings"
		ok "$T/member" --debug image list
		complains 'passing over .*auth.d'
		ok rkt config
		says hush
		chmod 0700 "$CONFIG/auth.d"
	done
	chmod 0755 "$CONFIG/auth.d"
	chgrp rkt "$file"
	chmod 0640 "$file"
	ok "$T/member" config
	says hush
	ok "$T/member" fetch $url
	equal "" "$(grep credentials "$T/err")" "what is said of credentials"
}
