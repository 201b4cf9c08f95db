"""The console's menu: groups of members', entries registered by each app for its own pages (ux.md, Menu)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(slots=True)
class Group:
    """A group of pages; `function` is what a clearance locks."""

    key: str
    label: Promise | str
    function: str = ""
    entries: list[tuple[int, Promise | str, str, frozenset[str]]] = field(default_factory=list)


GROUPS: dict[str, Group] = {
    group.key: group
    for group in (
        Group("home", _("Home")),
        Group("members", _("Member data"), "members"),
        Group("recruitment", _("Recruitment"), "recruitment"),
        Group("benefits", _("Benefits"), "benefits"),
        Group("program", _("Tiers and points")),
        Group("outreach", _("Outreach"), "outreach"),
        Group("compliance", _("Compliance")),
        Group("settings", _("Settings")),
    )
}


def register(group: str, *, label: Promise | str, route: str, order: int, roles: frozenset[str]) -> None:
    """Add a page to a group; called once per page from an app's ready()."""
    entries = GROUPS[group].entries
    if all(entry[2] != route for entry in entries):
        entries.append((order, label, route, roles))
        entries.sort(key=lambda entry: entry[0])


def menu(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and entries this person may open, the current ones marked. Runs no query."""
    staff = getattr(request, "staff", None)
    if staff is None:
        return []
    program = getattr(request, "program", None)
    cleared = program is not None and program.status == "cleared"
    match = request.resolver_match
    here = match.view_name if match else ""
    family = here.rsplit("_", 1)[0]
    shown = []
    for group in GROUPS.values():
        items = []
        for _order, label, route, roles in group.entries:
            if staff.role not in roles:
                continue
            try:
                url = reverse(route)
            except NoReverseMatch:
                continue
            current = here == route or (family and family == route.rsplit("_", 1)[0])
            items.append({"label": label, "url": url, "current": bool(current)})
        if items:
            shown.append(
                {
                    "key": group.key,
                    # Who may open one page of several finds it by its own name.
                    "label": items[0]["label"] if len(items) == 1 < len(group.entries) else group.label,
                    "url": items[0]["url"],
                    "current": any(item["current"] for item in items),
                    "locked": cleared and bool(group.function),
                    "items": items if len(items) > 1 else [],
                }
            )
    return shown
