"""Every route of a URL configuration as an address with another shop's ids filled in, by the arguments' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, get_resolver
from django.utils.regex_helper import normalize

from tests.security.world import Shop

Value = Callable[[Shop], str]


class Unregistered(LookupError):
    """A route has an argument that nobody told the walk how to fill."""


@dataclass(frozen=True)
class Argument:
    """How an argument of this name is filled in routes that begin with `where`.

    is_object: whether it names a row of a shop, so that the page of another shop's row must not exist.
    """

    name: str
    value: Value
    where: str = "/"
    is_object: bool = True


def of(label: str) -> Value:
    """The public id of a shop's first row of a model."""
    return lambda shop: shop.ids[label]


def word(text: str) -> Value:
    """The same for every shop."""
    return lambda shop: text


# Looked through from the top; a new argument, or an old name in a new place, is added here.
ARGUMENTS = [
    Argument("store_id", of("members.Store")),
    Argument("staff_id", of("members.Staff")),
    Argument("invitation_id", of("members.Invitation")),
    Argument("token", lambda shop: shop.token_hash, "/invitations/"),  # what is stored, not what was sent
    # The link in a member's e-mail is signed: what is stored makes none.
    Argument("token", of("members.Member"), "/email/stop/"),
    # A member's own page: our member's link works for anybody; with another shop's names put into it, it does not.
    Argument("token", lambda shop: shop.member_link, "/m/"),
    Argument("appeal_id", lambda shop: shop.first_key(apps.get_model("compliance.Appeal")), "/platform/"),
    Argument("appeal_id", of("compliance.Appeal")),
    Argument("draft_id", lambda shop: shop.first_key(apps.get_model("compliance.PolicyDraft")), "/platform/"),
    # A draft of the rule is everybody's to read.
    Argument("draft_id", word("abcdefghjkmnpqrs"), "/compliance/rules/", is_object=False),
    Argument("file_id", of("compliance.AppealFile")),
    Argument("lift_id", of("members.TierLift")),
    Argument("gap_id", of("members.GapPosting")),
    Argument("program_id", lambda shop: str(shop.merchant.pk), "/platform/"),
    Argument("key_id", of("members.ApiKey")),
    Argument("import_id", of("members.ImportJob")),
    Argument("act_id", of("members.BulkAct")),
    Argument("export_id", of("members.Export")),
    Argument("view_id", of("members.SavedView")),
    Argument("webhook_id", of("members.WebhookEndpoint")),
    Argument("message_id", of("members.WebhookDelivery")),
    Argument("redemption_id", of("members.PointsRequest")),
    Argument("hold_id", of("members.PointsRequest")),
    Argument("member_id", of("members.Member")),
    Argument("segment_id", of("members.Segment")),
    Argument("request_id", of("members.PointsRequest")),
    Argument("campaign_id", of("benefits.GiftCampaign")),
    Argument("upload_id", of("benefits.CodeUpload"), "/benefits/codes/"),
    Argument("public_id", of("benefits.PriceUpload"), "/benefits/prices/uploads/"),
    Argument("public_id", of("benefits.PriceChange"), "/benefits/prices/changes/"),
    Argument("public_id", of("benefits.Benefit"), "/benefits/"),
    # What was published of a draw is everybody's to read.
    Argument("shop", word("no-such-shop"), "/draws/", is_object=False),
    Argument("draw_id", word("abcdefghjkmnpqrs"), "/draws/", is_object=False),
    # A month of the books is every shop's own.
    Argument("month", word("2026-06"), "/program/books/", is_object=False),
    Argument("kind", word("coupon"), "/benefits/new/", is_object=False),
    Argument("kind", word("coupon"), "/benefits/preview/", is_object=False),
    # What a till keeps of the page is about nobody.
    Argument("language", word("zh-hans"), "/benefits/cashier/", is_object=False),
    # A campaign is known by its code among those of one's own rules.
    Argument("code", word("theirs"), "/program/earning/", is_object=False),
    Argument("code", lambda shop: shop.codes[0], "/benefits/entitlements/"),
    Argument("code", lambda shop: shop.codes[0], "/api/"),
    Argument("use_id", of("benefits.EntitlementUse"), "/api/"),
    Argument("reward_order_id", of("benefits.RewardOrder")),
    Argument("plan_id", of("benefits.Plan")),
    Argument("subscription_id", of("benefits.Subscription")),
    Argument("benefit_id", of("benefits.Benefit"), "/m/"),
    Argument("benefit_id", of("benefits.Benefit"), "/api/"),
    # A SKU is known by the shop's own name of it: another shop's is one of one's own that is not there.
    Argument("sku", word("walked"), "/api/", is_object=False),
    # An order is known by its channel's number: another shop's number is an order of one's own that is not there.
    Argument("channel", word("web"), "/api/", is_object=False),
    Argument("external_id", lambda shop: shop.order_number, "/api/", is_object=False),
    # Packages: sign-in and the admin site.
    Argument("key", lambda shop: f"{shop.user_ids[0]}-set-password", "/accounts/", is_object=False),
    Argument("uidb36", lambda shop: str(shop.user_ids[0]), "/accounts/", is_object=False),
    Argument("app_label", word("members"), "/platform/", is_object=False),
    Argument("run_id", lambda shop: shop.first_key(apps.get_model("compliance.Run")), "/platform/"),
    Argument("preview_id", lambda shop: shop.first_key(apps.get_model("compliance.Preview")), "/platform/"),
    Argument("grade_id", lambda shop: shop.first_key(apps.get_model("compliance.Grade")), "/platform/"),
    Argument("merchant_id", lambda shop: str(shop.merchant.pk), "/platform/"),
    Argument("user_id", lambda shop: str(shop.user_ids[0]), "/platform/"),
    Argument("act", word("deactivate"), "/platform/", is_object=False),
    Argument("object_id", lambda shop: str(shop.merchant.pk), "/platform/r/"),
    Argument("content_type_id", word("1"), "/platform/", is_object=False),
    Argument("url", word("nothing/here"), "/platform/", is_object=False),
]


