"""Members: join, find, read, change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from members.api.fields import Choice, Instant, Strict, Text, YesNo
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.models import Channel, Identity, JoinSource, Member, MemberStatus
from members.selectors import members as members_selector
from members.selectors import references
from members.selectors.members import birthday_text
from members.services import members as members_service
from members.templatetags.fmt import masked_id, masked_name, masked_phone

CONSENT = "Whether the member agreed to e-mails, apart from joining; never assume it."
CONSENT_SOURCE = "Where that consent comes from, such as a form; needed with a consent."


class IdentityOut(serializers.Serializer):
    """How a channel knows a person."""

    channel = serializers.ChoiceField(choices=Channel.values)
    external_id = serializers.CharField()


class MemberOut(serializers.Serializer):
    """A member. Phone and name are masked; revealing one is an act of a person, with a reason."""

    id = serializers.CharField()
    joined_at = serializers.DateTimeField()
    channel = serializers.ChoiceField(choices=Channel.values, help_text="Where the member joined.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=JoinSource.values, help_text="The evidence of joining."
    )
    status = serializers.ChoiceField(choices=MemberStatus.values)
    phone = serializers.CharField(allow_null=True, help_text="Masked, such as 138****1402.")
    phone_verified = serializers.BooleanField()
    name = serializers.CharField(allow_null=True, help_text="Masked, such as 王*.")
    birthday = serializers.CharField(allow_null=True, help_text="Month and day, such as 05-17.")
    email = serializers.CharField(allow_null=True, help_text="Masked, such as w***@example.com.")
    email_consent_at = serializers.DateTimeField(
        allow_null=True, help_text="When the member agreed to e-mails; null: nothing is sent."
    )
    email_consent_source = serializers.CharField(help_text="Where that consent comes from, or came from.")
    email_stopped_at = serializers.DateTimeField(
        allow_null=True, help_text="When the member wanted no more e-mails."
    )
    identities = IdentityOut(many=True)


class MembersOut(PageOut):
    """A page of members."""

    items = MemberOut(many=True)


class JoinIn(Strict):
    """Who joins."""

    channel = Choice(choices=Channel.values)
    external_id = Text(help_text="How the channel knows the person.")
    phone = Text(required=False, max_length=40, help_text="Without a country code: of the shop's country.")
    name = Text(required=False, max_length=80)
    birthday = Text(required=False, max_length=10, help_text="Month and day, such as 05-17; no year is kept.")
    joined_at = Instant(required=False, help_text="Now unless told; not in the future.")
    consent_source = Text(
        required=False, max_length=200, help_text="Where the consent comes from, for the record."
    )
    email = Text(required=False, max_length=254)
    email_consent = YesNo(required=False, help_text=CONSENT)
    email_consent_source = Text(required=False, max_length=200, help_text=CONSENT_SOURCE)


class FindIn(PageIn):
    """Whom to find. Without a filter: everyone, in the order of arrival."""

    phone = serializers.CharField(required=False, max_length=40, help_text="A whole number.")
    channel = serializers.ChoiceField(required=False, choices=Channel.values)
    external_id = serializers.CharField(required=False, max_length=128)


class ChangeIn(Strict):
    """What changes; null or an empty text takes it away."""

    phone = Text(required=False, allow_null=True, allow_blank=True, max_length=40)
    name = Text(required=False, allow_null=True, allow_blank=True, max_length=80)
    birthday = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=10,
        help_text="Month and day, such as 05-17.",
    )
    email = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=254,
        help_text="Another address has no consent unless it is given with it.",
    )
    email_consent = YesNo(required=False, help_text=f"{CONSENT} False takes it back.")
    email_consent_source = Text(required=False, allow_blank=True, max_length=200, help_text=CONSENT_SOURCE)


def shown(member: Member, identities: Sequence[Identity]) -> dict[str, Any]:
    """A member as the API shows it."""
    return {
        "id": member.public_id,
        "joined_at": member.joined_at,
        "channel": member.channel,
        "source": member.source,
        "status": member.status,
        "phone": masked_phone(member.phone) if member.phone_index is not None else None,
        "phone_verified": member.phone_verified,
        "name": masked_name(member.name) if member.name_token is not None else None,
        "birthday": birthday_text(member),
        "email": masked_id(member.email) if member.email_index is not None else None,
        "email_consent_at": member.email_consent_at,
        "email_consent_source": member.email_consent_source,
        "email_stopped_at": member.email_stopped_at,
        "identities": [{"channel": row.channel, "external_id": row.external_id} for row in identities],
    }


def found(call: Call) -> Member:
    """The member of the address. Raises NotFound, for another merchant's too. One query."""
    member = members_selector.by_public_id(merchant_id=call.merchant.pk, public_id=call.path["member_id"])
    if member is None:
        raise NotFound(_("There is no such member."))
    return member


