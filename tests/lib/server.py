#!/usr/bin/env python3
"""server.py --root DIR --log FILE --ready FILE PORT[=CERTIFICATE.pem]...

Serves DIR on loopback, over TLS on the ports with a certificate. Where DIR has no such file the answer is
index.html (a host with one discovery page for every path), or 404 for what ends in .aci, .asc.

Files are answered as a good server does: with ETag and Last-Modified, 304 to conditional requests, 206 to ranges.

A path /fault/KIND[:EXTENSION]/rest misbehaves when asked for rest (only where it ends in EXTENSION). KIND "now" is
what the file DIR/fault says at the time.
  stall     headers, the first bytes, then silence        endless   a body that never ends
  trickle   one byte a second                             headers   a header without end
  cut       closes half way of the promised length        overlong  promises less than it sends
  cutchunks chunked, without the last chunk               short     promises more than it sends
  304       not modified, to whoever asks                 202       accepted, always
  500 404   as they say                                   loop      redirects to itself
  http      redirects to http on port 80                  downgrade redirects to http, which redirects back
  to-NAME   redirects to that https host, or to that port
  encoding  gzip as Content-Encoding                      swap      the file once, then FILE.other
  later     202 once, then the file                       busy      503 twice, then the file
  slowly    64 KiB each 1 ms                              once      hangs up half way once, then the file
  slower    64 KiB each 15 ms
  age-N     Cache-Control: max-age=N                      no-store  Cache-Control: no-store, max-age=1000
  no-etag   Last-Modified alone                           no-name   neither of both
  no-range  200 to a range                                no-416    416 to a range
  bad-range 206 from 0 on to any range                    bad-bytes 206 as asked for, of other bytes

Every request is a line of JSON in the log; how many bytes were answered, a line "BYTES PATH" in FILE.sent."""
import argparse
import email.utils
import gzip
import hashlib
import json
import os
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
arguments.add_argument("--root", required=True)
arguments.add_argument("--log", required=True)
arguments.add_argument("--ready", required=True)
arguments.add_argument("ports", nargs="+")
options = arguments.parse_args()
root = os.path.realpath(options.root)
log = open(options.log, "a", buffering=1)
sent_log = open(options.log + ".sent", "a", buffering=1)
times_asked = {}
lock = threading.Lock()


