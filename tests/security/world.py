"""Two shops full of rows, the other one's unmistakable; who comes to the site; and what may never change or show."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.db import connection, models, transaction

from benefits.models import Benefit, CodeUpload, GiftCampaign, PriceChange, PriceUpload
from benefits.services import benefits, claims, draws, plans, rewards, subscriptions, tills
from compliance.lib.appeal_files import Checked
from compliance.models import Appeal, AppealMessage, AppealState, Notice, PolicyComment, PolicyDraft
from compliance.services import appeal_files, grades
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.lib.webhooks import WebhookEvent
from members.models import (
    BulkAct,
    BulkActMember,
    Closure,
    ColumnName,
    Export,
    GapPosting,
    ImportedMember,
    ImportJob,
    Invitation,
    Member,
    Merchant,
    PointsRequest,
    PointsRequestStatus,
    PointsVerb,
    Referral,
    Role,
    SavedView,
    SupportVisit,
    TierLift,
    User,
)
from members.services import api_keys, member_links, members, points, segments, support, webhooks
from members.services import shop as shop_service
from members.services import staff as staff_service
from tests.conftest import ScopedClient
from tests.factories import shops
from tests.factories.benefits import DRAW

ROLES = tuple(Role.values)
TRUSTED = "admin with TOTP"  # sees every shop: walks only what is said about the platform itself
MARK = "Zanzibar"  # in every name of the other shop
TAIL = 7730


@dataclass
class Shop:
    """A shop and the ids by which its rows are known outside, two of each kind: one is tried, one is never named."""

    merchant: Merchant
    ids: dict[str, str] = field(default_factory=dict)
    spare: dict[str, str] = field(default_factory=dict)
    user_ids: list[int] = field(default_factory=list)
    token_hash: str = ""
    phone: str = ""
    secrets: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)  # of entitlements that can be used
    member_link: str = ""  # the token of a member's own page; of the other shop, one that was made up
    keys: dict[str, str] = field(default_factory=dict)  # what `first_key` found

    @property
    def order_number(self) -> str:
        """The number of an order, as its channel knows it."""
        return f"{self.merchant.name}-o1"

    @property
    def buyer(self) -> str:
        """How the channel knows somebody."""
        return f"{self.merchant.name}-u1"

    def first_key(self, model: type[models.Model]) -> str:
        """The primary key of this shop's first row of a model; of the first row there is when it has no merchant.

        It is looked up once: whatever a walk does is undone.
        """
        if found := self.keys.get(model._meta.label):
            return found
        names = {each.name for each in model._meta.get_fields()}
        with tenancy.platform(), transaction.atomic():
            rows = model._default_manager.all()
            rows = rows.filter(merchant=self.merchant) if "merchant" in names else rows
            if model is Merchant:
                rows = rows.filter(pk=self.merchant.pk)
            key = rows.order_by("pk").values_list("pk", flat=True).first()
        if key is None:
            return "1"
        return self.keys.setdefault(model._meta.label, str(key))


@dataclass
class World:
    """Our shop, the other shop, and everybody who tries its doors."""

    ours: Shop
    other: Shop
    visitors: dict[str, ScopedClient]
    markers: tuple[str, ...]
    answers: dict[str, Any] = field(
        default_factory=dict
    )  # what visitors got at our addresses, where that is kept


def public_models() -> list[type[models.Model]]:
    """Every model of a shop whose rows are known outside by an id."""
    found = []
    for model in apps.get_models():
        names = {each.name for each in model._meta.get_fields()}
        if {"public_id", "merchant"} <= names:
            found.append(model)
    return found


def fill(merchant: Merchant, owner: User, tail: int, at: dt.datetime) -> Shop:
    """Two rows of what a told life does not make, made as `owner`; and the ids of everything."""
    shop = Shop(merchant, phone=f"+861391234{tail + 1:04d}")
    name = merchant.name
    with tenancy.tenant(merchant.pk), transaction.atomic():
        actor = shops.JOB
        for number in (1, 2):
            label = f"{name} {number}"
            shop_service.add_store(
                merchant_id=merchant.pk, code=f"s{number}", name=label, channel="pos", actor=actor, at=at
            )
            email = f"guest{number}@{name.lower()}.example"
            staff_service.invite(merchant=merchant, email=email, role="analyst", by=owner, at=at)
            _key, secret = api_keys.create_key(
                merchant_id=merchant.pk, name=label, scopes=Scope.values, actor=actor, at=at
            )
            shop.secrets.append(secret)
            _rows(merchant, owner, label, number, at)
            _points(merchant, label, number, at)
            shop.codes.append(_entitlements(merchant, label, at))
            _reward(merchant, label, at)
            _plan(merchant, label, number, at)
        for member in Member.objects.of(merchant):
            member.name = f"{name} Person"
            member.save(update_fields=["name"])
    _collect(shop)
    return shop


def _rows(merchant: Merchant, owner: User, label: str, number: int, at: dt.datetime) -> None:
    benefit = Benefit.objects.of(merchant).order_by("id").first()
    CodeUpload.objects.create(
        merchant=merchant, benefit=benefit, file_name=label, codes=label, uploaded_at=at, found=number
    )
    PriceUpload.objects.create(
        merchant=merchant,
        benefit=benefit,
        file_name=f"{label}.csv",
        arguments={"revision": 1},
        rows=[],
        rejects=[[2, "no price", label]],
        uploaded_at=at,
        uploaded_by=owner,
    )
    PriceChange.objects.create(
        merchant=merchant,
        kind="file",
        label=f"{label}.csv",
        rows=[[f"{label} tea", "list", None, 100]],
        rejects=[["2", label]],
        by=owner,
        by_label=label,
        created_at=at,
    )
    job = ImportJob.objects.create(
        merchant=merchant,
        file_name=f"{label}.csv",
        stored_as=f"{merchant.pk}/{number}/{label}.csv",
        rejects_as=f"{merchant.pk}/{number}/{label}-rejects.csv",
        sha256=hashlib.sha256(label.encode()).hexdigest(),
        size=10,
        channel="web",
        state="checked" if number == 1 else "done",
        created_at=at,
        by=owner,
        by_label=label,
    )
    appeal = Appeal.objects.create(  # taken back, so that the shop stands as its life told it
        merchant=merchant,
        filed_at=at,
        filed_by=owner,
        notice=Notice.objects.of(merchant).order_by("id").first(),
        text=label,
        due_on=at.date(),
        state=AppealState.WITHDRAWN,
        ended_at=at,
    )
    AppealMessage.objects.create(merchant=merchant, appeal=appeal, at=at, by=owner, text=label)
    draft = PolicyDraft.objects.order_by("pk").first()
    assert draft is not None
    PolicyComment.objects.create(merchant=merchant, draft=draft, at=at, by=owner, text=label)
    paper = Checked(f"{label}.pdf", "pdf", b"%PDF-1.4 " + label.encode() + b" %%EOF")
    appeal_files.keep(appeal=appeal, files=[paper], at=at, actor=shops.JOB)
    ImportedMember.objects.create(
        merchant=merchant,
        job=job,
        member=Member.objects.of(merchant).order_by("id").first(),
        line=2,
        made=False,
        remarks=[label],
    )
    act = BulkAct.objects.create(
        merchant=merchant,
        kind="tag",
        arguments={"tag": label},
        by=owner,
        by_label=label,
        created_at=at,
        finished_at=at,
        state="done",
        total=1,
        changed=1,
    )
    BulkActMember.objects.create(
        merchant=merchant,
        act=act,
        member=Member.objects.of(merchant).order_by("id").first(),
        outcome="changed",
        mark={"at": at.isoformat()},
    )
    Export.objects.create(
        merchant=merchant, kind="members", format="csv", by=owner, by_label=label, created_at=at
    )
    closure = Closure.objects.create(
        merchant=merchant,
        kind="closed",
        from_at=at - dt.timedelta(days=1),
        to_at=at,
        ended_by="merchant",
        shifted_days=0,
        by=owner,
    )
    GapPosting.objects.create(
        merchant=merchant, closure=closure, asked_at=at, by=owner, by_label=label, created_at=at, state="done",
        finished_at=at,
    )  # fmt: skip
    GiftCampaign.objects.create(
        merchant=merchant, benefit=Benefit.objects.of(merchant).order_by("id").first(), audience="everyone",
        reason=label, by=owner, by_label=label, created_at=at, state="done", finished_at=at, holdout_percent=10,
    )  # fmt: skip
    TierLift.objects.create(
        merchant=merchant,
        version=number,
        at=at,
        by=owner,
        by_label=label,
        created_at=at,
        finished_at=at,
        state="done",
        is_open=True,
        through=1,
    )
    SavedView.objects.create(merchant=merchant, name=label, query="channel=jd", by=owner, created_at=at)
    ColumnName.objects.create(merchant=merchant, header=f"{label} header", field="amount")
    PointsRequest.objects.create(
        merchant=merchant,
        key=f"{label} proposed",
        verb=PointsVerb.ADJUST,
        member=Member.objects.of(merchant).order_by("id").first(),
        points=9,
        reason=label,
        status=PointsRequestStatus.PROPOSED,
        at=at,
        actor_kind="user",
        actor_label=label,
        by=owner,
    )


def _platforms_doings(at: dt.datetime, *merchants: Merchant, by: User) -> None:
    """What the platform alone writes: visits that are over, and a month of grades."""
    with tenancy.platform(), transaction.atomic():
        for merchant in merchants:
            for number in (1, 2):
                SupportVisit.objects.create(
                    merchant=merchant,
                    by=by,
                    reason=f"{merchant.name} {number}",
                    from_at=at,
                    until_at=at + support.LENGTH,
                    ended_at=at,
                )
        grades.grade_month(due_at=at, at=at)


def _points(merchant: Merchant, label: str, number: int, at: dt.datetime) -> None:
    """A webhook, and a redemption of which it is told."""
    who: dict[str, Any] = {"merchant_id": merchant.pk, "at": at, "actor": shops.JOB}
    url = f"https://{label.replace(' ', '-').lower()}.example/hooks"
    webhooks.add_endpoint(url=url, events=WebhookEvent.values, **who)
    member = Member.objects.of(merchant).order_by("pk").first()
    assert member is not None
    points.redeem(member_id=member.pk, points=1, key=label, **who)
    rule = {"all": [{"fact": "orders", "op": "at_least", "value": number}]}
    segments.create(name=label, rule=rule, everybody=True, **who)
    friend = members.join(channel="other", external_id=f"{label} friend", **who)
    Referral.objects.create(merchant=merchant, referrer=member, referred=friend, at=at)


def _entitlements(merchant: Merchant, label: str, at: dt.datetime) -> str:
    """A coupon with two uses, one of which was redeemed, its code; and a draw that the same member entered."""
    who: dict[str, Any] = {"merchant_id": merchant.pk, "at": at, "actor": shops.JOB}
    draw = benefits.publish_benefit(
        kind="lucky_draw", name=f"{label} draw", settings=DRAW, to_at=at + dt.timedelta(days=30), **who
    )
    benefit = benefits.publish_benefit(
        kind="coupon", name=f"{label} coupon", settings={"off_minor": 500, "uses": 2}, **who
    )
    member = Member.objects.of(merchant).order_by("pk").first()
    assert member is not None
    draws.enter(member_id=member.pk, benefit_id=draw.pk, key=label, **who)
    mine, _is_new = claims.claim(member_id=member.pk, benefit_id=benefit.pk, key=label, **who)
    tills.redeem(code=mine.code, key=label, **who)
    return mine.code


def _reward(merchant: Merchant, label: str, at: dt.datetime) -> None:
    """A reward that was ordered."""
    who: dict[str, Any] = {"merchant_id": merchant.pk, "at": at, "actor": shops.JOB}
    settings = {"item": label, "points": 1, "delivery": "order"}
    reward = benefits.publish_benefit(kind="points_exchange", name=f"{label} cup", settings=settings, **who)
    member = Member.objects.of(merchant).order_by("pk").first()
    assert member is not None
    rewards.place(member_id=member.pk, benefit_id=reward.pk, key=label, send_to=label, **who)


def _plan(merchant: Merchant, label: str, number: int, at: dt.datetime) -> None:
    """A plan with a term that was paid."""
    who: dict[str, Any] = {"merchant_id": merchant.pk, "at": at, "actor": shops.JOB}
    offer = plans.Offer(name=f"{label} card"[:40], fee_minor=9_900, months=12)
    plan = plans.create(code=f"card-{number}", offer=offer, **who)
    member = Member.objects.of(merchant).order_by("pk").first()
    assert member is not None
    subscriptions.sell(plan_id=plan.public_id, member_id=member.pk, reference=label, **who)


def _member_link(shop: Shop) -> str:
    """The token of a link to our first member's own page."""
    with tenancy.tenant(shop.merchant.pk), transaction.atomic():
        member = Member.objects.of(shop.merchant).get(public_id=shop.ids["members.Member"])
        link = member_links.make(merchant=shop.merchant, member=member, at=shops.now())
    return link.url.rstrip("/").rpartition("/")[2]


