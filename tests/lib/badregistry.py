#!/usr/bin/env python3
"""badregistry.py --layout LAYOUT --log FILE --ready FILE PORT[=CERTIFICATE.pem]...

A registry on loopback that has the images of an OCI image layout, by their tags, and misbehaves. The first part of a
repository's name says how, in words with a "." between them:

  good          not at all
  nothing       it has nothing
  basic token   for alice, with password "secret": basic authentication; a token of /token on the same port
  anonymous     a token for everybody
  atPORT        (with token, anonymous) the token is to be had on that port, over https
  httptoken     (with token) it is to be had over plain http, on port 8080
  usertoken     (with token) its place has a user and a password
  brief         (with token, anonymous) a token is good for two requests
  digest size   a layer has other bytes; is shorter than its size (manifest, config: that document has other bytes)
  schema1 both  the manifest is one of schema 1; is also an index
  type          the Content-Type of a manifest is not what it says of itself
  huge deep     a manifest of 50 MB; of 100000 brackets
  path          a layer's digest is "sha256:../../../etc/passwd"
  octets        the manifest does not say what its config is
  notconfig     likewise, and it is "{}"
  urls          layers name another place, port 8445, and are not here
  chunked       the config is sent without a length, and without an end after 16 MB
  sizeless      layers are sent without a length, in chunks
  cut           a layer's answer stops half way; the next one goes on, or starts anew where no Range is asked for
  cutoff        likewise, but every answer stops after 300000 bytes
  norange       (with cut) Range is not understood
  429 503       the first two requests for each thing get this status
  gone          blobs get 500, always
  redirect      blobs are on port 8444, for who has the signature in the URL
  lost          (with redirect) they are not there
  redirect401   likewise, and there somebody wants a token of his own, with everything that comes along
  redirecthttp  blobs are on port 8080, over plain http
  refNNN        lists of what refers to an image get this status (without: 404)
  refaway       they are on port 8444, where everything gets 429
  refpage       they are a page for people
  refapi        they are the manifests of the index below the tag "sha256-HEX", which is there for nobody, one a page
  refastray     (with refapi) the second page is on port 8444
  self          the tag "sha256-HEX" is the image itself
  stale         the tag "sha256-HEX.sig" is what the tag "stale" is; lists are empty
  slow          a layer comes at 100 kB a second

Every request is a line of JSON in the log."""
import argparse
import base64
import hashlib
import json
import os
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
arguments.add_argument("--layout", required=True)
arguments.add_argument("--log", required=True)
arguments.add_argument("--ready", required=True)
arguments.add_argument("ports", nargs="+")
options = arguments.parse_args()
log = open(options.log, "a", buffering=1)
lock = threading.Lock()
times = {}		# how often something was asked for
uses = {}		# of tokens
OCI = "application/vnd.oci.image."
BASIC = "Basic " + base64.b64encode(b"alice:secret").decode()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(digest):
    name = os.path.join(options.layout, "blobs", *digest.split(":"))
    if not os.path.exists(name):
        return None
    with open(name, "rb") as f:
        return f.read()


