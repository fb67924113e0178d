"""Members of tar archives, put together byte by byte: no tar writer would write most of what tests need."""
import struct

FILE, HARDLINK, SYMLINK, CHAR, BLOCK, DIR, FIFO, CONT = b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"
END = bytes(1024)


def number(n, width):
    if 0 <= n < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, n)
    return bytes([0x80 if n >= 0 else 0xff]) + (n % (1 << 8 * (width - 1))).to_bytes(width - 1, "big")


def pad(data):
    return data + bytes(-len(data) % 512)


def head(name, kind=FILE, size=0, target=b"", mode=0o644, uid=0, gid=0, mtime=0, device=(0, 0), checksum=0,
         magic=b"ustar\00000"):
    """The 512 bytes of one header. What does not fit is cut."""
    out = bytearray(512)
    struct.pack_into("100s8s8s8s12s12s8s1s100s8s32s32s8s8s", out, 0, name[:100], number(mode, 8), number(uid, 8),
                     number(gid, 8), number(size, 12), number(mtime, 12), b" " * 8, kind, target[:100], magic, b"root",
                     b"root", number(device[0], 8), number(device[1], 8))
    out[148:156] = b"%06o\0 " % (sum(out) + checksum)
    return bytes(out)


def extended(records, kind=b"x"):
    """An extended header."""
    body = b""
    for key, value in records.items():
        value = value if isinstance(value, bytes) else value.encode()
        rest = b" " + key.encode() + b"=" + value + b"\n"
        n = len(rest) + 1
        while len(str(n)) + len(rest) != n:
            n += 1
        body += str(n).encode() + rest
    return head(b"PaxHeaders/x", kind, len(body)) + pad(body)


def member(name, kind=FILE, data=b"", target="", mode=0o644, size=None, pax=None, **fields):
    """Header and bytes. Names that are too long for the header go into an extended one."""
    name = name.encode() if isinstance(name, str) else name
    target = target.encode() if isinstance(target, str) else target
    records = dict(pax or {})
    if kind == DIR and mode == 0o644:
        mode = 0o755
    if len(name) > 100:
        records.setdefault("path", name)
    if len(target) > 100:
        records.setdefault("linkpath", target)
    return ((extended(records) if records else b"") +
            head(name, kind, len(data) if size is None else size, target, mode, **fields) + pad(data))


def sparse(name, size, pieces, pax=None, **fields):
    """A file of holes and of pieces {offset: bytes}, as GNU tar writes it (PAX 1.0)."""
    numbers = [len(pieces)] + [n for at, data in sorted(pieces.items()) for n in (at, len(data))]
    body = pad(b"".join(b"%d\n" % n for n in numbers)) + b"".join(data for _, data in sorted(pieces.items()))
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name,
               "GNU.sparse.realsize": str(size), **(pax or {})}
    return member(b"GNUSparseFile.0/" + name, data=body, pax=records, **fields)