def _draft(at: dt.datetime) -> None:
    """A draft of a policy that was withdrawn, so that the shops stand as their lives told them."""
    with tenancy.platform(), transaction.atomic():
        PolicyDraft.objects.create(
            rule_settings={},
            starts_at=at,
            reason="tried",
            opened_at=at,
            closes_on=at.date(),
            withdrawn_at=at,
        )


def _collect(shop: Shop) -> None:
    with tenancy.platform(), transaction.atomic():
        for model in public_models():
            rows = model._default_manager.filter(merchant=shop.merchant).order_by("pk")
            found = list(rows.values_list("public_id", flat=True)[:2])
            assert len(found) == 2, (
                f"the world needs two rows of {model._meta.label}: make them in {__name__}"
            )
            shop.ids[model._meta.label], shop.spare[model._meta.label] = found
        first = Invitation.objects.filter(merchant=shop.merchant).order_by("pk").first()
        assert first is not None
        shop.token_hash = first.token_hash


def build() -> World:
    """The database state of the walk, and a client for each visitor."""
    at = shops.now()
    lives = shops.in_order(
        shops.policy("at_risk", at),
        shops.life("Ours", "at_risk", at),
        shops.life(MARK, "at_risk", at, phone_tail=TAIL),
    )
    merchants = shops.told(lives)
    ours, other = (shops.merchant(merchants[name]) for name in ("Ours", MARK))
    _draft(at)
    people = {role: shops.person(f"{role}@ours.example", name=f"Our {role}") for role in ROLES}
    strangers = [shops.person(f"p{n}@{MARK.lower()}.example", name=f"{MARK} Boss {n}") for n in (1, 2)]
    for role, user in people.items():
        shops.staff(ours.pk, user, role)
        # Everyone of ours worked for the other shop once and still carries its id in the session.
        shops.staff(other.pk, user, Role.OWNER, left_at=at)
    for user in strangers:
        shops.staff(other.pk, user)
    _platforms_doings(at, ours, other, by=strangers[0])
    world_ours = fill(ours, people[Role.OWNER], 0, at)
    world_other = fill(other, strangers[0], TAIL, at)
    world_other.user_ids = [user.pk for user in strangers]
    world_ours.user_ids = [user.pk for user in people.values()]
    world_ours.member_link = _member_link(world_ours)
    names = {world_ours.merchant.slug: other.slug}
    names[world_ours.ids["members.Member"]] = world_other.ids["members.Member"]
    world_other.member_link = world_ours.member_link
    for name, foreign in names.items():
        world_other.member_link = world_other.member_link.replace(name, foreign)
    return World(world_ours, world_other, visitors(world_ours, other, people), markers(world_other))