def tagged(tag):
    with open(options.layout + "/index.json", "rb") as f:
        for entry in json.load(f)["manifests"]:
            if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
                return blob(entry["digest"])
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def head(self, status, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def asked(self, key):
        with lock:
            times[key] = times.get(key, 0) + 1
            return times[key]

    def do_GET(self):
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length", 0))
        form = self.rfile.read(length).decode() if length else ""
        self.port = self.server.server_port
        log.write(json.dumps({"port": self.port, "method": self.command, "path": path, "query": query, "form": form,
                              "headers": dict(self.headers)}) + "\n")
        if path == "/token":
            return self.token(form)
        parts = path.split("/")
        if parts[1] != "v2" or len(parts) < 5:
            return self.head(404, 0)
        self.words = parts[2].split(".")
        if not self.let_in():
            return None
        kind, reference = parts[-2:]
        status = next((w for w in self.words if w in ("429", "503")), None)
        if status and self.asked(self.path) <= 2:
            return self.head(int(status), 0, Retry_After="0")
        if kind == "referrers":
            return self.referrers(reference, query)
        if kind == "manifests":
            return self.manifest(reference)
        return self.blob(reference) if kind == "blobs" else self.head(404, 0)

    # --- who is it? ---

    def let_in(self):
        """Whether the request may be answered; says so if not."""
        given = self.headers.get("Authorization")
        scheme = "https" if self.server.tls else "http"
        host = self.headers["Host"].split(":")[0]
        if self.port == 8444 and "redirect" in self.words:
            return True
        if self.port == 8444 and "redirect401" in self.words:
            self.head(401, 0, WWW_Authenticate='Bearer realm="https://%s:8445/token",service="evil"' % host)
            return False
        if "basic" in self.words and given != BASIC:
            self.head(401, 0, WWW_Authenticate='Basic realm="x"')
            return False
        if "token" not in self.words and "anonymous" not in self.words:
            return True
        realm = "%s://%s:%d/token" % (scheme, host, self.port)
        if "httptoken" in self.words:
            realm = "http://%s:8080/token" % host
        if "usertoken" in self.words:
            realm = "https://a:b@%s:%d/token" % (host, self.port)
        for word in self.words:
            if word.startswith("at"):
                realm = "https://%s:%s/token" % (host, word[2:])
        with lock:
            uses[given] = uses.get(given, 0) + 1
            good = given and given.startswith("Bearer good-") and ("brief" not in self.words or uses[given] <= 2)
        if "token" in self.words and given and "alice" not in given:
            good = False
        if not good:
            self.head(401, 0, WWW_Authenticate='Bearer realm="%s",service="here"' % realm)
        return bool(good)

    def token(self, form):
        given = self.headers.get("Authorization")
        if given not in (None, BASIC) or (form and "refresh_token=identity" not in form):
            return self.head(401, 0)
        who = "alice" if given or form else "nobody"
        text = json.dumps({"access_token" if form else "token": "good-%s-%d" % (who, self.asked("token"))}).encode()
        self.head(200, len(text), Content_Type="application/json")
        return self.wfile.write(text)

    # --- what is there? ---

    def referrers(self, digest, query):
        tag, kind, link = digest.replace(":", "-"), OCI + "index.v1+json", {}
        host = self.headers["Host"].split(":")[0]
        status = next((int(w[3:]) for w in self.words if w[:3] == "ref" and w[3:].isdigit()), 404)
        text = {"schemaVersion": 2, "mediaType": kind, "manifests": []}
        if "refaway" in self.words:
            if self.port == 8444:
                return self.head(429, 0, Retry_After="1")
            return self.head(303, 0, Location="https://%s:8444%s" % (host, self.path))
        if "refpage" in self.words:
            text, kind = "<!DOCTYPE html>", "text/html; charset=utf-8"
        elif "refapi" in self.words:
            page, entries = int(query.partition("=")[2] or 0), json.loads(tagged(tag) or "{}").get("manifests", [])
            text["manifests"] = entries[page:page + 1]
            if page + 1 < len(entries):
                elsewhere = "https://%s:8444" % host if "refastray" in self.words else ""
                link["Link"] = '<%s%s?page=%d>; rel="next"' % (elsewhere, self.path.partition("?")[0], page + 1)
        elif "stale" not in self.words:
            return self.head(status, 0)
        data = json.dumps(text).encode()
        self.head(200, len(data), Content_Type=kind, **link)
        return self.wfile.write(data)

    def manifest(self, reference):
        is_list = reference.startswith("sha256-") and "." not in reference
        if "self" in self.words and is_list:
            reference = reference.replace("-", ":")
        if "stale" in self.words and reference.endswith(".sig"):
            reference = "stale"
        data = blob(reference) if ":" in reference else tagged(reference)
        if "refapi" in self.words and is_list:
            data = None
        if data is None or "nothing" in self.words:
            return self.head(404, 0)
        document = json.loads(data)
        kind = document.get("mediaType", OCI + "manifest.v1+json")
        if "schema1" in self.words:
            kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
            document = {"schemaVersion": 1, "name": "x", "tag": "1", "fsLayers": [], "history": [], "signatures": []}
        if "both" in self.words:
            document["manifests"] = [{"mediaType": kind, "digest": sha256(data), "size": len(data),
                                      "platform": {"architecture": "amd64", "os": "linux"}}]
        if "path" in self.words:
            document["layers"][0]["digest"] = "sha256:../../../etc/passwd"
        if "urls" in self.words:
            for layer in document["layers"]:
                layer["urls"] = ["https://%s:8445/layer" % self.headers["Host"].split(":")[0]]
        if "octets" in self.words or "notconfig" in self.words:
            document["config"]["mediaType"] = "application/octet-stream"
        if "notconfig" in self.words:
            document["config"].update(digest=sha256(b"{}"), size=2)
        if {"schema1", "both", "path", "urls", "octets", "notconfig"} & set(self.words):
            data = json.dumps(document).encode()
        if "manifest" in self.words:
            data += b" "
        if "huge" in self.words:
            data += b" " * 50000000
        if "deep" in self.words:
            data = b'{"a":' + b"[" * 100000
        if "type" in self.words:
            kind = OCI + "index.v1+json"
        self.head(200, len(data), Content_Type=kind, Docker_Content_Digest=sha256(data))
        return self.wfile.write(data)

    def blob(self, digest):
        host = self.headers["Host"].split(":")[0]
        data = b"{}" if digest == sha256(b"{}") else blob(digest)
        if data is None or "lost" in self.words and self.port == 8444:
            return self.head(404, 0)
        is_config = data[:1] == b"{"
        if "gone" in self.words:
            return self.head(500, 0)
        if "urls" in self.words and not is_config:
            return self.head(404, 0)
        if ("redirect" in self.words or "redirect401" in self.words) and self.port != 8444:
            return self.head(307, 0, Location="https://%s:8444%s?signature=s3cret" % (host, self.path))
        if "redirecthttp" in self.words and self.port != 8080:
            return self.head(307, 0, Location="http://%s:8080%s" % (host, self.path))
        if "chunked" in self.words:
            return self.endless(data)
        if is_config == ("config" in self.words):
            if "digest" in self.words or "config" in self.words:
                data = data[:-8] + b"\n" * 8
            if "size" in self.words:
                data = data[:-1]
        if "sizeless" in self.words and not is_config:
            return self.chunks(data)
        return self.body(data, is_config)

    def chunks(self, data):
        self.head(200, Transfer_Encoding="chunked")
        for at in range(0, len(data), 65536):
            piece = data[at:at + 65536]
            self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def body(self, data, is_config):
        first = 0
        asked = self.headers.get("Range")
        if asked and "norange" not in self.words:
            first = int(asked.split("=")[1].split("-")[0])
            self.head(206, len(data) - first, Content_Type="application/octet-stream",
                      Content_Range="bytes %d-%d/%d" % (first, len(data) - 1, len(data)))
        else:
            self.head(200, len(data), Content_Type="application/octet-stream")
        if is_config:
            return self.wfile.write(data[first:])
        if "cut" in self.words and self.asked(self.path) == 1:
            return self.stop_after(data[first:len(data) // 2])
        if "cutoff" in self.words:
            return self.stop_after(data[first:first + 300000])
        if "slow" in self.words:
            for at in range(first, len(data), 10000):
                self.wfile.write(data[at:at + 10000])
                time.sleep(0.1)
            return None
        return self.wfile.write(data[first:])

    def stop_after(self, data):
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def endless(self, data):
        self.head(200, Transfer_Encoding="chunked")
        for _ in range(16):
            self.wfile.write(b"100000\r\n" + data[:1] + b" " * 0xfffff + b"\r\n")
        return self.stop_after(b"")

    do_POST = do_GET


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


for argument in options.ports:
    port, _, certificate = argument.partition("=")
    server = Server(("127.0.0.1", int(port)), Handler)
    server.tls = bool(certificate)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(options.ready, "w") as f:
    f.write("ready\n")
threading.Event().wait()
