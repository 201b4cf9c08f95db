"""Whether a log-in can do nothing by itself, before a transaction took a role: what row security rests on."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from members.lib.roles import RoleNames

# Asked about effects, not attributes: from PostgreSQL 16 on inheriting belongs to each membership, and a right may
# also come from a grant to everybody. The roles count by name too, since the tables may not be there yet.
QUESTIONS = """
with ours as (
    select c.oid, c.relowner from pg_class c join pg_class known on known.relowner = c.relowner
    where known.oid = to_regclass('public.members_merchant')
    and c.relnamespace = known.relnamespace and c.relkind in ('r', 'p')
)
select session_user,
    exists (select from pg_roles r where r.rolsuper and pg_has_role(session_user, r.oid, 'MEMBER')),
    exists (select from pg_roles r where r.rolbypassrls and pg_has_role(session_user, r.oid, 'MEMBER')),
    exists (select from ours where pg_has_role(session_user, relowner, 'MEMBER'))
    or exists (select from pg_roles r where r.rolname = %(owner)s and pg_has_role(session_user, r.oid, 'MEMBER')),
    (select rolcreaterole from pg_roles where rolname = session_user),
    exists (
        select from ours
        where has_any_column_privilege(session_user, oid, 'select, insert, update')
        or has_table_privilege(session_user, oid, 'delete, truncate')
    )
    or exists (
        select from pg_roles r where r.rolname in (%(app)s, %(platform)s) and pg_has_role(session_user, r.oid, 'USAGE')
    )
"""
# What each answer means, and what helps; the weightiest first, since it brings those behind it along.
_USE_OURS = "Use the log-in {web}, which `manage.py setup_roles --print-sql` makes."
POWERS = (
    ("is a superuser or may become one", _USE_OURS),
    ("bypasses row security or may take on a role that does", _USE_OURS),
    (
        "owns the tables or is a member of their owner",
        "The owner's address belongs into DATABASE_OWNER_URL. " + _USE_OURS,
    ),
    ("may make roles, and with them give itself any right", _USE_OURS),
    (
        "has rights by itself, before it takes on a role",
        "Run again what `manage.py setup_roles --print-sql` prints; for a log-in of another name, "
        '`grant {app} to "{log_in}" with inherit false` (PostgreSQL 15: `alter role "{log_in}" noinherit`), '
        "and take back what was granted to it directly.",
    ),
)


def refuse_powerful_log_in(connection: Any, names: RoleNames) -> None:
    """Look at the log-in of a psycopg connection. Raises ImproperlyConfigured when row security would not hold it.

    The first sentence of the error says why and names nobody; what follows says what helps.
    """
    log_in, *answers = connection.execute(
        QUESTIONS, {"owner": names.owner, "app": names.app, "platform": names.platform}
    ).fetchone()
    if not connection.autocommit:
        connection.rollback()
    for has_power, (what, remedy) in zip(answers, POWERS, strict=True):
        if has_power:
            help_ = remedy.format(web=names.web, app=names.app, log_in=log_in)
            raise ImproperlyConfigured(
                f"DATABASE_URL's log-in {what}, so row security would not hold. {help_}"
            )
