"""Sending to addresses that strangers name, and to nothing inside (webhooks).

The host's name is resolved once, every address it stands for must be a public one, and the connection goes to the very
address that was checked: what the name stands for a moment later changes nothing. Only HTTPS; redirects are answers
like any other; nothing is read beyond a few kilobytes, and the whole exchange has a deadline that no trickle of bytes
extends.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid

DEADLINE = 10.0  # seconds for the whole exchange
CONNECT_TIMEOUT = 5.0
MOST_READ = 8 * 1024
LONGEST_URL = 500

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
# What Python's own tables do not count as private everywhere: protocol assignments, a cloud's own services, and ways
# from IPv6 into private IPv4.
INSIDE = tuple(
    ipaddress.ip_network(net)
    for net in (
        "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16",
        "2001::/23", "fec0::/10",
    )
)  # fmt: skip
LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp")


Reason = Literal["bad-address", "inside", "no-host", "no-connection", "not-safe", "timeout", "not-http"]


class Unreachable(Exception):
    """Nothing was sent, or nothing answered; `reason` says why, `detail` in the machine's own words."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail[:200]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the other side said: its status, and the milliseconds until then."""

    status: int
    ms: int

    @property
    def is_taken(self) -> bool:
        """Whether it took what was sent."""
        return 200 <= self.status < 300


def checked_url(url: str, *, allows_loopback: bool = False) -> SplitResult:
    """The parts of an address that may be sent to as far as its text tells. Raises Invalid."""
    wrong = _("Give an address that begins with https:// and names a host, without user or password.")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        ascii_host = host.encode("idna").decode() if host else ""
    except ValueError:  # also what is no host name
        raise Invalid(wrong, errors={"url": wrong}) from None
    is_plain = url.isprintable() and not any(char.isspace() or char == "\\" for char in url)
    is_plain = is_plain and f"{parts.path}{parts.query}".isascii()
    schemes = ("https", "http") if allows_loopback else ("https",)
    if not is_plain or len(url) > LONGEST_URL or parts.scheme not in schemes or not ascii_host:
        raise Invalid(wrong, errors={"url": wrong})
    if "@" in parts.netloc or parts.fragment:
        raise Invalid(wrong, errors={"url": wrong})
    if not allows_loopback and _is_inside_by_name(ascii_host):
        inside = _("This address leads into a private network. Give one that the internet can reach.")
        raise Invalid(inside, errors={"url": inside})
    return parts


def _is_inside_by_name(host: str) -> bool:
    try:
        return not is_public(ipaddress.ip_address(host))
    except ValueError:
        return host.rstrip(".").rpartition(".")[2].lower() in LOCAL_NAMES or host.rstrip(".").isdigit()


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the open internet: not private, loopback, link-local, shared, reserved, a group's,
    nor a way around that."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    if any(address.version == net.version and address in net for net in INSIDE):
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
    )


def addresses_of(host: str, port: int, *, allows_loopback: bool = False) -> list[IPAddress]:
    """Every address a host stands for now, all of them checked. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(host.encode("idna"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("no-host") from None
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found))
    for address in addresses:
        if not is_public(address) and not (allows_loopback and address.is_loopback):
            raise Unreachable("inside", str(address))
    if not addresses:
        raise Unreachable("no-host")
    return addresses


def post(url: str, *, body: bytes, headers: Mapping[str, str], allows_loopback: bool = False) -> Answered:
    """Send a body and wait for the answer's status. Raises Unreachable.

    `allows_loopback` is for tests: this machine, and plain HTTP, may be sent to as well.
    """
    began = time.monotonic()
    try:
        parts = checked_url(url, allows_loopback=allows_loopback)
    except Invalid:
        raise Unreachable("bad-address") from None
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = addresses_of(host, port, allows_loopback=allows_loopback)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection = _Connection(host, port, addresses, is_encrypted=parts.scheme == "https")
    watch = threading.Timer(DEADLINE, connection.cut)
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", target, body=body, headers={**headers, "Connection": "close"})
        answer = connection.getresponse()
        if connection.is_cut:  # headers that end because they were cut look whole
            raise TimeoutError
        answer.read(MOST_READ)
        return Answered(answer.status, round((time.monotonic() - began) * 1000))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if connection.is_cut or isinstance(error, TimeoutError):
            raise Unreachable("timeout") from None
        raise _told(error) from None
    finally:
        watch.cancel()
        connection.close()


def _told(error: Exception) -> Unreachable:
    if isinstance(error, ssl.SSLError):
        return Unreachable("not-safe", str(error.reason or error))
    if isinstance(error, OSError) and not isinstance(error, http.client.RemoteDisconnected):
        return Unreachable("no-connection", str(error.strerror or error))
    return Unreachable("not-http", type(error).__name__)


class _Connection(http.client.HTTPConnection):
    """A connection to one of some checked addresses, whatever the host's name stands for by now."""

    def __init__(self, host: str, port: int, addresses: Iterable[IPAddress], *, is_encrypted: bool) -> None:
        super().__init__(host.encode("idna").decode(), port, timeout=CONNECT_TIMEOUT)
        self.addresses, self.is_encrypted, self.is_cut = list(addresses), is_encrypted, False
        if is_encrypted:
            self.default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        """Connect to the first address that takes the connection. Raises OSError."""
        error: OSError | None = None
        for address in self.addresses:
            if self.is_cut:
                break
            plain = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
            self.sock = plain
            try:
                plain.settimeout(CONNECT_TIMEOUT)
                plain.connect((str(address), self.port))
            except OSError as failed:
                plain.close()
                error = failed
                continue
            plain.settimeout(DEADLINE)
            if self.is_encrypted:
                wrapped = _tls().wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
                self.sock = wrapped  # from here on `cut` ends it
                wrapped.do_handshake()
            return
        raise error or OSError("no address")

    def cut(self) -> None:
        """The deadline is over: whatever is waited for ends."""
        self.is_cut = True
        sock = self.sock
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Certificates are checked, and the name in them."""
    return ssl.create_default_context()
