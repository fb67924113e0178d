#!/usr/bin/env python3
"""describe.py DIR [SKIP...]: what is below DIR, a line for each name in byte order, so that two trees can be compared:

  NAME KIND MODE UID:GID MTIME LINKS-WITH CONTENT XATTRS

LINKS-WITH is the first name of the same inode. CONTENT is size and hash, the target of a symlink, or "-".
SKIP: names below which nothing is looked at."""
import hashlib
import os
import stat
import sys

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFSOCK: "socket"}


def shown(data):
    return "".join(chr(b) if 0x21 <= b < 0x7f and b != 0x5c else "\\x%02x" % b for b in data) or "''"


def content(path, st):
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            return f"{st.st_size}:{hashlib.file_digest(f, 'sha256').hexdigest()}"
    if stat.S_ISLNK(st.st_mode):
        return shown(os.readlink(path))
    return "-"


def describe(path, name, first):
    st = os.lstat(path)
    kind = KINDS[stat.S_IFMT(st.st_mode)]
    links = "-"
    if st.st_nlink > 1 and kind != "dir":
        links = shown(first.setdefault((st.st_dev, st.st_ino), name))
    attributes = [f"{x}={shown(os.getxattr(path, x, follow_symlinks=False))}"
                  for x in sorted(os.listxattr(path, follow_symlinks=False))]
    return " ".join([shown(name), kind, "%04o" % stat.S_IMODE(st.st_mode), f"{st.st_uid}:{st.st_gid}",
                     str(st.st_mtime_ns), links, content(path, st), *attributes])


def names(top):
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            yield os.path.relpath(os.path.join(where, name), top)


top = os.fsencode(sys.argv[1])
skip = [os.fsencode(s) for s in sys.argv[2:]]
seen = {}
for name in [b"."] + sorted(names(top)):
    if not any(name == s or name.startswith(s + b"/") for s in skip):
        print(describe(os.path.join(top, name), name, seen))
