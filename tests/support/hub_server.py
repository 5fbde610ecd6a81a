"""A model hub on this machine: the part of the hub's API that huggingface_hub 2.4 asks for."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAIN = "main"
Files = dict[str, bytes]


@dataclass
class Repository:
    """Files by commit, and the commit of each branch and tag."""

    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, ref: str = MAIN) -> str:
        """Add a commit with these files and those of the one before; return its hash."""
        whole = {**self.commits.get(self.refs.get(ref, ""), {}), **files}
        listed = repr(sorted((name, hashlib.sha256(f).hexdigest()) for name, f in whole.items()))
        made = hashlib.sha1(listed.encode()).hexdigest()
        self.commits[made] = whole
        self.refs[ref] = made
        return made


@dataclass
class Hub:
    """A running server: what it holds, what it was asked, and how it is to go wrong."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # METHOD PATH of each request
    cut: set[str] = field(default_factory=set)  # files that are sent without their last bytes
    refuses: int | None = None  # status of every answer to an upload

    def add(self, name: str, files: Files) -> Repository:
        """Add a repository with one commit."""
        made = self.repositories.setdefault(name, Repository())
        made.commit(files)
        return made


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub until the block ends."""
    hub = Hub()

    class Handler(_Handler):
        held = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    held: Hub

    def log_message(self, *arguments: object) -> None:
        """Write nothing to the terminal."""

    def do_HEAD(self) -> None:
        self._resolve()

    def do_GET(self) -> None:
        self._resolve()

    def do_POST(self) -> None:
        self.held.asked.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.held.refuses:
            self._answer(self.held.refuses, {"error": "not allowed"})
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._answer(200, {"warnings": [], "errors": []})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path):
            files = json.loads(body)["files"]
            modes = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files
            ]
            self._answer(200, {"files": modes})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            self._commit(found[1], body)
        else:
            self._answer(404, {"error": f"no such endpoint: {self.path}"})

    def _create(self, asked: dict[str, str]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        self.held.repositories.setdefault(name, Repository())
        self._answer(200, {"url": f"{self.held.url}/{name}", "name": name, "id": name})

    def _commit(self, name: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        made = self.held.repositories[name].commit(files)
        url = f"{self.held.url}/{name}/commit/{made}"
        self._answer(200, {"success": True, "commitOid": made, "commitUrl": url})

    def _resolve(self) -> None:
        self.held.asked.append(f"{self.command} {self.path}")
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if not found:
            return self._answer(404, {"error": f"no such endpoint: {self.path}"})
        repository = self.held.repositories.get(found[1])
        if repository is None:
            return self._missing("RepoNotFound")
        commit = repository.refs.get(found[2], found[2])
        if commit not in repository.commits:
            return self._missing("RevisionNotFound")
        content = repository.commits[commit].get(found[3])
        if content is None:
            return self._missing("EntryNotFound", commit)
        about = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        about["X-Linked-Size"] = str(len(content))
        if found[3] in self.held.cut:
            content = content[:-100]
        self._send(200, content, about)

    def _missing(self, code: str, commit: str = "") -> None:
        about = {"X-Error-Code": code, "X-Error-Message": code}
        self._send(404, b"", about | ({"X-Repo-Commit": commit} if commit else {}))

    def _answer(self, status: int, content: object) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
