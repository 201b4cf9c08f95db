"""A wire that can be cut: forwards TCP to a server, until it is told to refuse or to swallow."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator


class Wire:
    """Listens on a port of its own and forwards to `target`: (host, port), or the path of a unix socket."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self.target = target
        self.swallows = False
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Forward again; the port stays the same."""
        self.swallows = False
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection and refuse new ones, as a server that died."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # A thread that waits in accept() keeps the port until it is woken.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._break_all()

    def swallow(self) -> None:
        """Break every connection, take new ones and never answer, as a server that hangs."""
        self.mend()
        self.swallows = True
        self._break_all()

    def _break_all(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for ends in pairs:
            _close(*ends)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far = socket.socket() if self.swallows else _connect(self.target)
        with self._lock:
            self._pairs.add((near, far))
        try:
            for chunk, to in _chunks(near, far) if not self.swallows else _swallowed(near):
                to.sendall(chunk)
        except OSError:
            pass
        finally:
            with self._lock:
                self._pairs.discard((near, far))
            _close(near, far)


def _connect(target: tuple[str, int] | str) -> socket.socket:
    if isinstance(target, str):
        far = socket.socket(socket.AF_UNIX)
        far.connect(target)
        return far
    return socket.create_connection(target)


def _chunks(near: socket.socket, far: socket.socket) -> Iterator[tuple[bytes, socket.socket]]:
    with selectors.DefaultSelector() as ready:
        ready.register(near, selectors.EVENT_READ, far)
        ready.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _events in ready.select():
                chunk = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not chunk:
                    return
                yield chunk, key.data


def _swallowed(near: socket.socket) -> Iterator[tuple[bytes, socket.socket]]:
    while near.recv(65536):
        pass
    yield from ()


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
