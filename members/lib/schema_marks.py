"""The migration operation for marks: rows that the database leaves where others changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.migrations.operations.base import Operation

from members.lib.schema import FUNCTION

FOLLOWED = {  # event: what its rows are called
    "insert": "new table as changed",
    "update": "new table as changed",
    "delete": "old table as changed",
}


def marking_triggers(
    source: str, target: str, events: Collection[str] = tuple(FOLLOWED)
) -> dict[tuple[str, str], str]:
    """When each trigger of MarkChanged fires, by its table and name."""
    return {
        (source, f"{target}_{event}"): (
            f'after {event} on "{source}" referencing {FOLLOWED[event]} for each statement '
            f'execute function "{target}_mark"()'
        )
        for event in events
    }


class MarkChanged(Operation):
    """Whoever writes rows of one table leaves a mark in another for each member that they are of: in one statement, and
    never waiting for somebody else's. The function is the owner's, so that no door can forget it, and serves all tables
    that leave their marks in one."""

    reduces_to_sql = True
    reversible = False

    def __init__(self, source: str, target: str, events: Collection[str] = tuple(FOLLOWED)) -> None:
        """The names of both tables, and what is followed: all, or only "insert" of rows that never change."""
        self.source, self.target, self.events = source, target, tuple(events)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.source, self.target], {"events": self.events})

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        schema_editor.execute(
            f"""
create or replace function "{self.target}_mark"() returns trigger {FUNCTION} as $$
begin
insert into public."{self.target}" (merchant_id, member_id) select distinct merchant_id, member_id from changed;
return null;
end $$""",
            params=None,
        )
        for (table, trigger), when in marking_triggers(self.source, self.target, self.events).items():
            assert f'on "{table}"' in when
            schema_editor.execute(f'create trigger "{trigger}" {when}', params=None)

    def describe(self) -> str:
        return f"Changes of {self.source} are marked in {self.target}"
