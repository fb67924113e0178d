"""mount_tree.py TREE TARGET: mounts the index of a rendered image, as rkt does."""
import ctypes, os, sys

libc = ctypes.CDLL(None, use_errno=True)
FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT = 430, 431, 432, 429
SET_FLAG, SET_STRING, CMD_CREATE = 0, 1, 6


def call(number, *args):
    r = libc.syscall(number, *args)
    if r < 0:
        sys.exit(f"mount_tree: {os.strerror(ctypes.get_errno())}")
    return r


target = os.open(sys.argv[2], os.O_PATH | os.O_DIRECTORY)
os.chdir(sys.argv[1])
fs = call(FSOPEN, b"erofs", 0)
call(FSCONFIG, fs, SET_FLAG, b"ro", None, 0)
call(FSCONFIG, fs, SET_STRING, b"source", b"index", 0)
n = 0
while os.path.exists(str(n)):
    call(FSCONFIG, fs, SET_STRING, b"device", str(n).encode(), 0)
    n += 1
call(FSCONFIG, fs, CMD_CREATE, None, None, 0)
mount = call(FSMOUNT, fs, 0, 0)
call(MOVE_MOUNT, mount, b"", target, b"", 4 | 0x40)
