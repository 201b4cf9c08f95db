"""Ready answers to an appeal, in the merchant's language and with the figures of its case; the reviewer edits them."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import override

from compliance.lib.calendar import platform_date
from compliance.models import Appeal
from compliance.selectors.status import Page


class Ready(NamedTuple):
    """One answer: its key in the address, what the reviewer reads on its link, and its text for the merchant."""

    key: str
    label: str
    text: str


def ready(appeal: Appeal, then: Page) -> list[Ready]:
    """The answers that a reviewer may begin with; `then`: the evidence as it was when what is appealed happened."""
    labels = {
        "uncovered": _("Refuse: nothing counted"),
        "draws": _("Refuse: only draws"),
        "late": _("Refuse: published too late"),
        "found": _("Uphold: a benefit did count"),
        "fault": _("Uphold: a fault of the platform"),
    }
    with override(appeal.merchant.language):
        texts = _texts(appeal, then)
    return [Ready(key, label, texts[key]) for key, label in labels.items()]


def _texts(appeal: Appeal, then: Page) -> dict[str, str]:
    policy = then.banner.version.policy
    until = platform_date(then.banner.at)
    days = policy.window_days
    names = ", ".join(dict.fromkeys(str(row.benefit) for row in then.evidence if not row.counted))
    looked = (
        _("We looked at each benefit of these days: %(names)s.") % {"names": names}
        if names
        else _("There was no benefit in these days.")
    )
    close = _("If you know a benefit that we have not seen, publish it now: what is live counts at once.")
    start = _(
        "In the %(days)s days up to %(until)s no benefit counted by the rule in force (version %(version)s)."
    )
    values = {"days": days, "until": until.isoformat(), "version": then.banner.version.number}
    return {
        "uncovered": f"{start % values}\n{looked}\n{close}",
        "draws": _(
            "In the %(days)s days up to %(until)s only draws were live. By the rule in force (version %(version)s) "
            "draws do not count, since most members get nothing from them."
        )
        % values,
        "late": _(
            "The benefit that you name came into force after %(until)s. By the rule in force (version %(version)s) "
            "what comes after that instant does not count for it."
        )
        % values,
        "found": _(
            "You are right: a benefit that members could use was in force in the %(days)s days up to %(until)s. "
            "We are sorry for the trouble."
        )
        % values,
        "fault": _("The fault was on our side. We are sorry for the trouble."),
    }
