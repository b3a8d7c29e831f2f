"""Serve the page: reads, to one machine, what stands in the folders that were named.

/                           the page
/events                     server-sent events: what has changed
/run/ID                     all that is known of a run but its curves
/curves?runs=ID,ID&names=N  curves, sampled for the screen
/file/ID/NAME               a film or picture of a run or a study
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from puckrl.core.errors import UserError, first_line
from puckrl.web import files
from puckrl.web.access import COOKIE, Access
from puckrl.web.board import Board
from puckrl.web.page import page, policy

PORT = 8420
"""Where the page is looked for if nobody says otherwise."""
EVERY_S = 1.0
"""How often folders are looked at while somebody watches, at most."""
_SHARE = 0.02  # of one core, at most, for looking
_ALIVE_S = 15.0  # of quiet, after which a comment is sent
_PAUSE_S = 0.25  # after an event, so that many changes become one
_CHUNK = 1 << 18
_MOST_RUNS, _MOST_NAMES = 200, 40


class Server(ThreadingHTTPServer):
    """Serve a board; look at its folders while somebody watches, and not otherwise.

    Args:
        board: the runs.
        access: who may see them.
        port: to listen on; 0 takes a free one.
        title: names what is watched.

    Raises:
        UserError: if nobody can listen there.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, board: Board, access: Access, port: int, title: str) -> None:
        self.board, self.access, self.title = board, access, title
        self.epoch = f"{time.time_ns():x}"
        """Tells pages of an earlier server that revisions begin anew."""
        self._watchers, self._someone = 0, threading.Condition()
        self._closed = False
        if ":" in access.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((access.host, port), Handler)
        except OSError as error:
            raise UserError(
                f"cannot listen on {access.host}:{port}: {error.strerror or error}; "
                "--port takes another one, --port 0 a free one"
            ) from error
        except OverflowError as error:
            raise UserError(f"--port {port}: legal: 0 to 65535") from error

    @property
    def address(self) -> str:
        """Return where to look, with the token where one is needed."""
        host, port = str(self.server_address[0]), self.server_address[1]
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        token = "" if self.access.local else f"?token={self.access.token}"
        return f"http://{shown}:{port}/{token}"

    def server_bind(self) -> None:
        """Bind, without asking the network for our name as the base class does."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = (
            str(self.server_address[0]),
            self.server_address[1],
        )

    def watch(self) -> None:
        """Look at the folders again and again while somebody watches; runs in a thread."""
        while not self._closed:
            took = self.board.look()
            with self._someone:
                self._someone.wait(max(EVERY_S, took / _SHARE))
                while not self._watchers and not self._closed:
                    self._someone.wait()

    def come(self, count: int) -> None:
        """Count somebody who begins (1) or ends (-1) to watch."""
        with self._someone:
            self._watchers += count
            if count > 0 and self._watchers == 1:
                self._someone.notify_all()

    @property
    def closed(self) -> bool:
        """Return whether the server is to end."""
        return self._closed

    def close(self) -> None:
        """End: let go those who watch, and the port."""
        self._closed = True
        with self._someone:
            self._someone.notify_all()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of readers who left in the middle of an answer; of others, as usual."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answer one connection. Reading is all that it can do."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Answer a request."""
        refused = self.server.access.refusal(self.path, self.headers)
        if refused is not None:
            self._say(HTTPStatus.FORBIDDEN, refused)
            return
        path = urlsplit(self.path).path
        parts = [unquote(part) for part in path.split("/")[1:]]
        try:
            match parts:
                case [""]:
                    self._page()
                case ["events"]:
                    self._events()
                case ["run", name]:
                    self._story(name)
                case ["curves"]:
                    self._curves()
                case ["file", owner, name]:
                    self._file(owner, name)
                case _:
                    self._say(HTTPStatus.NOT_FOUND, "there is no such page")
        except (UserError, OSError) as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            self._say(HTTPStatus.CONFLICT, first_line(error))

    def _page(self) -> None:
        """Send the page; a token in the address moves into a cookie."""
        given = self.server.access.given(self.path)
        if given and not self.server.access.local:
            cookie = f"{COOKIE}={given}; HttpOnly; SameSite=Lax; Path=/"
            self._head(
                HTTPStatus.SEE_OTHER,
                "text/plain",
                0,
                {"Location": "/", "Set-Cookie": cookie},
            )
            return
        self._send(page(self.server.title).encode(), "text/html; charset=utf-8")

    def _story(self, name: str) -> None:
        """Send what is known of a run."""
        run = self.server.board.run(name)
        if run is None:
            self._say(HTTPStatus.NOT_FOUND, "there is no such run")
            return
        self._json(run.story().as_dict())

    def _curves(self) -> None:
        """Send curves of some runs; a run that cannot be read sends none."""
        asked = parse_qs(urlsplit(self.path).query)
        ids = ",".join(asked.get("runs", [])).split(",")[:_MOST_RUNS]
        names = ",".join(asked.get("names", [])).split(",")[:_MOST_NAMES]
        found: dict[str, Any] = {}
        for name in ids:
            run = self.server.board.run(name)
            if run is not None:
                try:
                    found[name] = run.curves(names)
                except (UserError, OSError) as error:
                    found[name] = {
                        "clocks": {},
                        "curves": {},
                        "problem": first_line(error),
                    }
        self._json(found)

    def _events(self) -> None:
        """Send what changes, as long as the reader stays."""
        server = self.server
        self._head(HTTPStatus.OK, "text/event-stream", None)
        self.close_connection = True
        rev, spoken = -1, time.monotonic()
        server.come(1)
        try:
            while not server.closed:
                now, news = server.board.since(rev)
                if now > rev:
                    rev, spoken = now, time.monotonic()
                    self._event(news | {"epoch": server.epoch})
                    time.sleep(_PAUSE_S)
                elif time.monotonic() > spoken + _ALIVE_S:
                    spoken = time.monotonic()
                    self._event(None)
                server.board.wait(rev, 1.0)
        except (ConnectionError, TimeoutError):
            return
        finally:
            server.come(-1)

    def _event(self, news: Mapping[str, Any] | None) -> None:
        """Send one event; None: a comment, which keeps a quiet connection open."""
        line = b": quiet" if news is None else b"data: " + _compact(news)
        self.wfile.write(line + b"\n\n")
        self.wfile.flush()

    def _file(self, owner: str, name: str) -> None:
        """Send a film or picture, or the part of it that was asked for."""
        folder = self.server.board.folder(owner)
        found = None if folder is None else files.find(folder, name)
        if found is None:
            self._say(HTTPStatus.NOT_FOUND, "there is no such film or picture")
            return
        path, kind = found
        with path.open("rb") as file:
            size = file.seek(0, 2)
            part = _range(self.headers.get("Range", ""), size)
            begin, end = part or (0, size)
            about = {"Accept-Ranges": "bytes"}
            if part:
                about["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
            status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
            self._head(status, kind, end - begin, about)
            file.seek(begin)
            while begin < end and (piece := file.read(min(_CHUNK, end - begin))):
                self.wfile.write(piece)
                begin += len(piece)

    def _json(self, value: object) -> None:
        self._send(_compact(value), "application/json")

    def _say(self, status: HTTPStatus, words: str) -> None:
        """Answer with a line."""
        text = (words + "\n").encode()
        self._head(status, "text/plain; charset=utf-8", len(text))
        self.wfile.write(text)

    def _send(self, body: bytes, kind: str) -> None:
        self._head(HTTPStatus.OK, kind, len(body))
        self.wfile.write(body)

    def _head(
        self,
        status: HTTPStatus,
        kind: str,
        size: int | None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Send status and headers; without a size the answer ends with the connection."""
        self.send_response(status)
        always = {
            "Content-Type": kind,
            "Content-Security-Policy": policy(server=True),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        for name, value in {**always, **(more or {})}.items():
            self.send_header(name, value)
        if size is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def version_string(self) -> str:
        """Return the name of the server, without versions of anything."""
        return "puck"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


def _compact(value: object) -> bytes:
    """Return plain values as JSON of one line; NaN must not be among them."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Return the part of a file that a Range header asks for; None: all of it."""
    kind, _, span = header.partition("=")
    begin, dash, end = span.partition("-")
    if kind != "bytes" or not dash or "," in span:
        return None
    try:
        first = int(begin) if begin else max(0, size - int(end))
        last = int(end) + 1 if begin and end else size
    except ValueError:
        return None
    last = min(last, size)
    return (first, last) if 0 <= first < last else None


def free_port(host: str) -> int:
    """Return the usual port if nobody listens there, else 0: a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, PORT))
        except OSError:
            return 0
    return PORT
