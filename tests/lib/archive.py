#!/usr/bin/env python3
"""archive.py CASE OUT.aci | archive.py --list

Makes an image whose archive plays a trick. Headers are put together byte by byte, since no tar writer would
write most of these. Targets outside the image are below $CANARY."""
import gzip
import json
import os
import sys

from tarbytes import BLOCK, CHAR, DIR, END, FIFO, HARDLINK, SYMLINK, member

canary = os.environ.get("CANARY", "/nonexistent")


def manifest(name="example.com/hostile", **members):
    labels = {"version": "1.0.0", "os": "linux", "arch": "amd64"}
    m = {"acKind": "ImageManifest", "acVersion": "0.8.11", "name": name,
         "labels": [{"name": k, "value": v} for k, v in labels.items()],
         "app": {"exec": ["/bin/probe", "identity"], "user": "0", "group": "0"}}
    m.update(members)
    return json.dumps(m).encode()


def probe():
    with open(os.environ["FIX"] + "/bin/probe", "rb") as f:
        return f.read()


def system(*but):
    dirs = ["rootfs", "rootfs/bin", "rootfs/etc", "rootfs/tmp", "rootfs/dev", "rootfs/proc", "rootfs/sys"]
    return b"".join(member(d, DIR) for d in dirs if d not in but) + member("rootfs/bin/probe", data=probe(), mode=0o755)


def image(*members, base=None, text=None):
    return member("manifest", data=text or manifest()) + (system() if base is None else base) + b"".join(members) + END


def up(path):
    return "../" * 16 + path.lstrip("/")


def bomb(gib):
    """A file of zeros: 1 MiB of gzip for each GiB."""
    start = image(member("rootfs/zeros", size=gib << 30))[:-1024]
    part = gzip.compress(bytes(64 << 20), 9, mtime=0)
    return gzip.compress(start, mtime=0) + part * (gib * 16) + gzip.compress(END, mtime=0)


