"""What strangers may have us send to: the open internet, at the address that was checked, and for a while only."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from members.lib import outward
from members.lib.outward import Unreachable, addresses_of, checked_url, is_public
from members.lib.refusals import Invalid
from tests.receiver import receiving

NAME = "shop.example"


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


@pytest.fixture
def names(monkeypatch):
    """What names stand for, as the resolver would say it; each answer of a list is given once, the last for ever."""
    book: dict[str, list[list[str]]] = {}
    asked: list[str] = []

    def getaddrinfo(host, port, *args, **kwargs):
        host = host.decode() if isinstance(host, bytes) else host
        asked.append(host)
        if host not in book:
            raise socket.gaierror("unknown")
        answers = book[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    book["asked"] = asked  # type: ignore[assignment]
    return book


def post(url, **more):
    return outward.post(url, body=b"{}", headers={"X-Test": "1"}, allows_loopback=True, **more)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "168.63.129.16", "224.0.0.1", "239.255.255.250", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2002:a00:1::", "2001:0:1::1", "100::1",
    ],
)  # fmt: skip
def test_what_leads_inside_is_no_public_address(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "114.114.114.114", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_the_open_internet_is_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example/hooks", "http://shop.example/", "ftp://shop.example/", "https://", "https:///hooks",
        "https://user@shop.example/", "https://user:secret@shop.example/", "https://shop.example:99999/",
        "https://shop.example:abc/", "https://shop example/", "https://shop.example/a b", "https://shop.example/\nx",
        "https://shop.example\\@127.0.0.1/", "https://shop.example/#part", "https://shop.example/" + "x" * 500,
        "https://shop.example/ü", "https://[::1/", "file:///etc/passwd", "javascript:alert(1)",
        "https://localhost/", "https://LOCALHOST./", "https://db.internal/", "https://printer.local/",
        "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data", "https://10.0.0.5:8443/",
        "https://2130706433/", "https://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_leads_inside_is_refused(url):
    with pytest.raises(Invalid) as refused:
        checked_url(url)

    assert "url" in refused.value.errors


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example:8443/hooks?key=1",
        "https://8.8.8.8/x",
        "https://商店.example/x",
    ],
)
def test_an_address_of_the_internet_is_taken(url):
    assert checked_url(url).scheme == "https"


def test_without_the_setting_of_tests_this_machine_gets_nothing(receiver):
    for url in (receiver.url(), receiver.url(scheme="https")):
        with pytest.raises(Unreachable) as refused:
            outward.post(url, body=b"{}", headers={})
        assert refused.value.reason == "bad-address"

    assert receiver.requests == []


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["169.254.169.254"]]
)
def test_a_name_with_one_address_inside_is_sent_nothing(receiver, names, found):
    names[NAME] = [found]

    with pytest.raises(Unreachable) as refused:
        outward.post(receiver.url(scheme="https", host=NAME), body=b"{}", headers={})

    assert refused.value.reason == "inside" and receiver.requests == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
def test_other_ways_to_write_an_address_of_this_machine_lead_nowhere(host):
    with pytest.raises(Unreachable) as refused:
        addresses_of(host, 443)

    assert refused.value.reason == "inside"


def test_what_a_name_stands_for_is_asked_once_and_the_connection_goes_there(receiver, names):
    names[NAME] = [["127.0.0.1"], ["10.0.0.1"]]

    answered = post(receiver.url(host=NAME))

    assert answered.status == 204
    assert names["asked"] == [NAME]
    (taken,) = receiver.requests
    assert taken.headers["Host"] == f"{NAME}:{receiver.port}"


def test_an_unknown_name_is_said_to_be_unknown(names):
    with pytest.raises(Unreachable) as refused:
        post("https://nowhere.example/")

    assert refused.value.reason == "no-host"


def test_what_is_sent_arrives_and_the_answer_comes_with_its_time(receiver):
    answered = post(receiver.url("/hooks/7?a=b"))

    (taken,) = receiver.requests
    assert (taken.path, taken.body, taken.headers["X-Test"]) == ("/hooks/7?a=b", "{}", "1")
    assert answered.status == 204 and answered.is_taken and 0 <= answered.ms < 10_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    receiver.answers.append(status)

    answered = post(receiver.url())

    assert answered.status == status and not answered.is_taken
    assert [taken.path for taken in receiver.requests] == ["/hooks"]


def trickle(handler):
    """Headers without an end, a few bytes at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        while not handler.receiver.over.wait(0.01):
            handler.wfile.write(b"X-More: y\r\n")


def silence(handler):
    """No answer at all."""
    handler.receiver.over.wait()


@pytest.mark.parametrize("answer", [trickle, silence])
def test_the_deadline_ends_whatever_is_waited_for(receiver, monkeypatch, answer):
    monkeypatch.setattr(outward, "DEADLINE", 0.2)
    receiver.answers.append(answer)

    with pytest.raises(Unreachable) as refused:
        post(receiver.url())

    assert refused.value.reason == "timeout"


def test_an_answer_is_not_read_to_its_end(receiver):
    written = []

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        chunk = b"x" * 65_536
        try:
            while not handler.receiver.over.is_set():
                handler.wfile.write(chunk)
                written.append(len(chunk))
        except OSError:
            written.append(-1)

    receiver.answers.append(flood)

    assert post(receiver.url()).status == 200
    assert sum(written) < 64 * 1024 * 1024


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_said_to_be_none(receiver, said):
    receiver.answers.append(lambda handler: handler.wfile.write(said))

    with pytest.raises(Unreachable) as refused:
        post(receiver.url())

    assert refused.value.reason == "not-http"


def test_nobody_listening_is_said_to_be_no_connection():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(Unreachable) as refused:
        post(f"http://127.0.0.1:{port}/")

    assert refused.value.reason == "no-connection"


def certificate(folder, name):
    """A key and a certificate that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("name", "is_trusted", "reason"),
    [(NAME, True, ""), (NAME, False, "not-safe"), ("other.example", True, "not-safe")],
)
def test_over_https_the_certificate_must_be_good_for_the_name(
    tmp_path, monkeypatch, names, name, is_trusted, reason
):
    path = certificate(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    names[NAME] = [["127.0.0.1"]]
    outward._tls.cache_clear()

    try:
        with receiving(context) as receiver:
            if not reason:
                assert post(receiver.url(scheme="https", host=NAME)).status == 204
                assert len(receiver.requests) == 1
                return
            with pytest.raises(Unreachable) as refused:
                post(receiver.url(scheme="https", host=NAME))
            assert refused.value.reason == reason and receiver.requests == []
    finally:
        outward._tls.cache_clear()
