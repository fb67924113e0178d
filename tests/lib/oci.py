#!/usr/bin/env python3
"""oci.py LAYOUT < DESCRIPTION: writes an OCI image layout, or adds to one.

A line of the description is words as a shell would read them; \\xNN, \\n and the like are bytes of a word.

  image TAG [ARCH[/VARIANT]]    begins an image. A TAG that comes again, for another ARCH, makes an index of both.
  docker                        the image has the media types of Docker's schema 2
  set KEY JSON                  a member of the configuration's "config": Entrypoint, Cmd, Env, User …
  layer [gzip|zstd|plain]       begins a layer; the lowest comes first
    dir PATH [WORD…]            words: mode=0755 uid=0 gid=0 mtime=SECONDS[.NANOSECONDS] xattr:NAME=VALUE
    file PATH [WORD…]           and text=TEXT, copy=FILE, random=BYTES (the same for the same path), zeros=BYTES
    sparse PATH SIZE OFFSET=TEXT… [WORD…]
    symlink PATH TARGET [WORD…]
    hardlink PATH TARGET
    fifo PATH [WORD…]
    char PATH MAJOR:MINOR       block PATH MAJOR:MINOR
    whiteout PATH               the file of a layer below is gone
    opaque PATH                 what layers below have in this directory is gone
    bytes FILE                  members that something else has written, as they are

Prints a line for each image: TAG DIGEST-OF-THE-MANIFEST."""
import codecs
import gzip
import hashlib
import json
import os
import random
import shlex
import subprocess
import sys

from tarbytes import BLOCK, CHAR, DIR, END, FIFO, FILE, HARDLINK, SYMLINK, member, sparse

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
TYPES = {
    False: {"index": OCI + "index.v1+json", "manifest": OCI + "manifest.v1+json", "config": OCI + "config.v1+json",
            "plain": OCI + "layer.v1.tar", "gzip": OCI + "layer.v1.tar+gzip", "zstd": OCI + "layer.v1.tar+zstd"},
    True: {"index": DOCKER + "distribution.manifest.list.v2+json",
           "manifest": DOCKER + "distribution.manifest.v2+json", "config": DOCKER + "container.image.v1+json",
           "plain": DOCKER + "image.rootfs.diff.tar", "gzip": DOCKER + "image.rootfs.diff.tar.gzip",
           "zstd": DOCKER + "image.rootfs.diff.tar.zstd"},
}
MTIME = "1500000000"


def as_bytes(word):
    return codecs.escape_decode(word.encode())[0]


