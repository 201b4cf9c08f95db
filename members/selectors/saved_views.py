"""Views of a list kept under a name."""

from __future__ import annotations

from django.db.models import Q

from members.models import SavedView


def of(*, merchant_id: int, user_id: int, name: str = "members") -> list[SavedView]:
    """A person's own views of a list and those shared with the shop, by name. One query."""
    here = SavedView.objects.of(merchant_id).filter(Q(by_id=user_id) | Q(is_shared=True), list=name)
    return list(here.select_related("by").order_by("name", "pk"))


def find(*, merchant_id: int, user_id: int, public_id: str) -> SavedView | None:
    """One of them by its id; None for nobody's, and for another person's own. One query."""
    here = SavedView.objects.of(merchant_id).filter(Q(by_id=user_id) | Q(is_shared=True))
    view: SavedView | None = here.filter(public_id=public_id).first()
    return view
