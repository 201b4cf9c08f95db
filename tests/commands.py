"""Management commands as from the command line: exit code, stdout, stderr."""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple

from django.core.management import get_commands, load_command_class


class Ended(NamedTuple):
    """How a command ended, and the lines it wrote."""

    code: int
    out: list[str]
    err: list[str]


def run(name: str, *arguments: object) -> Ended:
    """Run a command in this process, with the databases in place; connections are closed afterwards."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        command = load_command_class(get_commands()[name], name)
        try:
            command.run_from_argv(["manage.py", name, *map(str, arguments)])
        except SystemExit as ending:
            code = int(ending.code or 0)
    return Ended(code, out.getvalue().splitlines(), err.getvalue().splitlines())
