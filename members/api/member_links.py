"""Links to members' own pages."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers

from members.api.fields import Strict, Whole
from members.api.members import found
from members.api.operations import Answer, Call, Operation
from members.lib.scopes import Scope
from members.services import member_links


class LinkIn(Strict):
    """For how long."""

    minutes = Whole(
        required=False,
        min_value=1,
        max_value=member_links.MOST_MINUTES,
        help_text=f"After which it works no more; {member_links.MINUTES} unless told.",
    )


class LinkOut(serializers.Serializer):
    """A link: who holds it acts as the member on that page."""

    url = serializers.CharField(help_text="Give it to the member alone; nobody can guess it.")
    expires_at = serializers.DateTimeField(help_text="The first instant at which it works no more.")


class MakeMemberLink(Operation):
    """Make a link to a member's own page.

    The page shows tier, points and codes; the member claims benefits and orders rewards there without signing in. Ask
    for a link whenever the member opens the page in your app. It is made whatever the program's state: what was paid
    for stays the member's.
    """

    method = "POST"
    scope = Scope.MEMBERS_LINK
    tag = "Members"
    takes_key = True
    body_in = LinkIn
    example: ClassVar = {"minutes": 60}
    out = LinkOut
    statuses: ClassVar = {201: "The link"}

    def answer(self, call: Call) -> Answer:
        """Reads the member; writes nothing."""
        link = member_links.make(merchant=call.merchant, member=found(call), at=call.at, **call.body)
        return Answer({"url": link.url, "expires_at": link.ends_at}, 201)