CASES = {
    "plain": lambda: image(),
    # out of the root by name
    "dotdot": lambda: image(member("rootfs/" + up(canary + "/new"), data=b"x")),
    "dotdot-inside": lambda: image(member("rootfs/etc/../new", data=b"x")),
    "absolute": lambda: image(member(canary + "/new", data=b"x")),
    "beside-rootfs": lambda: image(member("elsewhere/new", data=b"x")),
    "pax-path": lambda: image(member("rootfs/innocent", data=b"x", pax={"path": "rootfs/" + up(canary + "/new")})),
    "nul-in-name": lambda: image(member("rootfs/a", data=b"x", pax={"path": b"rootfs/a\0/../../b"})),
    # out of the root by links
    "symlink-write": lambda: image(member("rootfs/l", SYMLINK, target=canary), member("rootfs/l/new", data=b"x")),
    "symlink-relative": lambda: image(member("rootfs/l", SYMLINK, target=up(canary)), member("rootfs/l/new", data=b"x")),
    "symlink-chain": lambda: image(member("rootfs/a", SYMLINK, target="b"), member("rootfs/b", SYMLINK, target=canary),
                                   member("rootfs/a/new", data=b"x")),
    "symlink-last": lambda: image(member("rootfs/l", SYMLINK, target=canary + "/keep"), member("rootfs/l", data=b"x")),
    "symlink-mkdir": lambda: image(member("rootfs/l", SYMLINK, target=canary), member("rootfs/l/new", DIR)),
    "symlink-chmod": lambda: image(member("rootfs/l", SYMLINK, target=canary + "/keep", mode=0o6777, uid=4242),
                                   member("rootfs/l", SYMLINK, target=canary + "/keep", mode=0o6777, gid=4242)),
    "hardlink-out": lambda: image(member("rootfs/h", HARDLINK, target=up(canary + "/keep"))),
    "hardlink-absolute": lambda: image(member("rootfs/h", HARDLINK, target=canary + "/keep")),
    "hardlink-by-symlink": lambda: image(member("rootfs/l", SYMLINK, target=canary),
                                         member("rootfs/h", HARDLINK, target="rootfs/l/keep")),
    "hardlink-to-symlink": lambda: image(member("rootfs/l", SYMLINK, target=canary + "/keep"),
                                         member("rootfs/h", HARDLINK, target="rootfs/l"),
                                         member("rootfs/h", mode=0o6777, data=b"x")),
    "hardlink-missing": lambda: image(member("rootfs/h", HARDLINK, target="rootfs/nothing")),
    "rootfs-symlink": lambda: image(member("rootfs", SYMLINK, target=canary), member("rootfs/new", data=b"x"), base=b""),
    "rootfs-dot-symlink": lambda: image(member("rootfs/.", SYMLINK, target=canary), member("rootfs/new", data=b"x"), base=b""),
    "rootfs-file": lambda: image(member("rootfs", data=b"x"), base=b""),
    "no-rootfs": lambda: image(base=b""),
    # what an archive may not set
    "device-char": lambda: image(member("rootfs/mem", CHAR, device=(1, 1), mode=0o666)),
    "device-block": lambda: image(member("rootfs/disk", BLOCK, device=(254, 0), mode=0o666)),
    "whiteout": lambda: image(member("rootfs/etc/passwd", CHAR, device=(0, 0))),
    "xattr-trusted": lambda: image(member("rootfs/d", DIR, pax={"SCHILY.xattr.trusted.overlay.opaque": "y",
                                                                "SCHILY.xattr.trusted.overlay.redirect": "/etc"})),
    "setuid": lambda: image(member("rootfs/bin/su", data=probe(), mode=0o6755)),
    "fifo-passwd": lambda: image(member("rootfs/etc/passwd", FIFO), member("rootfs/etc/group", FIFO),
                                 text=manifest(app={"exec": ["/bin/probe", "identity"], "user": "user", "group": "user"})),
    "zero-passwd": lambda: image(member("rootfs/etc/passwd", SYMLINK, target="/dev/zero"),
                                 text=manifest(app={"exec": ["/bin/probe", "identity"], "user": "user", "group": "user"})),
    "symlink-passwd": lambda: image(member("rootfs/etc/passwd", SYMLINK, target=canary + "/passwd"),
                                    text=manifest(app={"exec": ["/bin/probe", "identity"], "user": "user", "group": "0"})),
    # directories that the engine fills
    "dev-symlink": lambda: image(member("rootfs/dev", SYMLINK, target=canary), base=system("rootfs/dev")),
    "proc-symlink": lambda: image(member("rootfs/proc", SYMLINK, target=canary), base=system("rootfs/proc")),
    "sys-symlink": lambda: image(member("rootfs/sys", SYMLINK, target=canary), base=system("rootfs/sys")),
    "devnull-symlink": lambda: image(member("rootfs/dev/null", SYMLINK, target="/proc/sys/kernel/core_pattern"),
                                     text=manifest(app={"exec": ["/bin/probe", "kernel"], "user": "0", "group": "0"})),
    "etc-symlink": lambda: image(member("rootfs/etc", SYMLINK, target=canary), base=system("rootfs/etc")),
    # two ways to read it
    "two-manifests": lambda: image(member("manifest", data=manifest("example.com/other"))),
    "manifest-later": lambda: system() + member("manifest", data=manifest()) + END,
    "no-manifest": lambda: system() + END,
    "manifest-symlink": lambda: member("manifest", SYMLINK, target="/etc/passwd") + system() + END,
    "manifest-directory": lambda: member("manifest", DIR) + system() + END,
    "manifest-huge": lambda: image(text=manifest(annotations=[{"name": "fill", "value": "x" * (8 << 20)}])),
    "manifest-deep": lambda: image(text=b'{"acKind":' + b"[" * 100000 + b"]" * 100000 + b"}"),
    "escapes": lambda: image(text=manifest(annotations=[{"name": "authors", "value": "\x1b[2J\x1b]0;title\x07\nline"}])),
    # lies about sizes
    "size-huge": lambda: image(member("rootfs/big", size=1 << 60)),
    "size-negative": lambda: image(member("rootfs/negative", size=-512)),
    "size-short": lambda: image(member("rootfs/short", size=100000, data=b"x"))[:-1024],
    "pax-size": lambda: image(member("rootfs/a", data=b"x" * 512, pax={"size": "99999999999999"})),
    "pax-length": lambda: image(member("PaxHeaders/x", b"x", b"99999999 path=rootfs/a\n"), member("rootfs/b", data=b"x")),
    "sparse-lie": lambda: image(member("rootfs/s", data=b"x" * 512, pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                                                                         "GNU.sparse.name": "rootfs/s", "GNU.sparse.realsize": str(1 << 62)})),
    "checksum": lambda: image(member("rootfs/a", data=b"x", checksum=9)),
    "kind-unknown": lambda: image(member("rootfs/a", b"Z", data=b"x")),
    "truncated": lambda: image(member("rootfs/a", data=os.urandom(1 << 20)))[:600000],
    "truncated-gzip": lambda: gzip.compress(image(member("rootfs/a", data=os.urandom(1 << 20))))[:600000],
    "corrupt-gzip": lambda: corrupt(gzip.compress(image(member("rootfs/a", data=os.urandom(1 << 20))), mtime=0)),
    "after-gzip": lambda: gzip.compress(image()) + b"more than the stream",
    "bomb": lambda: bomb(int(os.environ.get("BOMB_GIB", "64"))),
    "name-long": lambda: image(member("rootfs/" + "n" * 300, data=b"x")),
    "path-deep": lambda: image(*[member("rootfs/" + "d/" * n, DIR) for n in range(1, 3000, 100)]),
    "many-members": lambda: image(*[member("rootfs/f%d" % n) for n in range(5000)]),
    "not-an-archive": lambda: b"this is a text and no archive\n" * 1000,
    "empty": lambda: b"",
    "html": lambda: b"<!DOCTYPE html><html><body>not found</body></html>\n",
}


def corrupt(data):
    data = bytearray(data)
    for at in range(len(data) // 2, len(data) // 2 + 64):
        data[at] ^= 0x55
    return bytes(data)


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(CASES))
    else:
        with open(sys.argv[2], "wb") as out:
            out.write(CASES[sys.argv[1]]())
