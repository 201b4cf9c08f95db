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


def roles_sql(prefix: str = "liushui") -> str:
    """SQL that makes the roles where they lack; passwords are set by whoever runs it.

    Needs CREATEROLE. Running it twice changes nothing.
    """
    names = role_names(prefix)
    wanted = {
        names.owner: "LOGIN CREATEDB NOSUPERUSER",
        names.app: "NOLOGIN",
        names.platform: "NOLOGIN",
        names.web: "LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS",
    }
    made = "\n".join(
        f"  if not exists (select from pg_roles where rolname = '{name}') then create role {name}; end if;\n"
        f"  alter role {name} {options};"
        for name, options in wanted.items()
    )
    return (
        f"do $$ begin\n{made}\nend $$;\n"
        f"grant {names.app}, {names.platform} to {names.web};\n"
        f"grant {names.app}, {names.platform} to {names.owner};\n"
        # So that the owner may end a log-in's session, as dropping a play's database needs.
        f"grant {names.web} to {names.owner};\n"
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
