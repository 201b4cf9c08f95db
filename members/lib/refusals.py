"""Refusals: what a rule says no to. Each has a slug that never changes and a detail for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class Refusal(Exception):
    """A request that is understood and refused by a rule; nothing was changed.

    `slug` is the contract (API problem type, `refused` of a play); `detail` is a translated sentence saying what,
    where and how to fix it; `errors` names fields.
    """

    slug = "refused"

    def __init__(self, detail: object = "", *, errors: Mapping[str, object] | None = None) -> None:
        super().__init__(str(detail))
        self.raw_detail = detail
        self.errors = dict(errors or {})

    @classmethod
    def on(cls, field: str, detail: object) -> Self:
        """A refusal of one field, with its sentence beside it."""
        return cls(detail, errors={field: detail})

    @property
    def detail(self) -> str:
        """The sentence, in the language active now."""
        return str(self.raw_detail)


class Invalid(Refusal):
    """A rule of a form: the values contradict each other or the domain."""

    slug = "invalid"


class NotFound(Refusal):
    """No such thing, or not this merchant's."""

    slug = "not-found"


class Conflict(Refusal):
    """The thing is not in a state in which this can be done."""

    slug = "conflict"


class Busy(Conflict):
    """Another changed the thing at this very moment: asked again, the same may well be done."""


class ProgramNotOpen(Refusal):
    """The program is a draft or closed by its merchant."""

    slug = "program-not-open"


class ProgramCleared(Refusal):
    """The program was closed by a clearance."""

    slug = "program-cleared"


class ReopenTooEarly(Refusal):
    """A cleared program waits before it can be reopened."""

    slug = "reopen-too-early"


class AppealNotAllowed(Refusal):
    """No decision or warning stands that could be appealed."""

    slug = "appeal-not-allowed"


class HoldEnded(Invalid):
    """The hold was released, or its time is over."""

    slug = "hold-ended"


class NotCancellable(Invalid):
    """The request is of a kind, or in a state, that is not cancelled."""

    slug = "not-cancellable"


class InsufficientPoints(Refusal):
    """More points than are available."""

    slug = "insufficient-points"


class IdempotencyConflict(Refusal):
    """The key was used for another request."""

    slug = "idempotency-conflict"


class RefundExceedsOrder(Refusal):
    """More than is left of a line, or a refund of nothing."""

    slug = "refund-exceeds-order"


class OrderMemberFixed(Refusal):
    """An order's member never changes once set."""

    slug = "order-member-fixed"
