"""Editing the rules of earning beside the rate: what events bring, caps, and campaigns one by one (domain.md 6).

Each edit is a new version of the program's rules; orders already stored keep their terms.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.check_ins import CheckIn
from members.lib.earning import MOST_CATEGORIES, Campaign, Combine, Earning, campaign_of, stored_campaign
from members.lib.earning_events import Events
from members.lib.refusals import Invalid, NotFound
from members.models import Channel, RulesVersion, Tier
from members.selectors import rules as rules_selector
from members.services import programs, rules
from members.services.audit import Actor

KEPT = dt.timedelta(days=90)  # campaigns that ended stay in the rules so long, for orders that arrive late


@transaction.atomic
def set_events(*, merchant_id: int, at: dt.datetime, actor: Actor, events: Events) -> RulesVersion:
    """Replace what events bring. Raises Invalid."""
    return _edit(merchant_id, at, actor, lambda now: replace(now, events=Events.read(events.stored())))


@transaction.atomic
def set_caps(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    order_most: int | None,
    day_most: int | None,
    combine: Combine,
) -> RulesVersion:
    """Replace the caps of an order and of a day, and how campaigns combine. Raises Invalid."""
    return _edit(
        merchant_id,
        at,
        actor,
        lambda now: replace(now, order_most=order_most, day_most=day_most, combine=combine),
    )


@transaction.atomic
def set_categories(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    shown: Collection[str],
    categories: Mapping[str, Sequence[str]],
    renamed: Mapping[str, str] | None = None,
) -> RulesVersion:
    """Put `categories`, named sets of SKUs that campaigns may be for, in the place of those `shown`; others stay.

    A category that is `renamed` (old -> new name) goes with its campaigns. Orders already stored keep the SKUs of
    their time. Raises Invalid, also when a category that a campaign is for is taken away.
    """

    def edit(now: Earning) -> Earning:
        names = renamed or {}
        others = {name: skus for name, skus in now.categories.items() if name not in shown}
        if taken := sorted(others.keys() & categories.keys()):
            raise Invalid.on("categories", _("There is a category “%(name)s” already.") % {"name": taken[0]})
        found = {**others, **categories}
        if len(found) > MOST_CATEGORIES:
            raise Invalid.on(
                "categories", _("A program has at most %(most)s categories.") % {"most": MOST_CATEGORIES}
            )
        campaigns = [
            replace(
                each,
                when=replace(each.when, categories=tuple(names.get(n, n) for n in each.when.categories)),
            )
            for each in now.campaigns
        ]
        for each in campaigns:
            for name in each.when.categories:
                if name not in found:
                    raise Invalid.on(
                        "categories",
                        _(
                            "The campaign “%(campaign)s” is for the category “%(name)s”: take it out there first."
                        )
                        % {"campaign": each.name or each.code, "name": name},
                    )
        changed = replace(now, categories={}, campaigns=())
        spec = {**changed.stored(), "categories": {name: list(skus) for name, skus in found.items()}}
        return Earning.read(spec).with_campaigns(campaigns)

    return _edit(merchant_id, at, actor, edit)


@transaction.atomic
def put_campaign(
    *, merchant_id: int, at: dt.datetime, actor: Actor, campaign: Campaign, is_new: bool
) -> RulesVersion:
    """Add a campaign, or change the one of its code, which keeps its place. Raises Invalid, NotFound."""
    campaign = campaign_of(stored_campaign(campaign))
    known = set(Tier.objects.of(merchant_id).values_list("id", flat=True))
    if campaign.when.tiers - known:
        raise Invalid.on("tiers", _("There is no such tier."))
    if unknown := sorted(campaign.when.channels - set(Channel.values)):
        raise Invalid.on("channels", _("There is no channel “%(channel)s”.") % {"channel": unknown[0]})

    def put(now: Earning) -> Earning:
        if not is_new:
            _require_own(now, campaign.code)
        found = [each.code for each in now.campaigns]
        if is_new == (campaign.code in found):
            if is_new:
                raise Invalid.on("code", _("There is a campaign of this code already."))
            raise NotFound(_("There is no such campaign."))
        if is_new:
            return now.with_campaigns([*now.campaigns, campaign])
        return now.with_campaigns(campaign if each.code == campaign.code else each for each in now.campaigns)

    return _edit(merchant_id, at, actor, put)


@transaction.atomic
def end_campaign(*, merchant_id: int, at: dt.datetime, actor: Actor, code: str) -> RulesVersion:
    """End a campaign now: orders paid before still have it. One that has not begun is taken away; again is a no-op.

    Raises NotFound.
    """

    def end(now: Earning) -> Earning:
        if code not in [each.code for each in now.campaigns]:
            raise NotFound(_("There is no such campaign."))
        _require_own(now, code)
        return now.with_campaigns(_without(now.campaigns, code, at))

    return _edit(merchant_id, at, actor, end)


def _require_own(now: Earning, code: str) -> None:
    """Raises Invalid for a campaign that a benefit keeps."""
    if any(each.code == code and each.owner for each in now.campaigns):
        raise Invalid(_("This campaign follows a benefit. Change or end the benefit instead."))


def _is_over(campaign: Campaign, at: dt.datetime) -> bool:
    return campaign.when.to_at is not None and campaign.when.to_at <= at


def _without(campaigns: Sequence[Campaign], code: str, at: dt.datetime) -> list[Campaign]:
    """The campaigns with one ended now; one that has not begun is taken away."""
    left = []
    for each in campaigns:
        if each.code != code or _is_over(each, at):
            left.append(each)
        elif each.when.from_at is None or each.when.from_at < at:
            left.append(replace(each, when=replace(each.when, to_at=at)))
    return left


@transaction.atomic
def follow(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    owner: str,
    campaign: Campaign | None = None,
    check_in: CheckIn | None = None,
) -> RulesVersion:
    """Have the rules give from now on what an owner (a benefit) promises: a campaign, a rule of checking in, or none.

    The owner's running campaign is changed, and keeps its beginning; one that was ended before stays for orders paid
    then. Codes are given here. The same again writes no version. Raises Invalid.
    """

    def edit(now: Earning) -> Earning:
        kept = [each for each in now.check_ins if each.owner != owner and not each.is_over(at)]
        if check_in is not None:
            kept.append(replace(check_in, owner=owner))
        changed = replace(now, check_ins=tuple(kept))
        return changed.with_campaigns(_followed(changed.campaigns, owner, campaign, at))

    return _edit(merchant_id, at, actor, edit)


def _followed(
    campaigns: Sequence[Campaign], owner: str, wanted: Campaign | None, at: dt.datetime
) -> list[Campaign]:
    """The campaigns with what an owner wants from now on in the place of its running one. Raises Invalid."""
    live = next((each for each in campaigns if each.owner == owner and not _is_over(each, at)), None)
    if wanted is None:
        return list(campaigns) if live is None else _without(campaigns, live.code, at)
    start = wanted.when.from_at
    begins: dt.datetime | None = at if start is None else max(start, at)
    if live is not None and start is not None and start > at:  # it rests until then
        campaigns, live = _without(campaigns, live.code, at), None
    elif live is not None and (live.when.from_at is None or live.when.from_at < at):
        begins = live.when.from_at
    code = live.code if live else _code(owner, campaigns)
    kept = replace(wanted, owner=owner, code=code, when=replace(wanted.when, from_at=begins))
    kept = campaign_of(stored_campaign(kept))
    return [kept if each == live else each for each in campaigns] if live else [*campaigns, kept]


def _code(owner: str, campaigns: Sequence[Campaign]) -> str:
    """A code that none of the owner's campaigns has."""
    codes = {each.code for each in campaigns}
    return next(code for n in range(1, len(codes) + 2) if (code := f"{owner}-{n}") not in codes)


def _edit(
    merchant_id: int, at: dt.datetime, actor: Actor, change: Callable[[Earning], Earning]
) -> RulesVersion:
    """The rules in force, changed, as a new version; edits come one after the other."""
    programs.lock_for_close(merchant_id=merchant_id)
    version = rules_selector.version_at(merchant_id=merchant_id, at=at)
    now = Earning.read(version.earning if version else {})
    changed = change(now)
    kept = [each for each in changed.campaigns if each.when.to_at is None or each.when.to_at > at - KEPT]
    return rules.new_version(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        values={"earning": changed.with_campaigns(kept).stored()},
    )
