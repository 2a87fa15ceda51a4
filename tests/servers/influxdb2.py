"""A twin of InfluxDB 2.x, which no Debian package brings: its documented HTTP interface for organizations, buckets,
authorizations and DBRP mappings (docs.influxdata.com/influxdb/v2/api), and the 1.x compatible /write and /query behind
token authentication. What is written lies in a real InfluxDB 1.x, one database per bucket."""

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ADMIN_TOKEN = "admin-token-of-the-twin"
ORG_ID, ORG = "00000000000000aa", "plantroom"
#: What 2.x refuses in InfluxQL.
_NOT_IN_2 = ("CREATE ", "ALTER ", "DROP DATABASE", " INTO ")


class InfluxDb2:
    """`by_name`: whether a bucket is found by its own name (2.5 and later), or by an explicit mapping alone."""

    def __init__(self, behind: str, prefix: str, *, by_name: bool) -> None:
        self.behind = behind
        self.prefix = prefix
        self.by_name = by_name
        self.buckets: dict[str, dict[str, Any]] = {}
        self.mappings: list[dict[str, Any]] = []
        self.tokens: dict[str, set[tuple[str, str]]] = {}  # token → (action, bucket id)
        twin = self

        class Handler(_Handler):
            server_twin = twin

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def bucket_of(self, database: str) -> dict[str, Any] | None:
        """The bucket that /write and /query mean by a database."""
        for mapping in self.mappings:
            if mapping["database"] == database:
                return next(b for b in self.buckets.values() if b["id"] == mapping["bucketID"])
        return self.buckets.get(database) if self.by_name else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_twin: InfluxDb2

    def do_GET(self) -> None:
        twin, url = self.server_twin, urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/query":
            self._pass_on(asked, "read", None)
        elif not self._is_admin():
            return
        elif url.path == "/api/v2/orgs":
            fits = asked.get("org", ORG) == ORG
            self._answer(200, {"orgs": [{"id": ORG_ID, "name": ORG}] if fits else []})
        elif url.path == "/api/v2/buckets":
            found = [b for b in twin.buckets.values() if asked.get("name", b["name"]) == b["name"]]
            self._answer(200, {"buckets": found})
        elif url.path == "/api/v2/dbrps":
            found = [m for m in twin.mappings if asked.get("db", m["database"]) == m["database"]]
            if twin.by_name:
                known = {m["database"] for m in found}
                found += [
                    _mapping(b["id"], b["name"]) | {"virtual": True}
                    for b in twin.buckets.values()
                    if asked.get("db", b["name"]) == b["name"] and b["name"] not in known
                ]
            self._answer(200, {"content": found})
        else:
            self._refuse(404, "not found", "path not found")

    def do_POST(self) -> None:
        twin, url = self.server_twin, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/write":
            self._pass_on(asked, "write", body)
            return
        if not self._is_admin():
            return
        wanted = json.loads(body)
        if url.path == "/api/v2/buckets":
            name = wanted["name"]
            if name in twin.buckets:
                self._refuse(422, "conflict", f"bucket with name {name} already exists")
                return
            bucket = {
                "id": f"{len(twin.buckets) + 1:016x}",
                "orgID": wanted["orgID"],
                "type": "user",
                "name": name,
                "retentionRules": wanted.get("retentionRules", []),
            }
            twin.buckets[name] = bucket
            query = urlencode({"q": f'CREATE DATABASE "{twin.prefix}{name}"'})
            urllib.request.urlopen(f"{twin.behind}/query?{query}", data=b"").close()
            self._answer(201, bucket)
        elif url.path == "/api/v2/dbrps":
            mapping = _mapping(wanted["bucketID"], wanted["database"])
            twin.mappings.append(mapping)
            self._answer(201, mapping)
        elif url.path == "/api/v2/authorizations":
            token = f"token-{len(twin.tokens) + 1}"
            twin.tokens[token] = {(p["action"], p["resource"]["id"]) for p in wanted["permissions"]}
            made = wanted | {"id": f"{len(twin.tokens):016x}", "token": token, "status": "active", "org": ORG}
            self._answer(201, made)
        else:
            self._refuse(404, "not found", "path not found")

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = self.path.rsplit("/", 1)[-1]
        if self._is_admin():
            [bucket] = [b for b in self.server_twin.buckets.values() if b["id"] == number]
            bucket["retentionRules"] = json.loads(body).get("retentionRules", [])
            self._answer(200, bucket)

    def _pass_on(self, asked: dict[str, str], action: str, body: bytes | None) -> None:
        twin = self.server_twin
        allowed = twin.tokens.get(self.headers.get("Authorization", "").removeprefix("Token "))
        if allowed is None:
            self._refuse(401, "unauthorized", "unauthorized access")
            return
        bucket = twin.bucket_of(asked.get("db", ""))
        if bucket is None:
            self._refuse(404, "not found", f"no dbrp mapping found for {asked.get('db')}/")
            return
        if (action, bucket["id"]) not in allowed:
            self._refuse(403, "forbidden", f"insufficient permissions for {action}")
            return
        if any(word in asked.get("q", "").upper() for word in _NOT_IN_2):
            self._answer(200, {"results": [{"statement_id": 0, "error": "not implemented: not a 1.x server"}]})
            return
        asked["db"] = twin.prefix + bucket["name"]
        path = f"/{action.replace('read', 'query')}?{urlencode(asked)}"
        request = urllib.request.Request(twin.behind + path, data=body)
        if encoding := self.headers.get("Content-Encoding"):
            request.add_header("Content-Encoding", encoding)
        try:
            with urllib.request.urlopen(request) as answer:
                self._send(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self._send(error.code, error.read())

    def _is_admin(self) -> bool:
        if self.headers.get("Authorization") == f"Token {ADMIN_TOKEN}":
            return True
        self._refuse(401, "unauthorized", "unauthorized access")
        return False

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, {"code": code, "message": message})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("X-Influxdb-Version", "v2.7.12")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


def _mapping(bucket: str, database: str) -> dict[str, Any]:
    return {
        "id": f"{abs(hash(database)) % 16**16:016x}",
        "orgID": ORG_ID,
        "bucketID": bucket,
        "database": database,
        "retention_policy": "autogen",
        "default": True,
    }
