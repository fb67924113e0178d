#!/usr/bin/env python3
"""https_server.py DIR PORT CERT KEY [SENT]: serves a directory over HTTPS on loopback, several requests at a time,
with ETags and ranges. How many bytes of a file went out is a line "BYTES PATH" in SENT, also when the other end broke
off."""
import functools
import http.server
import os
import ssl
import sys

directory, port, cert, key = sys.argv[1:5]
sent_log = open(sys.argv[5], "a", buffering=1) if len(sys.argv) > 5 else None


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send_head(self):
        path = self.translate_path(self.path)
        if not os.path.isfile(path):
            return super().send_head()
        source = open(path, "rb")
        size, etag = os.fstat(source.fileno()).st_size, '"%x"' % os.fstat(source.fileno()).st_mtime_ns
        first, asked = 0, self.headers.get("Range", "")
        if asked.startswith("bytes=") and asked.endswith("-") and self.headers.get("If-Range", etag) == etag:
            first = int(asked[6:-1])
        if first >= size > 0:
            self.send_error(416)
            return None
        source.seek(first)
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (first, size - 1, size))
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(size - first))
        self.end_headers()
        return source

    def copyfile(self, source, outputfile):
        sent = 0
        try:
            while chunk := source.read(1 << 20):
                while chunk:
                    n = outputfile.write(chunk[:1 << 16])
                    sent += n
                    chunk = chunk[n:]
        except OSError:
            self.close_connection = True
        finally:
            if sent_log:
                sent_log.write("%d %s\n" % (sent, self.path))


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), functools.partial(Handler, directory=directory))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
