"""Draws: what was published of one, entering it, a member's entries, the proof file."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.api.benefits import found
from benefits.models import Draw, DrawEntry, DrawState, DrawWin
from benefits.selectors import draws as selectors
from benefits.services import draws
from members.api.operations import Answer, Call, Operation
from members.lib.refusals import Conflict, NotFound
from members.lib.scopes import Scope
from members.models import Merchant
from members.selectors import members as members_selector


class DrawOut(serializers.Serializer):
    """A draw as it was published."""

    id = serializers.CharField()
    benefit = serializers.CharField()
    state = serializers.ChoiceField(choices=DrawState.values)
    counts_for_clearance = serializers.BooleanField(help_text="Never: draws hold off no clearance.")
    opens_at = serializers.DateTimeField()
    closes_at = serializers.DateTimeField(
        help_text="The first instant without entries; winners are drawn then."
    )
    rules = serializers.DictField(help_text="Prizes, times and terms: fixed once entries are open.")
    rules_hash = serializers.CharField(help_text="SHA-256 of the rules in canonical JSON.")
    commitment = serializers.CharField(
        help_text="SHA-256 of the seed, which is opened when winners are drawn."
    )
    entries = serializers.IntegerField()
    members = serializers.IntegerField(help_text="Who entered.")
    winners = serializers.IntegerField()
    drawn_at = serializers.DateTimeField(allow_null=True)
    seed = serializers.CharField(allow_null=True, help_text="Null until it is drawn.")
    root = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="SHA-256 of the closed list of entrants."
    )
    digest = serializers.CharField(allow_null=True, help_text="SHA-256 that the proof file ends in.")
    verify_url = serializers.CharField(help_text="Where anyone checks the proof in a browser.")


class ProofOut(serializers.Serializer):
    """The proof file; docs/draws.md has the formula and a script that checks it."""

    formula = serializers.CharField()
    rules = serializers.DictField()
    rules_hash = serializers.CharField()
    commitment = serializers.CharField()
    seed = serializers.CharField()
    entrants = serializers.ListField(child=serializers.CharField(), help_text="Pseudonyms, in order.")
    root = serializers.CharField()  # type: ignore[assignment]
    winners = serializers.ListField(help_text="[prize from 1, place from 1, entrant].")
    digest = serializers.CharField()


class EntryOut(serializers.Serializer):
    """A member's entry."""

    draw = serializers.CharField()
    benefit = serializers.CharField()
    member = serializers.CharField()
    number = serializers.IntegerField(help_text="Among those of the member, from 1.")
    entrant = serializers.CharField(help_text="Its pseudonym in the proof file.")
    points = serializers.IntegerField(help_text="What was paid for it.")
    entered_at = serializers.DateTimeField()
    is_drawn = serializers.BooleanField()
    prize = serializers.CharField(allow_null=True, help_text="What it won; null for nothing, or not yet.")
    code = serializers.CharField(
        allow_null=True, help_text="Of the entitlement by which the prize is claimed."
    )


class EntriesOut(serializers.Serializer):
    """All entries of a member in one draw."""

    items = EntryOut(many=True)
    left = serializers.IntegerField(help_text="How many more the member may have.")


def verify_url(merchant: Merchant, draw: Draw) -> str:
    """The address of the public page of a draw."""
    return urljoin(settings.SITE_URL, reverse("draws:verify", args=[merchant.slug, draw.public_id]))


def _draw(call: Call) -> Draw:
    """The draw behind the benefit of the address. Raises NotFound. Two queries."""
    draw = selectors.of_benefit(merchant_id=call.merchant.pk, benefit_id=found(call).pk)
    if draw is None:
        raise NotFound(_("There is no such draw."))
    return draw


