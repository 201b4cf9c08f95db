"""The embedded broker: Valkey on a unix socket that only its account and root can open.

What is queued is only a hint, the truth is in tables; so a broker whose file was damaged starts empty.
"""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from config import processes
from config.embedded_home import SOCKET_PATH_LIMIT, Home, Refused, State, digest

START_SECONDS = 20


def broker_lives(state: State) -> bool:
    """Whether the remembered server's process lives."""
    return _is_server(state, state.broker_pid)


def _is_server(state: State, pid: int) -> bool:
    # Its title shows its socket.
    return bool(state.broker_socket) and processes.is_ours(pid, "valkey-server", state.broker_socket)


class Broker:
    """One embedded broker; callers hold the embedded lock."""

    def __init__(self, state: State, home: Home, say: Callable[[str], None]) -> None:
        self.state = state
        self.home = home
        self.say = say
        self.folder = home.folder / "broker"
        self.log = home.folder / "broker.log"

    def is_running(self) -> bool:
        """Whether our server's process lives."""
        return broker_lives(self.state)

    def _is_server(self, pid: int) -> bool:
        return _is_server(self.state, pid)

    def ensure(self) -> None:
        """Have it running and answering."""
        if self.is_running() and self._answers():
            return
        self.home.make_folder("broker")
        self.state.broker_socket = str(self._socket())
        self._reap()
        self.say("broker: starting")
        if not self._start():
            aside = self.folder / f"damaged-{time.time_ns()}"
            (self.folder / "appendonlydir").replace(aside)
            self.say(f"broker: its file is damaged and was laid aside ({aside}); tables hold the truth")
            if not self._start():
                raise Refused(f"the broker did not start (see {self.log})")
        self.say("broker: ready")

    def stop(self) -> None:
        """Stop it; it writes what it holds."""
        if self.is_running():
            self.say("broker: stopping")
        self._reap()
        self.state.broker_pid = 0

    def _start(self) -> bool:
        path = Path(self.state.broker_socket)
        path.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "proc-title-template": "{title} {unixsocket}",
            "daemonize": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        child = self.home.start(self.log, self.home.broker_bin, *words)
        self.state.broker_pid = child.pid
        self.state.save()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._answers():
                return True
            if child.poll() is not None:
                if not (self.folder / "appendonlydir").exists():
                    raise Refused(f"the broker did not start (see {self.log})")
                return False
            time.sleep(0.05)
        raise Refused(f"the broker did not answer within {START_SECONDS} s (see {self.log})")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(2)
            try:
                client.connect(self.state.broker_socket)
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _socket(self) -> Path:
        path = self.folder / "broker.sock"
        if len(str(path).encode()) <= SOCKET_PATH_LIMIT:
            return path
        folder = Path("/tmp") / f"liushui-{digest(str(path))}"
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = self.home.account.pw_uid if self.home.account is not None else self.folder.stat().st_uid
        if folder.is_symlink() or folder.stat().st_uid not in (0, owner):
            raise Refused(f"{folder} belongs to somebody else; set DATA_DIR to a folder with a shorter path")
        self.home.give(folder)
        return folder / "broker.sock"

    def _reap(self) -> None:
        processes.end(
            processes.command_lines(),
            alive=self._is_server,
            steps=[(signal.SIGTERM, 20), (signal.SIGKILL, 5)],
        )
        if self.folder.is_dir():
            for old in sorted(self.folder.glob("damaged-*"))[:-1]:
                shutil.rmtree(old, ignore_errors=True)
