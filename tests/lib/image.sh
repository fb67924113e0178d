# image.sh: images, keys and signatures for tests.
#
# $FIX has, made once per run by tests/lib/fixtures:
#   bin/busybox, bin/probe   static programs
#   rootfs/                  a root file system with both, passwd and group
#   gnupg/                   secret keys: alice@, mallory@, carol@example.com; keys/NAME.asc public
#   shell.aci, probe.aci     signed by alice: example.com/shell, example.com/probe, version 1.0.0
# shellcheck shell=bash

# Words as a JSON list.
json_list() {
	local word sep=''

	printf '['
	for word in "$@"; do
		word=${word//\\/\\\\}
		printf '%s"%s"' "$sep" "${word//\"/\\\"}"
		sep=,
	done
	printf ']'
}

# manifest NAME [APP-JSON [MEMBERS]]: an image manifest. $VERSION: its version label.
manifest() {
	printf '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"%s","labels":[%s]%s%s}' "$1" \
		"{\"name\":\"version\",\"value\":\"${VERSION:-1.0.0}\"},{\"name\":\"os\",\"value\":\"linux\"},{\"name\":\"arch\",\"value\":\"${ARCH:-amd64}\"}" \
		"${2:+,\"app\":$2}" "${3:+,$3}"
}

# app WORD…: the "app" of a manifest that runs these words as root. $APP: more members, with a leading comma.
app() { printf '{"exec":%s,"user":"%s","group":"%s"%s}' "$(json_list "$@")" "${APP_USER:-0}" "${APP_GROUP:-0}" "${APP:-}"; }

# pack OUT MANIFEST ROOTFS: an archive, compressed as the end of OUT says: .aci is a plain tar, .gz.aci and so on.
pack() {
	local dir

	dir=$(mktemp -d "$T/pack.XXXXXX")
	printf '%s' "$2" >"$dir/manifest"
	tar --sort=name --numeric-owner --xattrs --xattrs-include='*' -cf "$dir/tar" \
		-C "$dir" manifest -C "$(dirname "$3")" --transform="s,^$(basename "$3"),rootfs,S" "$(basename "$3")"
	case $1 in
	*.gz.aci) gzip -n1 <"$dir/tar" >"$1" ;;
	*.bz2.aci) bzip2 -1 <"$dir/tar" >"$1" ;;
	*.xz.aci) xz -0 <"$dir/tar" >"$1" ;;
	*.zst.aci) zstd -q -1 <"$dir/tar" >"$1" ;;
	*) cp "$dir/tar" "$1" ;;
	esac
	rm -rf "$dir"
}

# image OUT NAME APP-JSON [MEMBERS]: an image of the usual root file system.
image() { pack "$1" "$(manifest "$2" "$3" "${4:-}")" "$FIX/rootfs"; }

# hostile CASE OUT: an archive that plays a trick; tests/lib/archive.py has the list.
hostile() { CANARY=$CANARY python3 "$LIB/archive.py" "$1" "$2"; }

pgp() { GNUPGHOME=$FIX/gnupg command gpg --batch --no-tty -q --pinentry-mode loopback --passphrase '' "$@"; }

# sign FILE [WHO]: FILE.asc
sign() {
	rm -f "$1.asc"
	pgp -u "${2:-alice}@example.com" --armor --detach-sign -o "$1.asc" "$1"
}

fingerprint() { pgp --with-colons --list-keys "$1@example.com" | awk -F: '$1 == "fpr" {print tolower($10); exit}'; }

# trust_key WHO PREFIX|--root
trust_key() {
	local where=(--prefix="$2")

	[ "$2" != --root ] || where=(--root)
	ok rkt trust --skip-fingerprint-review "${where[@]}" "$FIX/keys/$1.asc"
}

# have IMAGE…: fetches shell and/or probe from their files, verified, as a person would.
have() {
	local name

	trust_key alice example.com
	for name in "$@"; do
		ok rkt fetch "$FIX/$name.aci"
	done
}

# tree_files TREE: the directory with the files of a rendered image; an index is mounted for that.
tree_files() {
	local mnt

	if [ -e "$1/index" ] && [ ! -e "$1/files" ]; then
		mnt=$(mktemp -d "$T/mnt.XXXXXX")
		python3 "$LIB/mount_tree.py" "$1" "$mnt" || fail "cannot mount $1"
		echo "$mnt"
	elif [ -e "$1/files" ]; then
		echo "$1/files/rootfs"
	else
		echo "$1/rootfs"
	fi
}

# tree_of NAME: the directory of an image's rendered tree.
tree_of() {
	local key

	key=$(basename "$(ls "$DATA/cas/name/${1//\//,}" | head -n 1)")
	echo "$DATA/cas/tree/$(sed 's/.*"tree": *"\([^"]*\)".*/\1/' "$DATA/cas/image/$key")"
}

# Images are kept as an index here, or the test is skipped.
need_index() {
	have shell
	[ -e "$(tree_of example.com/shell)/index" ] || skip "images are kept as $(sed 's/.* //' "$DATA/cas/tree/.backend") here"
}

image_id() { printf 'sha512-%s' "$(sha512sum <"$1" | cut -d' ' -f1)"; }	# of an uncompressed archive
