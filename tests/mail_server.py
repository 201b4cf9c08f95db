"""A real mail server in the test process: takes messages over SMTP, and refuses the mailboxes it is told to."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """What arrived, by receiver; `refused` maps an address to the answer that it gets."""

    port: int = 0
    taken: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class _Session(socketserver.StreamRequestHandler):
    mail: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        """One connection: the few commands that a client needs."""
        to: list[str] = []
        self.say("220 test")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb = line.split(" ", 1)[0].upper()
            if verb == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                answer = self.mail.refused.get(address, "250 ok")
                if answer.startswith("250"):
                    to.append(address)
                self.say(answer)
            elif verb == "DATA":
                self.say("354 go on")
                body = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    body += part
                self.mail.taken += [(address, body.decode()) for address in to]
                to = []
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server on this machine while the block runs."""
    handler = type("Session", (_Session,), {"mail": MailServer()})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        mail: MailServer = handler.mail  # type: ignore[attr-defined]
        mail.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield mail
        finally:
            server.shutdown()
            thread.join()
