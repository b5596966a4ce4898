#!/usr/bin/env python3
"""A registry that misbehaves on demand.

It listens on loopback ports of the kernel's choice ("main" and "other" by http, "tls" and "tls_other" by https with a
certificate of its own) that share their content. Commands are JSON lines on standard input, each answered by one JSON
line on standard output; the end of standard input ends the server. Started with a FILE it writes its ports there and
takes commands as the body of "POST /control" until it is killed, for tests that are shell scripts.

    {"cmd": "ports"}                                      -> {"main": 40001, ..., "ca": FILE, "key": FILE}
    {"cmd": "blob", "text": "abc", "times": 1000}         -> {"digest": "sha256:...", "size": 3000}
    {"cmd": "manifest", "name": "a/b", "ref": "latest", "type": "...", "body": "..."} -> {"digest": ..., "size": ...}
    {"cmd": "auth", "server": "main", "mode": "basic" | "bearer", "user": ..., "password": ..., "realm": "http://..."}
    {"cmd": "rule", "server": "main", "match": "GET /v2/.*", "times": 1, "action": {...}}
    {"cmd": "log"}                             -> {"requests": [{"server": ..., "line": ..., "headers": {}, "sent": 123}]}
    {"cmd": "forget"}                                     -> {}: empties the log, drops the rules and ends every hold
    {"cmd": "release"}                                    -> {}: ends every hold there is now
    {"cmd": "stored"}                                     -> {"blobs": [...], "manifests": [...]}

Members of an action, all optional: delay (seconds before the head), status, headers, body, redirect_to (a server: the
same path there), drop_after (bytes of the body, then the connection is reset), stall_after (bytes, then nothing comes
for stall seconds), short_by (bytes cut off a well-formed body), ignore_range, content_range, corrupt, extra (bytes too
many, chunked), flood (bytes of headers), hold_after (bytes, then nothing comes until "release").
"""

