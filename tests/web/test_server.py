"""The server: who may read what, and what changes while somebody watches."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from puckrl.core.errors import UserError
from puckrl.web import board as boards
from puckrl.web import server as servers
from puckrl.web.access import Access, is_loopback
from puckrl.web.board import Board
from puckrl.web.server import Server, _range, free_port
from tests.web.made import made_run, rows, text


def serving(root: Path, host: str = "127.0.0.1") -> Server:
    server = Server(Board([root]), Access(host, "secret"), 0, "title")
    for work in (server.watch, lambda: server.serve_forever(0.02)):
        threading.Thread(target=work, daemon=True).start()
    return server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = made_run(tmp_path / "runs")
    (folder.path / "policy.mp4").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder.path / "out.png").symlink_to(tmp_path / "secret.png")
    (folder.path / "config.png").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def server(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(servers, "EVERY_S", 0.05)
    monkeypatch.setattr(servers, "_SHARE", 1.0)
    monkeypatch.setattr(boards, "_FIND_S", 0.05)
    monkeypatch.setattr(boards, "_SHARE", 1.0)
    made = serving(root)
    made.board.look()
    yield made
    made.shutdown()
    made.close()


Answer = tuple[int, dict[str, str], bytes]


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
    """Send a request exactly as it is written: no client repairs its path."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    host, port = server.server_address[:2]
    with socket.create_connection((str(host), int(port)), timeout=5) as link:
        known = {"Host": f"127.0.0.1:{port}", "Connection": "close"} | named
        lines = "".join(f"{name}: {value}\r\n" for name, value in known.items())
        link.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_the_page_has_a_policy_and_no_cache(server: Server) -> None:
    status, headers, body = ask(server, "/")
    assert status == 200
    assert body.startswith(b"<!doctype html>")
    rules = headers["Content-Security-Policy"]
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    assert "http" not in rules
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "puck"
    assert "Access-Control-Allow-Origin" not in headers


def test_a_run_is_told_by_its_id_alone(server: Server) -> None:
    (run,) = server.board.runs
    status, _, body = ask(server, f"/run/{run.id}")
    assert (status, json.loads(body)["id"]) == (200, run.id)
    status, _, body = ask(server, f"/curves?runs={run.id},x&names=eval/success,no")
    assert [*json.loads(body)[run.id]["curves"]] == ["eval/success"]
    assert ask(server, "/run/unknown")[0] == 404


def test_a_film_is_sent_whole_or_in_part(server: Server) -> None:
    (run,) = server.board.runs
    film = bytes(range(256)) * 40
    at = f"/file/{run.id}/policy.mp4"
    status, headers, body = ask(server, at)
    assert (status, body, headers["Content-Type"]) == (200, film, "video/mp4")
    status, headers, body = ask(server, at, Range="bytes=10-19")
    assert (status, body) == (206, film[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(film)}"
    assert ask(server, at, Range="bytes=-5")[2] == film[-5:]
    assert ask(server, at, Range="bytes=10230-")[2] == film[10230:]


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("", None),
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=9-2", None),
        ("bytes=99-", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
    ],
)
def test_parts_of_ten_bytes(header: str, part: tuple[int, int] | None) -> None:
    assert _range(header, 10) == part


WAYS_OUT = (
    "../{run}/config.yaml",
    "config.yaml",
    "manifest.json",
    "metrics.jsonl",
    "../../secret.png",
    "..%2f..%2fsecret.png",
    "%2e%2e/%2e%2e/secret.png",
    "....//....//secret.png",
    "..\\..\\secret.png",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "policy.mp4/../../../secret.png",
    "policy.mp4%00.png",
    "out.png",
    "config.png",
    "curve.png",
    ".",
    "..",
    "",
)


@pytest.mark.parametrize("way", WAYS_OUT)
def test_no_name_leads_out_of_a_folder(server: Server, root: Path, way: str) -> None:
    (run,) = server.board.runs
    name = way.format(run=run.path.name)
    for path in (f"/file/{run.id}/{name}", f"/{name}", f"/file/../{name}"):
        status, _, body = ask(server, path)
        if path.strip("/."):
            assert status in (400, 404), path
        assert b"secret" not in body.replace(b"secret.png", b"")
        assert b"preset:" not in body