def visitors(ours: Shop, other: Merchant, people: dict[str, User]) -> dict[str, ScopedClient]:
    """A browser or a shop system for everyone who comes."""
    found = {"anonymous": browser()}
    for role, user in people.items():
        found[role] = browser(user, merchant_id=other.pk)
    found["admin without TOTP"] = browser(shops.person("admin@platform.example", is_admin=True))
    found[TRUSTED] = trusted_admin(shops.person("trusted@platform.example", is_admin=True))
    at = shops.now()
    with tenancy.tenant(ours.merchant.pk), transaction.atomic():
        made = {"merchant_id": ours.merchant.pk, "actor": shops.JOB, "at": at}
        _row, full = api_keys.create_key(name="all", scopes=Scope.values, **made)
        empty_row, empty = api_keys.create_key(name="none", scopes=[Scope.PROGRAM_READ], **made)
        empty_row.scopes = []
        empty_row.save(update_fields=["scopes"])
        gone_row, gone = api_keys.create_key(name="gone", scopes=Scope.values, **made)
        api_keys.revoke_key(public_id=gone_row.public_id, **made)
    for name, secret in (("key of all scopes", full), ("key of no scope", empty), ("revoked key", gone)):
        found[name] = ScopedClient(
            raise_request_exception=False, headers={"authorization": f"Bearer {secret}"}
        )
    return found