import base64
import hashlib
import http.server
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.blobs = {}
        self.manifests = {}
        self.rules = []
        self.auth = {}
        self.log = []
        self.tokens = {}
        self.ports = {}
        self.uploads = {}
        self.release = threading.Event()

    def take_action(self, server, line):
        with self.lock:
            for rule in self.rules:
                if rule["server"] in (server, "*") and rule["times"] != 0 and re.fullmatch(rule["match"], line):
                    rule["times"] -= 1
                    return rule["action"]
        return {}


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fault-registry"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def answer(self):
        state, name = self.server.state, self.server.name
        line = f"{self.command} {self.path}"
        headers = {k.lower(): v for k, v in self.headers.items()}
        if isinstance(self.connection, ssl.SSLSocket) and self.connection.getpeercert():
            headers[":client"] = "certificate"
        self.entry = {"server": name, "line": line, "headers": headers, "sent": 0}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if line == "POST /control":
            return self.reply(200, {}, json.dumps(command(state, json.loads(body))).encode(), {})
        with state.lock:
            state.log.append(self.entry)
        action = state.take_action(name, line)
        if "delay" in action:
            time.sleep(action["delay"])
        if "redirect_to" in action:
            target = action["redirect_to"]
            scheme = "https" if target.startswith("tls") else "http"
            self.reply(307, {"Location": f"{scheme}://127.0.0.1:{state.ports[target]}{self.path}"}, b"moved", {})
        elif "status" in action:
            text = action.get("body", "")
            self.reply(action["status"], action.get("headers", {}), text.encode(), action)
        elif self.path.startswith("/token"):
            self.token(body)
        elif self.allowed():
            self.route(body, action)

    def allowed(self):
        state, auth = self.server.state, self.server.state.auth.get(self.server.name)
        if not auth:
            return True
        given = self.headers.get("Authorization", "")
        if auth["mode"] == "basic":
            wanted = base64.b64encode(f"{auth['user']}:{auth['password']}".encode()).decode()
            if given == "Basic " + wanted:
                return True
            challenge = 'Basic realm="fault"'
        else:
            if given.startswith("Bearer ") and given[7:] in state.tokens:
                return True
            challenge = f'Bearer realm="{auth["realm"]}",service="fault"'
        error = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        self.reply(401, {"WWW-Authenticate": challenge}, json.dumps(error).encode(), {})
        return False

    def token(self, body):
        state = self.server.state
        form = urllib.parse.parse_qs(body.decode())
        known = [a for a in state.auth.values() if a["mode"] == "bearer"]
        auth = known[0] if known else {}
        good = True
        if form.get("refresh_token"):
            good = form["refresh_token"][0] == auth.get("identity_token")
        elif self.headers.get("Authorization") or auth.get("private"):
            wanted = base64.b64encode(f"{auth.get('user')}:{auth.get('password')}".encode()).decode()
            good = self.headers.get("Authorization") == "Basic " + wanted
        if not good:
            error = {"errors": [{"code": "UNAUTHORIZED", "message": "wrong credentials"}]}
            return self.reply(401, {}, json.dumps(error).encode(), {})
        with state.lock:
            token = f"token-{len(state.tokens)}"
            state.tokens[token] = self.path
        self.reply(200, {}, json.dumps({"token": token, "expires_in": auth.get("expires_in", 300)}).encode(), {})

    def route(self, body, action):
        state = self.server.state
        path = urllib.parse.urlsplit(self.path).path
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if path == "/v2/":
            return self.reply(200, {}, b"{}", action)
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags|uploads)/(.*)", path)
        if not found:
            return self.missing("NAME_UNKNOWN", action)
        name, kind, rest = found.groups()
        if name.endswith("/blobs"):
            return self.upload(name[: -len("/blobs")], rest, query, body, action)
        if kind == "manifests":
            return self.manifest(name, rest, body, action)
        if kind == "tags":
            tags = sorted(r for n, r in state.manifests if n == name and ":" not in r)
            return self.reply(200, {}, json.dumps({"name": name, "tags": tags}).encode(), action)
        content = state.blobs.get(rest)
        if content is None:
            return self.missing("BLOB_UNKNOWN", action)
        self.blob(content, action)

    def missing(self, code, action):
        error = {"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}
        self.reply(404, {}, json.dumps(error).encode(), action)

    def manifest(self, name, ref, body, action):
        state = self.server.state
        if self.command == "PUT":
            digest = digest_of(body)
            for key in (ref, digest):
                state.manifests[(name, key)] = {"type": self.headers["Content-Type"], "body": body}
            return self.reply(201, {"Docker-Content-Digest": digest}, b"", action)
        found = state.manifests.get((name, ref))
        if not found:
            return self.missing("MANIFEST_UNKNOWN", action)
        headers = {"Content-Type": found["type"], "Docker-Content-Digest": digest_of(found["body"])}
        headers.update(action.get("headers", {}))
        self.reply(200, headers, found["body"], action)

    def blob(self, content, action):
        headers = {"Content-Type": "application/octet-stream"}
        headers.update(action.get("headers", {}))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not wanted or action.get("ignore_range"):
            return self.reply(200, headers, content, action)
        first = int(wanted[1])
        if first >= len(content):
            return self.reply(416, {}, b"", action)
        headers["Content-Range"] = action.get("content_range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.reply(206, headers, content[first:], action)

    def upload(self, name, session, query, body, action):
        state = self.server.state
        if self.command == "POST":
            mount = query.get("mount", [""])[0]
            if mount in state.blobs:
                return self.reply(201, {"Location": f"/v2/{name}/blobs/{mount}"}, b"", action)
            session = f"s{len(state.uploads)}"
            state.uploads[session] = b""
            return self.reply(202, {"Location": f"/v2/{name}/blobs/uploads/{session}?state=x"}, b"", action)
        if session not in state.uploads:
            return self.missing("BLOB_UPLOAD_UNKNOWN", action)
        content = state.uploads.pop(session) + body
        digest = query.get("digest", [""])[0]
        if digest != digest_of(content):
            error = {"errors": [{"code": "DIGEST_INVALID", "message": "provided digest did not match"}]}
            return self.reply(400, {}, json.dumps(error).encode(), action)
        state.blobs[digest] = content
        self.reply(201, {"Location": f"/v2/{name}/blobs/{digest}"}, b"", action)

    def reply(self, status, headers, body, action):
        if action.get("corrupt") and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        if action.get("short_by"):
            body = body[: -action["short_by"]]
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "extra" in action:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        for number in range(action.get("flood", 0) // 1000):
            self.send_header(f"X-Flood-{number}", "f" * 1000)
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            self.send_body(body, action)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def send_body(self, body, action):
        if "extra" in action:
            for piece in (body, b"x" * action["extra"]):
                for start in range(0, len(piece), 65536):
                    chunk = piece[start : start + 65536]
                    self.wfile.write(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif "drop_after" in action:
            self.send_bytes(body[: action["drop_after"]])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif "stall_after" in action:
            self.send_bytes(body[: action["stall_after"]])
            self.wait_for_peer(action["stall"])
            self.close_connection = True
        elif "hold_after" in action:
            release = self.server.state.release
            self.send_bytes(body[: action["hold_after"]])
            release.wait()
            self.send_bytes(body[action["hold_after"] :])
        else:
            self.send_bytes(body)

    # In pieces, so that the log tells how far a peer got that went away.
    def send_bytes(self, body):
        for start in range(0, len(body), 65536):
            self.wfile.write(body[start : start + 65536])
            self.entry["sent"] += len(body[start : start + 65536])

    # Silent for so long, or until the peer closes the connection.
    def wait_for_peer(self, seconds):
        select.select([self.connection], [], [], seconds)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False

    def __init__(self, state, name, certificate):
        super().__init__(("127.0.0.1", 0), Handler)
        self.state, self.name = state, name
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # A client certificate is asked for, so that the log can tell who shows one.
            context.load_verify_locations(certificate)
            context.verify_mode = ssl.CERT_OPTIONAL
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        pass


def make_certificate(directory):
    path = os.path.join(directory, "ca.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", path + ".key", "-out", path + ".crt", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, "w") as out:
        for part in (".key", ".crt"):
            with open(path + part) as source:
                out.write(source.read())
    return path


def command(state, request):
    kind = request["cmd"]
    if kind == "ports":
        return state.ports
    if kind == "blob":
        content = (request["text"] * request.get("times", 1)).encode("latin-1")
        state.blobs[digest_of(content)] = content
        return {"digest": digest_of(content), "size": len(content)}
    if kind == "manifest":
        body = request["body"].encode()
        for ref in (request["ref"], digest_of(body)):
            state.manifests[(request["name"], ref)] = {"type": request["type"], "body": body}
        return {"digest": digest_of(body), "size": len(body)}
    if kind == "auth":
        state.auth[request["server"]] = request
        return {}
    if kind == "rule":
        with state.lock:
            state.rules.append({"server": request.get("server", "*"), "match": request["match"],
                                "times": request.get("times", -1), "action": request["action"]})
        return {}
    if kind == "log":
        with state.lock:
            return {"requests": state.log}
    if kind in ("forget", "release"):
        with state.lock:
            if kind == "forget":
                state.log, state.rules = [], []
            held, state.release = state.release, threading.Event()
        held.set()
        return {}
    if kind == "stored":
        return {"blobs": sorted(state.blobs), "manifests": [list(key) for key in sorted(state.manifests)]}
    return {"error": "unknown command"}


def main():
    # Before there are threads, so that all of them leave the signal to sigwait().
    if len(sys.argv) > 1:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    state = State()
    directory = tempfile.mkdtemp(prefix="ctr-fault-registry-")
    try:
        certificate = make_certificate(directory)
        state.ports["ca"] = certificate + ".crt"
        state.ports["key"] = certificate + ".key"
        for name in ("main", "other", "tls", "tls_other"):
            server = Server(state, name, certificate if name.startswith("tls") else None)
            state.ports[name] = server.server_address[1]
            threading.Thread(target=server.serve_forever, daemon=True).start()
        if len(sys.argv) > 1:
            with open(sys.argv[1] + ".tmp", "w") as out:
                json.dump(state.ports, out)
            os.rename(sys.argv[1] + ".tmp", sys.argv[1])
            signal.sigwait([signal.SIGTERM])
            return
        for line in sys.stdin:
            print(json.dumps(command(state, json.loads(line))), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