def one(member: Member, status: int = 200) -> Answer:
    """A member as an answer. One query."""
    identities = members_selector.identities_of(merchant_id=member.merchant_id, member_id=member.pk)
    return Answer(shown(member, identities), status)


class JoinMember(Operation):
    """Make a person a member.

    Idempotent by identity: the same channel and external id give the same member (200), and fill in a phone, a name
    or a birthday that was missing. A new member gets what the point rules give for joining. Orders that the identity
    placed before become the member's. An unverified phone makes no one member of two identities.
    """

    method = "POST"
    scope = Scope.MEMBERS_WRITE
    tag = "Members"
    function = "members"
    takes_key = True
    body_in = JoinIn
    example: ClassVar = {
        "channel": "taobao",
        "external_id": "tb-20391",
        "phone": "13800138000",
        "name": "王小明",
    }
    out = MemberOut
    statuses: ClassVar = {201: "A new member", 200: "The member that the identity belongs to already"}
    refusals = ("program-not-open", "free-join-not-granted", "join-quota-reached")

    def answer(self, call: Call) -> Answer:
        """Joins by the shop system's word."""
        member = members_service.join(
            merchant_id=call.merchant.pk, at=call.at, actor=call.actor, source="api", **call.body
        )
        return one(member, 201 if member.at == call.at else 200)


class FindMembers(Operation):
    """Find members.

    By whole phone number, by channel, by identity, or everyone page by page in the order of arrival.
    """

    scope = Scope.MEMBERS_READ
    tag = "Members"
    function = "members"
    query_in = FindIn
    out = MembersOut
    statuses: ClassVar = {200: "A page of members; empty when there is nobody"}

    def answer(self, call: Call) -> Answer:
        """Two queries, however many members."""
        wanted = {name: call.query.get(name, "") for name in ("phone", "channel", "external_id")}
        rows, cursor = take(call, members_selector.find(merchant=call.merchant, **wanted), what="members")
        identities = references.identities(merchant_id=call.merchant.pk, members=rows)
        items = [shown(member, identities.get(member.pk, [])) for member in rows]
        return Answer({"items": items, "next_cursor": cursor})


class ReadMember(Operation):
    """Read a member."""

    scope = Scope.MEMBERS_READ
    tag = "Members"
    function = "members"
    out = MemberOut
    statuses: ClassVar = {200: "The member"}

    def answer(self, call: Call) -> Answer:
        """Two queries."""
        return one(found(call))


class ChangeMember(Operation):
    """Change a member's phone, name, birthday, e-mail address or consent to e-mails.

    What is left out stays. A new phone is not verified.
    """

    method = "PATCH"
    scope = Scope.MEMBERS_WRITE
    tag = "Members"
    function = "members"
    takes_key = True
    body_in = ChangeIn
    example: ClassVar = {"name": "王小明"}
    out = MemberOut
    statuses: ClassVar = {200: "The member as it is now"}
    refusals = ("program-not-open",)

    def answer(self, call: Call) -> Answer:
        """Null means none."""
        given: dict[str, Any] = {name: "" if value is None else value for name, value in call.body.items()}
        member = members_service.change(
            merchant_id=call.merchant.pk,
            at=call.at,
            actor=call.actor,
            public_id=call.path["member_id"],
            **given,
        )
        return one(member)
