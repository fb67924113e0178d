#!/usr/bin/env python3
"""images.py OUT COUNT PROGRAM: COUNT small images, OUT/1.aci and so on, that run PROGRAM as /program."""
import io
import json
import sys
import tarfile

out, count, program = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "rb").read()


def add(archive, name, mode, data=None):
    member = tarfile.TarInfo(name)
    member.mode = mode
    if data is None:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    else:
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


for number in range(1, count + 1):
    manifest = {
        "acKind": "ImageManifest", "acVersion": "0.8.11", "name": f"bench.example/image{number}",
        "labels": [{"name": "version", "value": "1"}, {"name": "os", "value": "linux"},
                   {"name": "arch", "value": "amd64"}],
        "app": {"exec": ["/program"], "user": "0", "group": "0"},
    }
    with tarfile.open(f"{out}/{number}.aci", "w") as archive:
        add(archive, "manifest", 0o644, json.dumps(manifest).encode())
        add(archive, "rootfs", 0o755)
        add(archive, "rootfs/program", 0o755, program)
