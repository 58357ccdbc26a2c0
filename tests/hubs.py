"""A hub on this machine with a few repositories, which answers as the real one does where its client asks."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "c0ffee" + "0" * 34
PIECE = 4096  # bytes that are sent at once


@dataclass
class Hub:
    """`repositories`: owner/name -> file -> bytes. `asked` are the paths of all requests."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gated: set[str] = field(default_factory=set)
    broken: bool = False  # whether it answers with an error of its own
    pause: float = 0.0  # seconds after each piece
    sent: int = 0  # bytes of files
    told: dict[str, str] = field(default_factory=dict)  # file -> a digest that is not its own
    large: dict[str, int] = field(default_factory=dict)  # file -> a size that is not its own
    address: str = ""

    def add(self, name: str, folder: Path) -> None:
        self.repositories[name] = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}

    def about(self, name: str) -> dict[str, Any]:
        siblings = []
        for file, data in self.repositories[name].items():
            facts: dict[str, Any] = {"rfilename": file, "size": self.large.get(file, len(data)), "blobId": "0"}
            if file.endswith((".safetensors", ".bin")):
                digest = self.told.get(file, hashlib.sha256(data).hexdigest())
                facts["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
            siblings.append(facts)
        return {
            "id": name,
            "modelId": name,
            "sha": COMMIT,
            "siblings": siblings,
            "cardData": {"license": "mit"},
            "tags": [],
        }


@contextmanager
def serving() -> Iterator[Hub]:
    """The hub, as long as the context lasts."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def answer(self, body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            path = self.path.partition("?")[0]
            if hub.broken:
                return self.send(503, b"{}", body)
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/]+)?", path):
                if found[1] in hub.gated:
                    return self.send(403, b"{}", body, {"X-Error-Code": "GatedRepo"})
                if found[1] in hub.repositories:
                    return self.send(200, json.dumps(hub.about(found[1])).encode(), body)
                return self.send(404, b"{}", body, {"X-Error-Code": "RepoNotFound"})
            if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                data = hub.repositories.get(found[1], {}).get(found[3])
                if data is None:
                    return self.send(404, b"", body, {"X-Error-Code": "EntryNotFound"})
                tag = {
                    "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                    "X-Repo-Commit": COMMIT,
                    "Accept-Ranges": "bytes",
                }
                span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if span and body:
                    first, last = int(span[1]), min(int(span[2] or len(data) - 1), len(data) - 1)
                    tag["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
                    return self.send(206, data[first : last + 1], body, tag)
                return self.send(200, data, body, tag)
            return self.send(404, b"", body)

        def send(self, status: int, data: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            try:
                for at in range(0, len(data) if body else 0, PIECE):
                    self.wfile.write(data[at : at + PIECE])
                    hub.sent += len(data[at : at + PIECE]) if "/resolve/" in self.path else 0
                    time.sleep(hub.pause)
            except OSError:  # whoever asked went away
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
