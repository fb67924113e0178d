#!/usr/bin/env python3
"""oci_layout.py TAR GZ OUT: an OCI image layout with one layer, the tar whose gzip form is GZ."""
import hashlib
import json
import os
import shutil
import sys

tar, gz, out = sys.argv[1:4]
blobs = os.path.join(out, "blobs/sha256")
os.makedirs(blobs)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def put(data, kind):
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, name), "wb") as f:
        f.write(data)
    return {"mediaType": kind, "digest": "sha256:" + name, "size": len(data)}


layer = digest(gz)
shutil.copyfile(gz, os.path.join(blobs, layer))
config = put(json.dumps({
    "architecture": "amd64", "os": "linux", "config": {},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(tar)]},
}).encode(), "application/vnd.oci.image.config.v1+json")
manifest = put(json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + layer,
                "size": os.path.getsize(gz)}],
}).encode(), "application/vnd.oci.image.manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
with open(os.path.join(out, "index.json"), "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
with open(os.path.join(out, "oci-layout"), "w") as f:
    json.dump({"imageLayoutVersion": "1.0.0"}, f)
