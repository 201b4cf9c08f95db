"""`manage.py setup_roles`: the database roles, made or printed for an administrator to make."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections

from members.lib.databases import owner_connection, prepare_database
from members.lib.roles import create_database_sql, database_sql, role_names, roles_sql
from members.management.base import PlainCommand, one_line


class Command(PlainCommand):
    """Four roles: owner, app, platform, and a log-in that can do nothing by itself."""

    help = (
        "Make the database roles (the owner needs CREATEROLE and CREATEDB), or print the SQL that makes them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--print-sql", action="store_true", help="print the SQL for an administrator")

    def handle(self, *args: Any, **options: Any) -> None:
        prefix = settings.DB_ROLE_PREFIX
        name = connections["owner"].settings_dict["NAME"]
        if options["print_sql"]:
            self.stdout.write(
                "-- As an administrator (CREATEROLE and CREATEDB suffice); then set the passwords of the two log-ins:\n"
                f"{roles_sql(prefix)}"
                f"-- As {role_names(prefix).owner}, where there is no database yet:\n"
                f"-- {create_database_sql(name, prefix)}"
                f"-- As {role_names(prefix).owner}, in the database:\n"
                f"{database_sql(prefix)}"
            )
            return
        try:
            with owner_connection(name) as server:
                server.execute(roles_sql(prefix).encode())
            prepare_database(name)
        except psycopg.Error as error:
            raise CommandError(f"{error.__class__.__name__}: {one_line(error)}. Try --print-sql.") from error
