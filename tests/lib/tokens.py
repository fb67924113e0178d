#!/usr/bin/env python3
"""tokens.py --key KEY.pem --certificate CERT.pem --log FILE --ready FILE [--user NAME:PASSWORD] [--expires SECONDS]
          [--anonymous] PORT[=TLS.pem]

A token server for registries (the distribution's token authentication), on loopback. GET /token with basic
authentication, or POST /token with grant_type=password or refresh_token (which is "identity-" and the password),
gives a token for what "scope" asks. --anonymous: whoever has no credentials may pull. Without --user everybody may
all. Every request is a line of JSON in the log, without the password."""
import argparse
import base64
import json
import secrets
import ssl
import subprocess
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
for name in ("--key", "--certificate", "--log", "--ready"):
    arguments.add_argument(name, required=True)
arguments.add_argument("--user", default="")
arguments.add_argument("--expires", type=int, default=300)
arguments.add_argument("--anonymous", action="store_true")
arguments.add_argument("port")
options = arguments.parse_args()
log = open(options.log, "a", buffering=1)
certificate = subprocess.run(["openssl", "x509", "-in", options.certificate, "-outform", "DER"],
                             stdout=subprocess.PIPE, check=True).stdout


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(claims):
    head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(certificate).decode()]}
    text = b".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", options.key], input=text,
                               stdout=subprocess.PIPE, check=True).stdout
    return (text + b"." + base64url(signature)).decode()


def access(scopes, known):
    out = []
    for scope in scopes:
        kind, name, actions = scope.split(":")[0], scope.split(":", 1)[1].rsplit(":", 1)[0], scope.rsplit(":", 1)[1]
        allowed = [a for a in actions.split(",") if known or a == "pull"]
        out.append({"type": kind, "name": name, "actions": allowed})
    return out


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def credentials(self, form):
        """Name and password, or None."""
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            return base64.b64decode(value).decode()
        if form.get("grant_type") == ["password"]:
            return form["username"][0] + ":" + form["password"][0]
        if form.get("grant_type") == ["refresh_token"]:
            user = options.user.split(":")[0]
            return user + ":" + form["refresh_token"][0].removeprefix("identity-")
        return None

    def answer(self, status, document, **headers):
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        query = self.path.partition("?")[2]
        if self.command == "POST":
            query = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = urllib.parse.parse_qs(query)
        given = self.credentials(form)
        log.write(json.dumps({"method": self.command, "path": self.path.partition("?")[0],
                              "user": given.split(":")[0] if given else None, "grant": form.get("grant_type"),
                              "service": form.get("service"), "scope": form.get("scope", [])}) + "\n")
        known = not options.user or given == options.user
        if not known and (given or not options.anonymous):
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED"}]}, WWW_Authenticate='Basic realm="tokens"')
        now = int(time.time())
        scopes = [s for part in form.get("scope", []) for s in part.split()]
        token = signed({"iss": "tokens", "sub": "", "aud": form.get("service", [""])[0], "exp": now + options.expires,
                        "nbf": now - 10, "iat": now, "jti": secrets.token_hex(8), "access": access(scopes, known)})
        member = "access_token" if self.command == "POST" else "token"
        self.answer(200, {member: token, "expires_in": options.expires})

    do_POST = do_GET


port, _, tls = options.port.partition("=")
server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open(options.ready, "w") as f:
    f.write("ready\n")
server.serve_forever()
