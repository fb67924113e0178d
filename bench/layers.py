#!/usr/bin/env python3
"""layers.py OUT COUNT LIST: an OCI image layout of COUNT gzip layers that hold the files of LIST (one path a line), in turn."""
import gzip
import hashlib
import json
import os
import subprocess
import sys

out, count, listing = sys.argv[1], int(sys.argv[2]), sys.argv[3]
blobs = os.path.join(out, "blobs/sha256")
os.makedirs(blobs)
with open(listing, encoding="utf-8", errors="surrogateescape") as f:
    files = f.read().split("\n")[:-1]


def put(data, kind):
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, name), "wb") as f:
        f.write(data)
    return {"mediaType": kind, "digest": "sha256:" + name, "size": len(data)}


layers, diff_ids = [], []
share = (len(files) + count - 1) // count
for i in range(count):
    names = "\0".join(files[i * share:(i + 1) * share]) + "\0"
    tar = subprocess.run(["tar", "--no-recursion", "--null", "-T", "-", "-cf", "-"], check=True, stderr=subprocess.DEVNULL,
                         input=names.encode("utf-8", "surrogateescape"), stdout=subprocess.PIPE).stdout
    diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
    layers.append(put(gzip.compress(tar, 6, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip"))
config = put(json.dumps({
    "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/true"]},
    "rootfs": {"type": "layers", "diff_ids": diff_ids},
}).encode(), "application/vnd.oci.image.config.v1+json")
manifest = put(json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers,
}).encode(), "application/vnd.oci.image.manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
with open(os.path.join(out, "index.json"), "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
with open(os.path.join(out, "oci-layout"), "w") as f:
    json.dump({"imageLayoutVersion": "1.0.0"}, f)
