"""Why an entitlement cannot be used, in words that a cashier can say to the member."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from benefits.lib.entitlements import Why
from benefits.lib.scope import Place, Scope, fits
from benefits.lib.till_queue import ELSEWHERE, REDEEMED, UNKNOWN
from benefits.selectors.scopes import store_names, where
from members.lib.refusals import ProgramCleared, ProgramNotOpen, Refusal

WORDS: dict[Why, Promise | str] = {
    Why.REVOKED: _("This code was taken back and is no longer valid."),
    Why.USED: _("This code was used already."),
    Why.EXPIRED: _("The time to use this code is over."),
    Why.NOT_YET: _("This code is not valid yet."),
    Why.LEFT: _("This person is no longer a member, so the code cannot be used."),
    Why.CLEARED: _(
        "The member program of this shop is closed, so this code cannot be used now. The member keeps it."
    ),
    Why.CLOSED: _(
        "The member program is closed at the moment, so this code cannot be used. The member keeps it."
    ),
    Why.ENDED: _("This benefit has ended, so the code can no longer be used."),
    Why.PAUSED: _("This benefit is paused at the moment. The member keeps the code and can use it later."),
    Why.RESERVED: _(
        "This code is reserved for an order under way. Try again when that order is done or let go."
    ),
}
UNKNOWN_CODE = _("There is no such code here. Check it sign by sign, or scan it again.")
# What came of a code that a till took without a connection.
QUEUED_WORDS: dict[str, Promise | str] = {
    REDEEMED: pgettext_lazy("entitlement", "Redeemed"),
    UNKNOWN: UNKNOWN_CODE,
    ELSEWHERE: _("This benefit is not to be had here."),
    **{why.value: said for why, said in WORDS.items()},
}


class NotUsable(Refusal):
    """An entitlement that cannot be used now; the slug says why."""

    def __init__(self, why: Why) -> None:
        super().__init__(WORDS[why])
        self.why = why
        self.slug = SLUGS[why]


class NotHere(Refusal):
    """An entitlement that is for other channels, stores or scenes."""

    slug = "entitlement-elsewhere"


def require_place(scope: Scope, place: Place, *, merchant_id: int) -> None:
    """Refuse at a place where a benefit of a scope is not to be had. Raises NotHere."""
    if fits(scope, **place.told):
        return
    told = where(scope, store_names(merchant_id=merchant_id, keys=scope.get("stores", ())))
    text = _("This benefit is not to be had here, only at: %(where)s.")
    raise NotHere(text % {"where": told})


SLUGS = {
    Why.REVOKED: "entitlement-revoked",
    Why.USED: "entitlement-used",
    Why.EXPIRED: "entitlement-expired",
    Why.NOT_YET: "entitlement-not-yet",
    Why.LEFT: "not-a-member",
    Why.ENDED: "benefit-not-in-force",
    Why.PAUSED: "benefit-not-in-force",
    Why.RESERVED: "entitlement-reserved",
}


def refusal_of(why: Why) -> Refusal:
    """The refusal of a reason; of a program that is not open, the one that every door knows."""
    if why is Why.CLEARED:
        return ProgramCleared(WORDS[why])
    if why is Why.CLOSED:
        return ProgramNotOpen(WORDS[why])
    return NotUsable(why)
