"""The audit log over HTTP: the shop's own rows, filtered, page by page."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import translation

from benefits.lib.kinds import KINDS
from benefits.models import BenefitStatus
from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.scopes import Scope
from members.lib.webhooks import WebhookEvent
from members.models import Channel, JoinSource, PointsRequestStatus, ProgramStatus, Role, Staff, Tier, User
from members.services import audit, point_rules, program_settings, programs, tier_rules
from members.services.audit import Actor
from members.web import audit_words
from members.web.point_forms import CLAWBACKS, EXPIRIES
from members.web.tier_forms import DOWNGRADES
from tests.conftest import NOON


@pytest.fixture
def log(cast):
    """Some rows of the shop and one of another."""
    with tenancy.tenant(cast.shop.pk):
        for day in range(3):
            audit.record(
                merchant_id=cast.shop.pk,
                at=NOON + dt.timedelta(days=day + 1),
                actor=Actor.person(cast.owner),
                action="benefit.published",
                subject=("benefit", f"b{day}"),
                label=f"Coupon {day}",
                before={"percent": 90},
                after={"percent": 85},
                reason="spring",
            )
    with tenancy.tenant(cast.other.pk):
        audit.record(
            merchant_id=cast.other.pk,
            at=NOON,
            actor=Actor.job("nightly"),
            action="benefit.published",
            subject=("benefit", "x"),
            label="Their coupon",
        )


def page(client, query=""):
    response = client.get(f"/settings/audit-log{query}")
    return response, response.content.decode()


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.ANALYST])
def test_owners_managers_and_analysts_read_it(client, cast, log, role):
    with tenancy.platform():
        reader = User.objects.create_user("reader@example.com", "x")
        Staff.objects.create(merchant=cast.shop, user=reader, role=role, joined_at=NOON)
    client.force_login(reader)

    _response, text = page(client)

    assert "Coupon 0" in text and "Their coupon" not in text and "spring" in text


def test_operators_and_cashiers_do_not(client, cast, log):
    client.force_login(cast.clerk)

    assert page(client)[0].status_code == 403


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?topic=merchant", []),
        ("?actor=job", []),
        ("?actor=user&q=Coupon+1", ["Coupon 1"]),
        ("?q=b2", ["Coupon 2"]),
        ("?date_from=2024-05-17&date_to=2024-05-17", ["Coupon 1"]),
        ("?date_to=2024-05-16", ["Coupon 0"]),
        ("?date_from=2024-05-17", ["Coupon 1", "Coupon 2"]),
    ],
)
def test_filters_live_in_the_address(client, cast, log, query, expected):
    client.force_login(cast.owner)

    text = page(client, query)[1]

    assert [f"Coupon {n}" for n in range(3) if f"Coupon {n}" in text] == expected


def test_a_date_that_does_not_exist_is_said_and_left_out(client, cast, log):
    client.force_login(cast.owner)

    response, text = page(client, "?date_from=2024-02-30")

    assert response.status_code == 200 and "Coupon 0" in text and 'role="alert"' in text


def test_fifty_a_page_with_a_constant_number_of_queries(client, cast, log, django_assert_max_num_queries):
    with tenancy.tenant(cast.shop.pk):
        for number in range(120):
            audit.record(
                merchant_id=cast.shop.pk,
                at=NOON - dt.timedelta(days=1),
                actor=Actor.job("nightly"),
                action="x.y",
                subject=("x", number),
            )
    client.force_login(cast.owner)

    with django_assert_max_num_queries(14):
        response, _text = page(client, "?page=2")

    assert len(response.context["rows"]) == 50


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "--"),
        ({}, "--"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ({"kind": "rolling", "max_days": 365}, "Kind: rolling; max days: 365"),
    ],
)
def test_values_are_shown_as_people_read_them(value, expected):
    assert audit_words.text(value) == expected


CODES = [
    (("program", "status"), "open", ProgramStatus.OPEN.label),
    (("program", "status"), "cleared", ProgramStatus.CLEARED.label),
    (("points", "status"), "held", PointsRequestStatus.HELD.label),
    (("staff", "role"), "analyst", Role.ANALYST.label),
    (("store", "channel"), "pos", Channel.POS.label),
    (("member", "source"), "channel", JoinSource.CHANNEL.label),
    (("api_key", "scopes"), "points:write", Scope.POINTS_WRITE.label),
    (("webhook", "events"), "points.changed", WebhookEvent.POINTS_CHANGED.label),
    (("member", "fields"), "phone", "Phone"),
    (("rules", "clawback"), "only_pending", dict(CLAWBACKS)["only_pending"]),
    (("rules", "expiry", "kind"), "rolling", dict(EXPIRIES)["rolling"]),
    (("rules", "downgrade"), "one_step", dict(DOWNGRADES)["one_step"]),
    (("benefit", "status"), "draft", BenefitStatus.DRAFT.label),
    (("benefit", "kind"), "member_price", KINDS["member_price"].label),
    (("benefit", "audience"), "everyone", "All members"),
]


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
@pytest.mark.parametrize(("path", "code", "label"), CODES)
def test_a_code_is_shown_in_words_of_the_readers_language(language, path, code, label):
    with translation.override(language):
        shown = audit_words.text(code, *path)

        assert shown == (translation.gettext(label) if isinstance(label, str) else str(label))
        assert shown != code
        assert language == "en" or not re.search("[a-z]{3}", shown), shown


def test_codes_are_found_where_they_stand():
    with translation.override("en"):
        expiry = audit_words.text({"kind": "rolling", "months": 12}, "rules", "expiry")
        several = audit_words.text(["points:read", "points:write"], "api_key", "scopes")
        code = audit_words.text({"tiers": ["gold"]}, "benefit", "audience")
        unknown = audit_words.text("sideways", "rules", "downgrade")

    assert expiry == "Kind: Some months after they became available; Months of validity: 12"
    assert several == "Read balances and entries of points, Redeem, hold and adjust points"
    assert (code, unknown) == ("Tiers: gold", "sideways")


def test_every_action_that_is_written_has_a_name_and_so_has_what_it_begins_with():
    written = re.compile(r"""(?:action=|actor, |at, )["'](\w+\.\w+)["']""")
    found = set()
    for app in ("members", "benefits", "compliance"):
        for path in (settings.BASE_DIR / app / "services").rglob("*.py"):
            found |= set(written.findall(path.read_text(encoding="utf-8")))

    assert {"points.redeemed", "points.held", "points.captured", "points.released"} <= found
    assert not {action for action in found if action not in audit_words.ACTIONS}


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_the_page_shows_a_state_in_the_readers_language(client, cast, language):
    with tenancy.tenant(cast.shop.pk):
        programs.open_program(merchant_id=cast.shop.pk, at=NOON, actor=Actor.person(cast.owner))
    client.force_login(cast.owner)
    client.cookies["django_language"] = language

    text = page(client)[1]

    with translation.override(language):
        assert f"<del>{ProgramStatus.DRAFT.label}</del> → {ProgramStatus.OPEN.label}" in text
    assert "<del>draft</del>" not in text


def test_a_change_of_the_rules_names_tiers_as_the_shop_does(client, cast):
    ladder = [{"code": "base"}, {"code": "t-9", "name": "Gold", "any": {"spend_minor": 100, "orders": 3}}]
    with tenancy.tenant(cast.shop.pk):
        who = {"merchant_id": cast.shop.pk, "at": NOON, "actor": Actor.person(cast.owner)}
        tier_rules.configure(**who, ladder=ladder, downgrade="one_step")
        point_rules.configure(**who, per_major=Decimal(1), tier_multipliers={"t-9": Decimal("1.5")})
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"

    text = page(client, "?topic=rules")[1]

    assert "Gold: 1.5" in text and "Tier: Gold" in text and "Needs: any of these" in text
    assert "By one tier, for a full validity" in text and "one_step" not in text and "spend_minor" not in text


def test_a_program_is_found_by_its_shops_short_name_and_by_its_own(client, cast):
    with tenancy.tenant(cast.shop.pk):
        who = {"merchant_id": cast.shop.pk, "at": NOON, "actor": Actor.person(cast.owner)}
        programs.open_program(**who)
        program_settings.rename(**who, name="Tea Friends")
        programs.close_program(**who)
    client.force_login(cast.owner)

    by_slug = page(client, f"?q={cast.shop.slug}&topic=program")[0].context["rows"]
    by_name = page(client, "?q=Tea+Friends")[0].context["rows"]

    actions = [[row["row"].action for row in rows] for rows in (by_slug, by_name)]
    assert actions[0] == ["program.closed", "program.renamed", "program.opened"]
    assert actions[1] == ["program.closed", "program.renamed"]
    assert {row["row"].subject_id for row in by_slug} == {cast.shop.slug}


def test_only_what_differs_is_shown(client, cast):
    with tenancy.tenant(cast.shop.pk):
        audit.record(
            merchant_id=cast.shop.pk,
            at=NOON,
            actor=Actor.job("nightly"),
            action="x.y",
            subject=("x", 1),
            before={"stock": 5, "colour": "red"},
            after={"stock": 6, "colour": "red"},
        )
    client.force_login(cast.owner)

    text = page(client, "?topic=")[1]

    assert "<del>5</del> → 6" in text and "colour" not in text


def test_a_change_of_earning_is_said_in_words_and_names_its_tiers(client, cast):
    with tenancy.tenant(cast.shop.pk):
        who = {"merchant_id": cast.shop.pk, "at": NOON, "actor": Actor.person(cast.owner)}
        tier_rules.configure(**who, ladder=[{"code": "base", "name": "Swallows"}])
        with transaction.atomic():
            tier = Tier.objects.of(cast.shop.pk).get(code="base").pk
        when = {"tiers": [tier], "channels": ["web"], "weekdays": [5], "scenes": ["takeaway"]}
        campaign = {"code": "fri", "multiplier": "2", "when": when}
        spec = {"combine": "best", "campaigns": [campaign], "events": {"referral": {"points": 3}}}
        point_rules.configure(**who, per_major=Decimal(1), earning=Earning.read(spec))
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"

    text = page(client, "?topic=rules")[1]

    assert "Tiers: Swallows" in text and "Days of the week: Friday" in text and "Multiplier: 2" in text
    assert "Only the largest multiplier counts for each line" in text
    assert (
        "When both get them: When the friend has a first order that counts" in text or "referral" not in text
    )
    for raw in ("weekdays", "combine", "Channels: web", "referred_points"):
        assert raw not in text, raw