def test_no_absolute_path_is_an_id(server: Server, root: Path) -> None:
    for name in (str(root), quote(str(root), safe=""), "..", "."):
        assert ask(server, f"/run/{name}")[0] == 404
        assert ask(server, f"/file/{name}/policy.mp4")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(server: Server, method: str) -> None:
    assert ask(server, "/", method)[0] == 501


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.2.x"])
def test_a_name_that_was_pointed_here_is_refused(server: Server, host: str) -> None:
    for path in ("/", "/events", "/curves?runs=&names="):
        assert ask(server, path, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_has_three_names(server: Server, host: str) -> None:
    assert ask(server, "/", Host=f"{host}:{server.server_address[1]}")[0] == 200


def test_other_sites_may_link_and_not_read(server: Server) -> None:
    other = {"Sec_Fetch_Site": "cross-site"}
    assert ask(server, "/", **other, Sec_Fetch_Dest="document")[0] == 200
    assert (
        ask(server, "/curves?runs=&names=", **other, Sec_Fetch_Dest="empty")[0] == 403
    )
    assert ask(server, "/events", **other)[0] == 403


def test_beyond_this_machine_a_token_is_asked_for(root: Path) -> None:
    server = serving(root, "0.0.0.0")
    try:
        assert server.address.endswith("/?token=secret")
        for path in ("/", "/events", "/?token=wrong", "/?token="):
            assert ask(server, path)[0] == 403
        status, headers, _ = ask(server, "/?token=secret")
        assert (status, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite" in cookie
        assert ask(server, "/", Cookie=cookie.split(";")[0])[0] == 200
        assert ask(server, "/", Cookie="puck_token=wrong")[0] == 403
        assert ask(server, "/", Cookie='puck_token="\\')[0] == 403
    finally:
        server.shutdown()
        server.close()


def test_tokens_differ() -> None:
    assert Access("0.0.0.0").token != Access("0.0.0.0").token
    assert len(Access("0.0.0.0").token) >= 32


def test_which_addresses_are_this_machine() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.1", "host")))


class Listener:
    """Somebody who watches: a connection to /events."""

    def __init__(self, server: Server) -> None:
        self.link = http.client.HTTPConnection(
            "127.0.0.1", server.server_address[1], timeout=5
        )
        self.link.request("GET", "/events")
        self.answer = self.link.getresponse()

    def hear(self) -> dict[str, Any]:
        while True:
            line = self.answer.readline()
            if line.startswith(b"data: "):
                return json.loads(line.removeprefix(b"data: "))

    def leave(self) -> None:
        self.answer.close()
        self.link.close()


def test_ten_readers_hear_what_changes(server: Server, root: Path) -> None:
    readers = [Listener(server) for _ in range(10)]
    first = [reader.hear() for reader in readers]
    assert all(len(news["rows"]) == 1 for news in first)
    assert {news["epoch"] for news in first} == {server.epoch}
    with (server.board.runs[0].path / "metrics.jsonl").open("a") as file:
        file.write(text(rows(12, begin=10)))
    for reader in readers:
        (row,) = reader.hear()["rows"]
        assert row["env_steps"] == 6_000
        reader.leave()


def test_folders_are_left_alone_while_nobody_watches(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    look = server.board.look
    monkeypatch.setattr(
        server.board, "look", lambda: looks.append(time.time()) or look()
    )
    time.sleep(0.3)
    assert len(looks) <= 1
    reader = Listener(server)
    time.sleep(0.3)
    assert len(looks) > 2
    reader.leave()


def test_a_port_in_use_is_refused_in_a_line(server: Server, root: Path) -> None:
    port = int(server.server_address[1])
    with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}.*--port"):
        Server(Board([root]), Access("127.0.0.1"), port, "t")
    with pytest.raises(UserError, match="--port"):
        Server(Board([root]), Access("127.0.0.1"), 99_999, "t")
    with pytest.raises(UserError, match=r"cannot listen on 203\.0\.113\.1"):
        Server(Board([root]), Access("203.0.113.1"), 0, "t")


def test_the_usual_port_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(servers, "PORT", other.getsockname()[1])
        assert free_port("127.0.0.1") == 0
    assert free_port("127.0.0.1") == servers.PORT
