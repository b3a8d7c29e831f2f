"""Decide whether a request may see the page.

On this machine's own address nobody else can connect; but a page of any site that runs in
the browser can ask for ``http://127.0.0.1:8420``, and one whose name was pointed here after
it had loaded could read the answers. It cannot forge the header Host: that must name this
machine. On every other address a token is asked for, once in the address, then in a cookie.
"""

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

COOKIE = "puck_token"
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Access:
    """Hold who may see the page.

    Args:
        host: address that the server listens on.
    """

    host: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def local(self) -> bool:
        """Return whether only this machine can connect."""
        return is_loopback(self.host)

    def refusal(self, target: str, headers: Message) -> str | None:
        """Return why a request is refused; None if it may pass.

        Args:
            target: path and query of the request.
            headers: of the request.
        """
        site, goal = headers.get("Sec-Fetch-Site"), headers.get("Sec-Fetch-Dest")
        if (
            site in ("cross-site", "same-site") and goal != "document"
        ):  # a link may lead here
            return "another site asks; open the address of puck watch itself"
        if self.local:
            name = urlsplit(f"//{headers.get('Host', '')}").hostname or ""
            known = f"[{name}]" if ":" in name else name
            if known not in _LOCAL and name != self.host:
                return "the header Host names another machine"
            return None
        given = self.given(target) or _cookie(headers.get("Cookie", ""))
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return "the token is missing or wrong; open the address that puck watch printed"
        return None

    def given(self, target: str) -> str:
        """Return the token in an address; empty if there is none."""
        return parse_qs(urlsplit(target).query).get("token", [""])[0]


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own, which no other can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cookie(text: str) -> str:
    """Return the token in a cookie header; empty if there is none."""
    try:
        found = SimpleCookie(text).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
