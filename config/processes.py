"""What the embedded servers and the supervisor need to know of the operating system's processes.

A pid alone proves nothing: it may be a zombie, or have been given to another program. Every question here is
therefore asked with words that the command line must contain.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")


def command_lines() -> dict[int, str]:
    """Every process's command line by pid; zombies have none and are left out."""
    if (PROC / "self" / "cmdline").exists():
        found = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit() and (line := _proc_text(entry / "cmdline")):
                found[int(entry.name)] = line
        return found
    listing = subprocess.run(
        ["ps", "-axo", "pid=,stat=,command="], capture_output=True, text=True, check=True
    )
    rows = (line.split(None, 2) for line in listing.stdout.splitlines())
    return {int(row[0]): row[2] for row in rows if len(row) == 3 and not row[1].startswith("Z")}


def _proc_text(path: Path) -> str:
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:  # gone meanwhile, or another user's
        return ""


def command_line(pid: int) -> str:
    """One process's command line, or nothing when there is no such living process."""
    if (PROC / "self" / "cmdline").exists():
        return _proc_text(PROC / str(pid) / "cmdline")
    return command_lines().get(pid, "")


def is_ours(pid: int | None, *words: str) -> bool:
    """Whether this pid lives and its command line contains every word."""
    if not pid or pid <= 1:
        return False
    line = command_line(pid)
    return bool(line) and all(word in line for word in words)


def marked(name: str, value: str) -> list[int]:
    """Pids whose environment carries `name=value`, ourselves left out; only Linux shows it, elsewhere none."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in PROC.iterdir() if PROC.is_dir() else ():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end(
    pids: Iterable[int], *, alive: Callable[[int], bool], steps: Iterable[tuple[signal.Signals, float]]
) -> list[int]:
    """End processes by growing force: each step sends a signal and waits so many seconds.

    Returns the pids that were alive at the beginning.
    """
    living = begun = [pid for pid in pids if alive(pid)]
    for number, seconds in steps:
        for pid in living:
            send(pid, number)
        deadline = time.monotonic() + seconds
        while living and time.monotonic() < deadline:
            living = [pid for pid in living if alive(pid)]
            if living:
                time.sleep(0.05)
        if not living:
            break
    return begun


def free_port(preferred: int | None = None) -> int:
    """A free TCP port on 127.0.0.1, the preferred one if it is free."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


@contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold a file lock; yields whether it was got (always, when waiting). The kernel lets go when we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
