# What the benchmarks share; source it. Everything lives in an ext4 in memory (a
# loop device over a file in a tmpfs) of a private mount namespace: so the disk's
# state is not what is measured, but the file system is one that servers have. Of
# a tmpfs itself the kernel mounts no EROFS.
# Gives: $T (work directory), $BIN (rkt's release build), rkt(), compare. Servers
# whose pids are put into servers=() end with the benchmark. BENCH_NET=1: in a
# network namespace of its own.

set -eu -o pipefail
BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(dirname "$BENCH")
BIN=${BIN:-$TOP/build-release}

if [ "${BENCH_INSIDE:-}" != 1 ]; then
	"$TOP/check" --deps bench
	[ -e "$BIN/build.ninja" ] || meson setup "$BIN" "$TOP" --buildtype=release -Dtests=disabled >/dev/null
	ninja -C "$BIN" >/dev/null
	exec unshare --mount --propagation private ${BENCH_NET:+--net} env BENCH_INSIDE=1 BIN="$BIN" bash "$0" "$@"
fi

T=$(mktemp -d "${TMPDIR:-/tmp}/rkt-bench.XXXXXX")
mount -t tmpfs -o mode=755,size=90% tmpfs "$T"
truncate -s "${BENCH_GIGABYTES:-10}G" "$T/disk"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$T/disk"
mount -o loop "$T/disk" "$T"
# What other engines and gpg keep in these places goes with our mount namespace.
made=()
for place in /run /var/lib/containers; do
	[ -d "$place" ] || { mkdir "$place"; made+=("$place"); }
	mount -t tmpfs -o mode=755 tmpfs "$place"
done
servers=()
finish() {
	set +e
	cd /
	[ ${#servers[@]} = 0 ] || kill "${servers[@]}"
	[ -z "${finish_more:-}" ] || eval "$finish_more"
	[ ! -d "$T/gpg" ] || GNUPGHOME=$T/gpg gpgconf --kill all
	umount -l "$T" "$T" "${made[@]}"
	rmdir "$T" "${made[@]}"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$T/bin" "$T/etc" "$T/vendor"
cc -std=gnu17 -D_GNU_SOURCE -O2 -iquote "$TOP/src" -include "$TOP/src/base/banned.h" \
	"$BENCH/compare.c" "$TOP/src/base/mem.c" -o "$T/bin/compare"
cc -std=gnu17 -D_GNU_SOURCE -O2 -iquote "$TOP/src" "$BENCH/floor.c" "$TOP/src/base/mem.c" -o "$T/bin/floor"
musl-gcc -static -O2 "$BENCH/true.c" -o "$T/bin/true"
# fresh PATH…: they are gone, what was written is on disk, and memory is at hand: a virtual machine gives its host
# back what is free for a while, and whoever comes next would pay for getting it. For "first" of compare.
cat >"$T/bin/fresh" <<-EOT
	#!/bin/sh
	rm -rf "\$@" && sync -f $T && fstrim $T && head -c 2G /dev/zero >/run/warm && rm /run/warm
EOT
chmod +x "$T/bin/fresh"
PATH=$T/bin:$PATH

RKT="$BIN/rkt --dir=$T/data --local-config=$T/etc --system-config=$T/vendor"
rkt() { $RKT "$@"; }

# image_of NAME DIR OUT: an ACI of the files in DIR/rootfs that runs /true.
image_of() {
	local name=$1 dir=$2 out=$3
	cat >"$dir/manifest" <<-EOT
	{"acKind":"ImageManifest","acVersion":"0.8.11","name":"$name","labels":[{"name":"version","value":"1"},{"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],"app":{"exec":["${4:-/true}"],"user":"0","group":"0"}}
	EOT
	tar -C "$dir" --sort=name --mtime=@0 --numeric-owner -cf "$out" manifest rootfs
}

# key_for: makes a signing key in $T/gpg and trusts it for everything below bench.example.
key_for() {
	export GNUPGHOME=$T/gpg
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key bench@bench.example ed25519 sign never
	gpg --batch --armor --export bench@bench.example >"$T/key.asc"
	gpgconf --kill gpg-agent
	rkt trust --skip-fingerprint-review --prefix=bench.example "$T/key.asc" >/dev/null
}
sign() {
	gpg --batch --quiet --yes --pinentry-mode loopback --passphrase '' --armor --detach-sign "$1"
	gpgconf --kill gpg-agent
}
