"""The four database roles and what each may do (docs/architecture: Data).

`owner` makes and changes tables; `app` is a merchant's request or task and sees one tenant;
`platform` is the platform's admin and clearance and sees all; `web` is the log-in of every
running process: NOINHERIT, so that by itself, before a transaction took a role, it can do nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoleNames:
    """The cluster-wide names of the roles under one prefix."""

    owner: str
    app: str
    platform: str
    web: str


def role_names(prefix: str = "liushui") -> RoleNames:
    """The names for a prefix (roles are cluster-wide, so two installations differ by prefix)."""
    if not prefix.isidentifier():
        raise ValueError(f"DB_ROLE_PREFIX {prefix!r} must be letters, digits and underscores")
    return RoleNames(f"{prefix}_owner", f"{prefix}_app", f"{prefix}_platform", f"{prefix}_web")


IDLE_IN_TRANSACTION = "60s"  # of the processes' log-in: a forgotten transaction must not hold its locks


def roles_sql(prefix: str = "liushui") -> str:
    """SQL that makes the roles where they lack and mends those that are there; passwords are set by whoever runs it.

    Needs CREATEROLE and CREATEDB, no superuser. Running it twice changes nothing. What only a superuser may change
    (SUPERUSER, BYPASSRLS) is left as it is: a process refuses to start with it (config/postgres/log_in.py).
    """
    names = role_names(prefix)
    wanted = {
        names.owner: ("login createdb", "rolcanlogin and rolcreatedb"),
        names.app: ("nologin", "not rolcanlogin"),
        names.platform: ("nologin", "not rolcanlogin"),
        names.web: ("login noinherit", "rolcanlogin and not rolinherit"),
    }
    made = "\n".join(
        f"  if not exists (select from pg_roles where rolname = '{name}') then create role {name}; end if;\n"
        f"  if not exists (select from pg_roles where rolname = '{name}' and {condition}) then\n"
        f"    alter role {name} {options};\n"
        "  end if;"
        for name, (options, condition) in wanted.items()
    )
    return (
        f"do $$ begin\n{made}\nend $$;\n"
        f"{_memberships_sql(names)}"
        f"grant {names.app}, {names.platform} to {names.owner};\n"
        # So that the owner may end a log-in's session, as dropping a play's database needs.
        f"grant {names.web} to {names.owner};\n"
        f"alter role {names.web} set idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}';\n"
    )


def _memberships_sql(names: RoleNames) -> str:
    """The log-in becomes a member that inherits nothing.

    Until PostgreSQL 15 the role's NOINHERIT says so; from 16 on each membership does, once for every role that
    granted it, and a grant without the words keeps what was granted before.
    """
    roles, options = f"{names.app}, {names.platform}", "with inherit false, set true"
    return f"""do $$ declare given record; begin
  if current_setting('server_version_num')::int < 160000 then
    grant {roles} to {names.web};
  else
    for given in select roleid::regrole as role, grantor::regrole as grantor from pg_auth_members
      where member = '{names.web}'::regrole and inherit_option
      and roleid in ('{names.app}'::regrole, '{names.platform}'::regrole)
    loop
      execute format('grant %s to {names.web} {options} granted by %s', given.role, given.grantor);
    end loop;
    execute 'grant {roles} to {names.web} {options}';
  end if;
end $$;
"""


def create_database_sql(name: str, prefix: str = "liushui") -> str:
    """SQL that makes the database itself; cannot run in a transaction, or twice."""
    return (
        f"create database \"{name}\" owner {role_names(prefix).owner} encoding 'UTF8' template template0;\n"
    )


def database_sql(prefix: str = "liushui") -> str:
    """SQL, run as owner in a database before its first migration: who may use what is made later.

    The default privileges follow every table the owner makes; migrations take back what a role must not do.
    """
    names = role_names(prefix)
    both = f"{names.app}, {names.platform}"
    return (
        f"grant usage on schema public to {both};\n"
        f"alter default privileges in schema public grant select, insert, update, delete on tables to {both};\n"
        f"alter default privileges in schema public grant usage, select on sequences to {both};\n"
        f"alter default privileges in schema public grant execute on functions to {both};\n"
        "create extension if not exists btree_gist;\n"
        "create extension if not exists pg_trgm;\n"
        "create extension if not exists citext;\n"
    )
