"""Django's PostgreSQL backend with the tenant hook.

When the outermost transaction of a connection begins, the scope in force (members.lib.tenant) is sent as the
transaction's role and merchant. Everything is transaction-local, so nothing leaks through a pooler.
If the hook fails, the transaction is rolled back, the connection is closed and the error is raised: otherwise
the next atomic block would seem to succeed and never commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations as PostgresOperations
from psycopg.pq import TransactionStatus

from config.postgres.log_in import refuse_powerful_log_in
from members.lib.databases import owner_connection
from members.lib.roles import role_names
from members.lib.tenant import Scope, current_scope, on_scope_change

NAMES = role_names(os.environ.get("DB_ROLE_PREFIX") or "liushui")
ROLE_OF_SCOPE = {"none": "none", "app": NAMES.app, "platform": NAMES.platform}


class DatabaseOperations(PostgresOperations):
    """PostgreSQL's operations; emptying tables between tests is the owner's business."""

    def sql_flush(
        self, style: Any, tables: Any, *, reset_sequences: bool = False, allow_cascade: bool = False
    ) -> list[str]:
        """Every table of ours: the router hides them from this alias, since it does not migrate."""
        if self.connection.settings_dict.get("SCOPED"):
            kept = {"django_content_type", "auth_permission"}
            models = apps.get_models(include_auto_created=True)
            tables = sorted({m._meta.db_table for m in models if m._meta.managed} - kept)
        return super().sql_flush(style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade)

    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        """TRUNCATE over the owner's connection: the log-in role may not."""
        if not self.connection.settings_dict.get("SCOPED"):
            super().execute_sql_flush(sql_list)
            return
        with owner_connection(self.connection.settings_dict["NAME"]) as database:
            for statement in sql_list:
                database.execute(statement)


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend; switched on per alias by `SCOPED = True` in its settings (the owner's connection is not)."""

    ops_class = DatabaseOperations

    _log_in_is_checked = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; once per process, refuse a log-in that could do something by itself."""
        connection = super().get_new_connection(conn_params)
        if self.is_scoped and not DatabaseWrapper._log_in_is_checked:
            try:
                refuse_powerful_log_in(connection, NAMES)
            except BaseException:
                connection.close()
                if self.pool:  # it counts its connections, closed ones too
                    self.pool.putconn(connection)
                raise
            DatabaseWrapper._log_in_is_checked = True
        return connection

    @property
    def is_scoped(self) -> bool:
        """Whether this alias takes its role from the scope."""
        return bool(self.settings_dict.get("SCOPED", False))

    def set_autocommit(
        self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False
    ) -> None:
        """Begin or end the outermost transaction; on beginning, send the scope."""
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if autocommit or not self.is_scoped:
            return
        try:
            self.send_scope(current_scope())
        except BaseException:
            self._abandon()
            raise

    def send_scope(self, scope: Scope) -> None:
        """Set role and merchant for the present transaction, in one round trip."""
        merchant = "" if scope.merchant_id is None else str(scope.merchant_id)
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(
                "select set_config('role', %s, true), set_config('app.merchant_id', %s, true)",
                (ROLE_OF_SCOPE[scope.role], merchant),
            )

    def scope_changed(self, scope: Scope) -> None:
        """Tell a transaction already open that the scope changed; an aborted one hears nothing."""
        if not self.is_scoped or self.connection is None or self.get_autocommit():
            return
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return
        self.send_scope(scope)

    def _abandon(self) -> None:
        """Roll back and close after a failed hook, so that the wrapper starts anew."""
        self.in_atomic_block = False
        self.savepoint_ids = []
        self.needs_rollback = False
        try:
            self.close()
        finally:
            self.connection = None


def _tell_open_connections(scope: Scope) -> None:
    for connection in connections.all(initialized_only=True):
        tell: Any = getattr(connection, "scope_changed", None)
        if tell is not None:
            tell(scope)


on_scope_change(_tell_open_connections)