def trusted_admin(user: User) -> ScopedClient:
    """The browser of a platform admin who has shown a code of an authenticator app."""
    with tenancy.visitor(), transaction.atomic():
        TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    client = browser(user)
    with tenancy.visitor(), transaction.atomic():
        session = client.session
        shown = {"method": "mfa", "at": time.time(), "type": "totp"}
        session["account_authentication_methods"] = [shown]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    return client


def browser(user: User | None = None, *, merchant_id: int | None = None) -> ScopedClient:
    """A browser that reads English, signed in as somebody and with a shop chosen in its session."""
    client = ScopedClient(raise_request_exception=False, headers={"accept-language": "en"})
    if user is not None:
        client.force_login(user)
        if merchant_id is not None:
            with tenancy.visitor(), transaction.atomic():
                session = client.session
                session["merchant_id"] = merchant_id
                session.save()
    return client


def markers(other: Shop) -> tuple[str, ...]:
    """What only the other shop's data says: names, phones whole and masked, and ids nobody ever named."""
    tails = [str(TAIL + number) for number in (2, 3)]  # the first one's is what gets asked for
    phones = [f"{begin}{tail}" for begin in ("1391234", "139****") for tail in tails]
    return (MARK, *phones, *other.spare.values())


# ---- what may not change --------------------------------------------------------------------------------------------