def _entry(entry: DrawEntry, draw: Draw, member: str, win: DrawWin | None) -> dict[str, Any]:
    return {
        "draw": draw.public_id,
        "benefit": draw.benefit.public_id,
        "member": member,
        "number": entry.number,
        "entrant": entry.entrant,
        "points": entry.points,
        "entered_at": entry.at,
        "is_drawn": draw.state == DrawState.DRAWN,
        "prize": draw.rules["prizes"][win.prize - 1]["name"] if win else None,
        "code": win.entitlement.code if win else None,
    }


class ReadDraw(Operation):
    """Read what was published of a draw.

    The commitment stands here before entries close; seed, root and digest once winners are drawn.
    """

    scope = Scope.BENEFITS_READ
    tag = "Draws"
    function = "benefits"
    out = DrawOut
    statuses: ClassVar = {200: "The draw"}

    def answer(self, call: Call) -> Answer:
        """At most five queries."""
        draw = _draw(call)
        counts = selectors.counts(draw)
        told = {
            "id": draw.public_id,
            "benefit": draw.benefit.public_id,
            "state": draw.state,
            "counts_for_clearance": False,
            "opens_at": draw.opens_at,
            "closes_at": draw.closes_at,
            "rules": draw.rules,
            "rules_hash": draw.rules_hash,
            "commitment": draw.commitment,
            "entries": counts.entries,
            "members": counts.members,
            "winners": counts.winners,
            "drawn_at": draw.drawn_at,
            "seed": draw.seed or None,
            "root": draw.root or None,
            "digest": draw.digest or None,
            "verify_url": verify_url(call.merchant, draw),
        }
        return Answer(told)


class ReadProof(Operation):
    """Read the proof of a draw that was held.

    The file of the public page is this JSON in canonical form: names sorted, no space. It never changes.
    """

    scope = Scope.BENEFITS_READ
    tag = "Draws"
    function = "benefits"
    out = ProofOut
    statuses: ClassVar = {200: "The proof"}
    refusals = ("conflict",)

    def answer(self, call: Call) -> Answer:
        """At most five queries."""
        proof = selectors.proof(_draw(call))
        if proof is None:
            raise Conflict(_("This draw was not held yet. Its proof is there once entries are closed."))
        return Answer(proof)


class EnterDraw(Operation):
    """Enter a member in a draw.

    One entry a member unless the rules say more; the points that an entry costs are spent with it, or nothing happens.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Draws"
    function = "benefits"
    gates_itself = True
    takes_key = True
    needs_key = True
    out = EntryOut
    statuses: ClassVar = {201: "The entry"}
    refusals = (
        "program-not-open", "program-cleared", "benefit-not-in-force", "entries-closed", "not-in-audience",
        "limit-reached", "out-of-stock", "insufficient-points",
    )  # fmt: skip

    def answer(self, call: Call) -> Answer:
        """Enters."""
        member_id = _member_id(call)
        benefit = found(call)
        entry, _is_new = draws.enter(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            member_id=member_id,
            benefit_id=benefit.pk,
            key=call.key,
        )
        draw = entry.draw
        draw.benefit = benefit
        return Answer(_entry(entry, draw, call.path["member_id"], None), 201)


class ListEntries(Operation):
    """List a member's entries in a draw.

    With their pseudonyms, by which the member finds themselves in the proof file, and what each won.
    """

    scope = Scope.BENEFITS_READ
    tag = "Draws"
    function = "benefits"
    out = EntriesOut
    statuses: ClassVar = {200: "The entries"}

    def answer(self, call: Call) -> Answer:
        """At most six queries."""
        member_id = _member_id(call)
        mine = selectors.in_draw(draw=_draw(call), member_id=member_id, at=call.at)
        won = {each.entry_id: each for each in mine.wins}
        items = [_entry(each, mine.draw, call.path["member_id"], won.get(each.pk)) for each in mine.entries]
        return Answer({"items": items, "left": mine.left})


def _member_id(call: Call) -> int:
    """Raises NotFound, for another merchant's too. One query."""
    member_id = members_selector.id_of(merchant_id=call.merchant.pk, public_id=call.path["member_id"])
    if member_id is None:
        raise NotFound(_("There is no such member."))
    return member_id