class Counting:
    def __init__(self, file):
        self.file = file
        self.count = 0

    def write(self, data):
        self.file.write(data)
        self.count += len(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.wfile = Counting(self.wfile)

    def log_message(self, *_):
        pass

    def head(self, status, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def find(self, path):
        name = os.path.realpath(os.path.join(root, path.lstrip("/")))
        if name.startswith(root) and os.path.isfile(name):
            return name
        if path.endswith((".aci", ".asc", ".other")) or not os.path.exists(root + "/index.html"):
            return None
        return root + "/index.html"

    def do_GET(self):
        before = self.wfile.count
        try:
            self.get()
        finally:
            sent_log.write("%d %s\n" % (self.wfile.count - before, self.path))

    def get(self):
        path = self.path.split("?")[0]
        log.write(json.dumps({"port": self.server.server_port, "method": self.command, "path": self.path,
                              "headers": dict(self.headers)}) + "\n")
        fault = ""
        if path.startswith("/fault/"):
            _, _, fault, path = path.split("/", 3)
            fault, _, extension = fault.partition(":")
            if extension and not path.endswith(extension):
                fault = ""
        if fault == "now":
            with open(root + "/fault") as f:
                fault = f.read().strip()
        with lock:
            asked = times_asked[self.path] = times_asked.get(self.path, 0) + 1
        if fault == "swap" and asked > 1:
            path += ".other"
        if fault == "later" and asked == 1:
            return self.head(202, 0)
        if fault == "busy" and asked <= 2:
            return self.head(503, 0, Retry_After="0")
        name = self.find(path)
        if fault.isdigit():
            return self.head(int(fault), None if fault == "304" else 0, ETag='"x"', Cache_Control="max-age=99999999")
        if name is None:
            return self.head(404, 0)
        with open(name, "rb") as f:
            body = f.read()
        self.answer(fault, body, name)

    def answer(self, fault, body, name):
        kind = "text/html" if name.endswith(".html") else "application/octet-stream"
        write = self.wfile.write
        host = self.headers.get("Host", "").split(":")[0]
        if fault == "loop":
            return self.head(302, 0, Location=self.path)
        if fault == "http":
            return self.head(302, 0, Location="http://" + host + self.path.split("/", 3)[3].join(["/", ""]))
        if fault == "downgrade":
            return self.head(302, 0, Location="http://" + host + "/fault/upgrade/" + self.path.split("/", 3)[3])
        if fault == "upgrade":
            return self.head(302, 0, Location="https://" + host + "/" + self.path.split("/", 3)[3])
        if fault.startswith("to-"):
            to = fault[3:] if not fault[3:].isdigit() else host + ":" + fault[3:]
            return self.head(302, 0, Location="https://" + to + "/" + self.path.split("/", 3)[3])
        if fault == "headers":
            self.send_response(200)
            self.flush_headers()
            while True:
                write(b"X-Filler: " + b"a" * 60000 + b"\r\n")
        if fault in ("stall", "trickle"):
            self.head(200, len(body))
            write(body[:1000])
            for byte in body[1000:]:
                time.sleep(1)
                if fault == "trickle":
                    write(bytes([byte]))
                    self.wfile.flush()
        if fault == "cut" or (fault == "once" and times_asked[self.path] == 1):
            self.head(200, len(body), **({} if fault == "cut" else self.validators(fault, body, name)))
            write(body[:len(body) // 2])
            return self.hang_up()
        if fault in ("overlong", "short"):
            self.head(200, len(body) + (4096 if fault == "short" else -512))
            write(body)
            return self.hang_up()
        if fault == "cutchunks":
            self.head(200, Transfer_Encoding="chunked")
            write(b"%x\r\n" % (len(body) // 2) + body[:len(body) // 2] + b"\r\n")
            return self.hang_up()
        if fault == "endless":
            self.head(200, Connection="close")
            write(body)
            while True:
                write(b"\0" * 65536)
        if fault == "encoding":
            body = gzip.compress(body)
            self.head(200, len(body), Content_Encoding="gzip")
            return write(body)
        self.answer_well(fault, body, name, kind)

    def validators(self, fault, body, name):
        headers = {"ETag": '"%s"' % hashlib.sha256(body).hexdigest()[:16],
                   "Last_Modified": email.utils.formatdate(os.stat(name).st_mtime, usegmt=True)}
        if fault in ("no-etag", "no-name"):
            del headers["ETag"]
        if fault == "no-name":
            del headers["Last_Modified"]
        return headers

    def answer_well(self, fault, body, name, kind):
        headers = self.validators(fault, body, name)
        etag, date = headers.get("ETag"), headers.get("Last_Modified")
        if fault.startswith("age-"):
            headers["Cache_Control"] = "max-age=" + fault[4:]
        if fault == "no-store":
            headers["Cache_Control"] = "no-store, max-age=1000"
        known = self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")
        if etag and known[0] == etag or date and not known[0] and known[1] == date:
            return self.head(304, **headers)
        asked = self.headers.get("Range", "")
        if asked and fault == "no-416":
            return self.head(416, 0, Content_Range="bytes */%d" % len(body))
        if asked and fault != "no-range" and self.headers.get("If-Range", etag or date) in (etag, date):
            first = 0 if fault == "bad-range" else int(asked.split("=")[1].split("-")[0])
            if first >= len(body):
                return self.head(416, 0, Content_Range="bytes */%d" % len(body))
            if fault == "bad-bytes":
                body = bytes(byte ^ 1 for byte in body)
            headers["Content_Range"] = "bytes %d-%d/%d" % (first, len(body) - 1, len(body))
            self.head(206, len(body) - first, Content_Type=kind, **headers)
            body = body[first:]
        else:
            self.head(200, len(body), Content_Type=kind, **headers)
        piece = 1 << 16
        for at in range(0, len(body), piece):
            if fault in ("slowly", "slower"):
                time.sleep(0.001 if fault == "slowly" else 0.015)
            self.wfile.write(body[at:at + piece])

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


for argument in options.ports:
    port, _, certificate = argument.partition("=")
    server = Server(("127.0.0.1", int(port)), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(options.ready, "w") as f:
    f.write("ready\n")
threading.Event().wait()
