#!/usr/bin/env python3
"""dns.py READY NAME...: a name server on loopback for which these names are 127.0.0.1, and no other name is."""
import socket
import struct
import sys

names = {name.lower() for name in sys.argv[2:]}
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
with open(sys.argv[1], "w") as f:
    f.write("ready\n")
while True:
    query, client = server.recvfrom(4096)
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    question, kind = query[12:at + 5], struct.unpack(">H", query[at + 1:at + 3])[0]
    known = ".".join(labels).lower() in names
    answer = b""
    if known and kind == 1:
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
    head = query[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, bool(answer), 0, 0)
    server.sendto(head + question + answer, client)