@dataclass(frozen=True)
class Route:
    """One address of the site. `template` has %(name)s for each argument."""

    template: str
    arguments: tuple[str, ...]
    view: Any = field(compare=False)
    name: str = ""

    def path(self, shop: Shop) -> str:
        """The address with a shop's ids. Raises Unregistered."""
        return self.template % {name: self.fill(name).value(shop) for name in self.arguments}

    def fill(self, name: str) -> Argument:
        """How one argument is filled. Raises Unregistered."""
        for argument in ARGUMENTS:
            if argument.name == name and self.template.startswith(argument.where):
                return argument
        if name == "object_id" and self.template.startswith("/platform/"):
            return Argument(name, lambda shop: admin_object(self.template, shop))
        raise Unregistered(
            f"{self.template}: nobody registered the argument {name!r}: add it to ARGUMENTS in {__name__}"
        )

    @property
    def is_registered(self) -> bool:
        """Whether somebody told how to fill all of its arguments."""
        try:
            return all(self.fill(name) for name in self.arguments)
        except Unregistered:
            return False

    @property
    def has_object(self) -> bool:
        """Whether the address names a row of a shop."""
        return any(self.fill(name).is_object for name in self.arguments)


def admin_object(template: str, shop: Shop) -> str:
    """The key of the shop's first row of the model whose admin page it is, or of its first row at all."""
    _empty, _platform, label, model, *_rest = template.split("/")
    return shop.first_key(apps.get_model(label, model))


def routes(urlconf: str | None = None) -> list[Route]:
    """Every route of the site."""
    return list(_routes(urlconf or settings.ROOT_URLCONF))


@cache
def _routes(urlconf: str) -> tuple[Route, ...]:
    found = _below(get_resolver(urlconf).url_patterns, "", ())
    return tuple(sorted(found, key=lambda route: route.template))


def _below(patterns: list[Any], prefix: str, namespaces: tuple[str, ...]) -> Iterator[Route]:
    for pattern in patterns:
        regex = re.sub(r"^\^", "", pattern.pattern.regex.pattern)
        if isinstance(pattern, URLPattern):
            for template, arguments in normalize(prefix + regex):
                name = ":".join((*namespaces, pattern.name or ""))
                yield Route(f"/{template}", tuple(arguments), pattern.callback, name)
        else:
            names = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _below(pattern.url_patterns, prefix + regex, names)


def form_of(shop: Shop) -> Mapping[str, str]:
    """A form that names another shop's rows under every name that a form or an operation may look for."""
    ids = shop.ids
    return {
        **{argument.name: argument.value(shop) for argument in ARGUMENTS if argument.is_object},
        "merchant": shop.merchant.slug,
        "merchant_id": str(shop.merchant.pk),
        "member": ids["members.Member"],
        "benefit": ids["benefits.Benefit"],
        "notice": ids["compliance.Notice"],
        "copy": ids["benefits.Benefit"],
        "draft": ids["benefits.Benefit"],
        "upload": ids["benefits.PriceUpload"],
        "import": ids["members.ImportJob"],
        "with": ids["members.Segment"],
        "store": ids["members.Store"],
        "request": ids["members.PointsRequest"],
        "code": shop.codes[0],
        "use": ids["benefits.EntitlementUse"],
        "why": f"{ids['members.Member']}.1",
        "tag": "walked",
        "entry": "1",
        "points": "7",
        "way": "add",
        "ready": "mistake",
        "decision": "approve",
        "key": ids["members.ApiKey"],
        "public_id": ids["benefits.Benefit"],
        "reason": "curiosity",
        "role": "owner",
        "confirm": "1",
        "text": "curiosity",
        "decide": "uphold",
        "answer": "curiosity",
        "until_on": "2031-12-31",
        "go": "//evil.example/",
        "next": "//evil.example/",
    }