def tenant_tables() -> list[str]:
    """Every table with merchant_id that the platform's role may read, as the database has them."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid "
            "where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace "
            "and a.attname = 'merchant_id' and not a.attisdropped "
            "and has_table_privilege(c.oid, 'select') and not c.relispartition order by 1"
        )
        return [row[0] for row in cursor.fetchall()]


# Rows of people, and of the platform, which nobody in the walk may change either.
PEOPLE = {"members_user": "id", "account_emailaddress": "user_id", "mfa_authenticator": "user_id"}
PLATFORM = (
    "compliance_policy",
    "compliance_run",
    "compliance_preview",
    "compliance_policydraft",
    "members_platformauditrow",
    "members_installation",
)


WRITTEN = (
    "select sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)"
    " + pg_stat_get_xact_tuples_deleted(oid))"
    " from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
)


class Fingerprint:
    """Counts and a checksum of everything of the other shop and of the platform, in one statement."""

    def __init__(self, other: Shop) -> None:
        merchant_id = other.merchant.pk
        people = ", ".join(map(str, other.user_ids))
        conditions = dict.fromkeys(tenant_tables(), f"merchant_id = {merchant_id}")
        conditions["members_merchant"] = f"id = {merchant_id}"
        conditions |= {table: f"{column} in ({people})" for table, column in PEOPLE.items()}
        conditions |= dict.fromkeys(PLATFORM, "true")
        self.tables = sorted(conditions)
        self.sql = " union all ".join(
            f"select '{table}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) "
            f'from "{table}" t where {condition}'
            for table, condition in sorted(conditions.items())
        )

    def written(self) -> int:
        """Rows written in this transaction so far, by whatever means; the same number again: nothing was written."""
        row = connection.connection.execute(WRITTEN, prepare=True).fetchone()
        return int(row[0] or 0)

    def take(self) -> dict[str, tuple[int, Any]]:
        """{table: (rows, checksum)} as it is now; broken relations come out as well."""
        with tenancy.platform():
            raw = connection.connection
            rows = raw.execute(self.sql, prepare=True).fetchall()
        return {table: (count, checksum) for table, count, checksum in rows}


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens within is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