def split(line):
    """Words as of a shell, whose backslashes are left alone."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    return list(lexer)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-3", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def fields(path, words):
    """What the words of a member say: fields of its header, and its bytes."""
    out, data, pax = {}, b"", {}
    for word in words:
        key, _, value = word.partition("=")
        if key == "mode":
            out["mode"] = int(value, 8)
        elif key in ("uid", "gid"):
            out[key] = int(value)
        elif key == "mtime":
            out["mtime"] = int(float(value))
            if "." in value:
                pax["mtime"] = value
        elif key.startswith("xattr:"):
            pax["SCHILY.xattr." + key[6:]] = as_bytes(value)
        elif key == "text":
            data = as_bytes(value)
        elif key == "copy":
            with open(value, "rb") as f:
                data = f.read()
        elif key == "random":
            data = random.Random(path).randbytes(int(value))
        elif key == "zeros":
            data = bytes(int(value))
        else:
            raise SystemExit(f"oci.py: what is '{word}'?")
    out.setdefault("mtime", int(MTIME))
    return {**out, "pax": pax}, data


def tar_member(kind, words):
    path = as_bytes(words[0])
    where, name = os.path.split(path)
    if kind in ("dir", "file", "fifo"):
        out, data = fields(path, words[1:])
        if kind == "dir":
            return member(path + b"/", DIR, **{"mode": 0o755, **out})
        return member(path, FILE if kind == "file" else FIFO, data, **out)
    if kind == "sparse":
        pieces = {int(w.partition("=")[0]): as_bytes(w.partition("=")[2]) for w in words[2:] if w[0].isdigit()}
        out, _ = fields(path, [w for w in words[2:] if not w[0].isdigit()])
        return sparse(path, int(words[1]), pieces, **out)
    if kind == "symlink":
        out, _ = fields(path, words[2:])
        return member(path, SYMLINK, target=as_bytes(words[1]), **{"mode": 0o777, **out})
    if kind == "hardlink":
        return member(path, HARDLINK, target=as_bytes(words[1]), mtime=int(MTIME))
    if kind in ("char", "block"):
        device = tuple(int(n) for n in words[1].split(":"))
        return member(path, CHAR if kind == "char" else BLOCK, device=device, mtime=int(MTIME))
    if kind == "whiteout":
        return member(os.path.join(where, b".wh." + name), mtime=int(MTIME))
    if kind == "opaque":
        return member(os.path.join(path, b".wh..wh..opq"), mtime=int(MTIME))
    if kind == "bytes":
        with open(words[0], "rb") as f:
            return f.read()
    raise SystemExit(f"oci.py: what is '{kind}'?")


class Layout:
    def __init__(self, path):
        self.path = path
        os.makedirs(path + "/blobs/sha256", exist_ok=True)
        with open(path + "/oci-layout", "w") as f:
            json.dump({"imageLayoutVersion": "1.0.0"}, f)
        self.entries = []
        if os.path.exists(path + "/index.json"):
            with open(path + "/index.json") as f:
                self.entries = json.load(f)["manifests"]

    def put(self, data, media_type):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = sha256(data)
        with open(self.path + "/blobs/sha256/" + digest[7:], "wb") as f:
            f.write(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def image(self, image):
        types = TYPES[image["docker"]]
        layers, diff_ids = [], []
        for how, members in image["layers"]:
            tar = b"".join(members) + END
            diff_ids.append(sha256(tar))
            layers.append(self.put(compress(tar, how), types[how]))
        architecture, _, variant = image["arch"].partition("/")
        platform = {"architecture": architecture, "os": "linux", **({"variant": variant} if variant else {})}
        config = self.put({"created": "2017-07-14T02:40:00Z", **platform, "config": image["config"],
                           "rootfs": {"type": "layers", "diff_ids": diff_ids},
                           "history": [{"created_by": "tests"} for _ in layers]}, types["config"])
        manifest = self.put({"schemaVersion": 2, "mediaType": types["manifest"], "config": config,
                             "layers": layers}, types["manifest"])
        return {**manifest, "platform": platform}

    def tag(self, tag, images):
        entries = [self.image(i) for i in images]
        entry = {k: v for k, v in entries[0].items() if k != "platform"}
        if len(entries) > 1:
            media_type = TYPES[images[0]["docker"]]["index"]
            entry = self.put({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}, media_type)
        for image in entries:
            print(tag, image["digest"])
        self.entries = [e for e in self.entries
                        if e.get("annotations", {}).get("org.opencontainers.image.ref.name") != tag]
        self.entries.append({**entry, "annotations": {"org.opencontainers.image.ref.name": tag}})
        with open(self.path + "/index.json", "w") as f:
            json.dump({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": self.entries}, f)


def read(lines):
    tags, image = {}, None
    for line in lines:
        words = split(line)
        if not words or words[0].startswith("#"):
            continue
        kind = words.pop(0)
        if kind == "image":
            image = {"arch": words[1] if len(words) > 1 else "amd64", "docker": False, "config": {}, "layers": []}
            tags.setdefault(words[0], []).append(image)
        elif kind == "docker":
            image["docker"] = True
        elif kind == "set":
            image["config"][words[0]] = json.loads(words[1])
        elif kind == "layer":
            image["layers"].append((words[0] if words else "gzip", []))
        else:
            image["layers"][-1][1].append(tar_member(kind, words))
    return tags


if __name__ == "__main__":
    layout = Layout(sys.argv[1])
    for tag, images in read(sys.stdin).items():
        layout.tag(tag, images)