LINES = [{"sku": "tea", "amount_minor": 1200}]


def _order(shop: Shop) -> dict[str, Any]:
    return {"member": shop.ids["members.Member"], "lines": LINES}


def _one_of_each(shop: Shop) -> dict[str, Any]:
    named = {"channel": "web", "external_id": "walk-1", **_order(shop)}
    bought = {"channel": "web", "external_id": shop.order_number, "buyer": shop.buyer, "lines": LINES}
    return {"orders": [named, bought]}


# What an operation of the API is sent: a body that it would take, naming a shop's rows. By the class's name.
BODIES: dict[str, Callable[[Shop], dict[str, Any]]] = {
    "JoinMember": lambda shop: {"channel": "web", "external_id": shop.buyer, "phone": shop.phone},
    "ChangeMember": lambda shop: {"name": "Somebody Else"},
    "MakeMemberLink": lambda shop: {"minutes": 60},
    "PutOrder": _order,
    "PutOrders": _one_of_each,
    "RefundOrder": lambda shop: {"refund_id": "walk-r1"},
    "MakeBenefit": lambda shop: {"kind": "coupon", "name": "Walk", "settings": {"off_minor": 500}},
    "PauseBenefit": lambda shop: {"reason": "walk"},
    "ResumeBenefit": lambda shop: {},
    "PublishBenefit": lambda shop: {},
    "EndBenefit": lambda shop: {"reason": "walk"},
    "BeginCampaign": lambda shop: {"reason": "walk"},
    "PriceBasket": lambda shop: {
        "member": shop.ids["members.Member"],
        "lines": [{"sku": "tea", "quantity": 1}],
    },
    "PriceBaskets": lambda shop: {
        "baskets": [{"member": shop.ids["members.Member"], "lines": [{"sku": "tea", "quantity": 1}]}],
    },
    "PutSku": lambda shop: {"list_minor": 1200},
    "PutSkus": lambda shop: {"skus": [{"sku": "walked", "list_minor": 1200}]},
    "ClaimEntitlement": lambda shop: {"benefit": shop.ids["benefits.Benefit"]},
    "ReserveEntitlement": lambda shop: {},
    "OrderReward": lambda shop: {},
    "ShipOrder": lambda shop: {},
    "CancelOrder": lambda shop: {"reason": "walk"},
    "RedeemEntitlement": lambda shop: {},
    "ReleaseEntitlement": lambda shop: {},
    "Redeem": lambda shop: {"points": 1},
    "Hold": lambda shop: {"points": 1},
    "ReportActivity": lambda shop: {"kind": "referral", "referred": shop.ids["members.Member"]},
    "Adjust": lambda shop: {"points": 1, "reason": "walk"},
    "MakePlan": lambda shop: {"code": "walk", "name": "Walk", "fee_minor": 9_900, "months": 12},
    "ChangePlan": lambda shop: {"name": "Walk"},
    "SellSubscription": lambda shop: {"plan": "card-1", "reference": "walk"},
    "RefundSubscription": lambda shop: {"reason": "walk"},
    "RefundAll": lambda shop: {"reason": "walk"},
}
QUERIES: dict[str, Callable[[Shop], dict[str, Any]]] = {
    "FindMembers": lambda shop: {"phone": shop.phone},
}


def operation_of(route: Route, method: str) -> Any:
    """The operation of the API that a method of a route is; None for pages and for what there is not."""
    for operation in getattr(route.view, "operations", ()):
        if operation.method == method:
            return operation
    return None


def json_of(route: Route, method: str, shop: Shop) -> Mapping[str, Any]:
    """The body (the query, for GET) that an operation is sent. Raises Unregistered for an operation with a body."""
    operation = operation_of(route, method)
    if operation is None:
        return {}
    registered = (QUERIES if method == "GET" else BODIES).get(operation.__name__)
    if registered is not None:
        return registered(shop)
    if operation.body_in is not None:
        raise Unregistered(
            f"{operation.__name__}: nobody registered its body: add it to BODIES in {__name__}"
        )
    return {}
