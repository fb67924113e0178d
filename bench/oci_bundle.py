#!/usr/bin/env python3
"""oci_bundle.py ROOTFS OUT CGROUP COMMAND...: an OCI bundle that confines COMMAND as rkt's default profile does.

The same namespaces, the same eleven capabilities, an allow-list filter of the
distribution's container tools, masked and read-only paths, a limit of 2048 processes.
"""
import json
import os
import sys

rootfs, out, cgroup, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
CAPS = ["CAP_" + c for c in "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP "
        "SETUID SYS_CHROOT".split()]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
          "/sys/devices/virtual/powercap", "/sys/fs/selinux"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
MOUNTS = [
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
]

allowed = set()
for group in json.load(open("/usr/share/containers/seccomp.json"))["syscalls"]:
    includes = group.get("includes") or {}
    here = "caps" not in includes and "minKernel" not in includes and "amd64" in includes.get("arches", ["amd64"])
    if group["action"] == "SCMP_ACT_ALLOW" and here and not group.get("excludes"):
        allowed |= set(group["names"])

config = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False, "user": {"uid": 0, "gid": 0}, "args": command, "cwd": "/", "env": ["PATH=/usr/bin:/bin"],
        "capabilities": {k: CAPS for k in ("bounding", "effective", "permitted")}, "noNewPrivileges": False,
    },
    "root": {"path": os.path.abspath(rootfs)},
    "hostname": "bench",
    "mounts": [{"destination": d, "type": t, "source": s, "options": o} for d, t, s, o in MOUNTS],
    "linux": {
        "cgroupsPath": cgroup,
        "resources": {"pids": {"limit": 2048}, "devices": [{"allow": False, "access": "rwm"}]},
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [{"names": sorted(allowed), "action": "SCMP_ACT_ALLOW"}],
        },
    },
}
os.makedirs(out, exist_ok=True)
json.dump(config, open(os.path.join(out, "config.json"), "w"))
