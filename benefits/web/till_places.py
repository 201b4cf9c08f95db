"""Where the till of a cashier's page stands: chosen once, kept with who is signed in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from benefits.lib.scope import LONGEST_SCENE, Place, place_at
from benefits.selectors import scopes
from members.web.request import StaffRequest

KEPT = "till"


class PlaceForm(forms.Form):
    """The store, and what is done there."""

    store = forms.ChoiceField(label=_("This till stands in"), required=False)
    scene = forms.CharField(
        label=_("Scene"),
        required=False,
        max_length=LONGEST_SCENE,
        help_text=_("Such as takeaway, as your benefits name it."),
    )

    def __init__(self, *args: Any, stores: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["store"].choices = [("", _("Not said")), *stores]  # type: ignore[attr-defined]

    def keep(self, request: StaffRequest) -> None:
        """Keep what was chosen for this shop."""
        request.session[KEPT] = {"merchant": request.merchant.pk, **self.cleaned_data}


def form_of(request: StaffRequest, data: Any = None) -> PlaceForm:
    """The form, with what was chosen before. One query."""
    return PlaceForm(data, initial=_kept(request), stores=scopes.stores(merchant_id=request.merchant.pk))


def place_of(request: StaffRequest) -> Place:
    """Where the till stands, as far as it was said for this shop. Runs no query."""
    kept = told(request)
    return place_at(kept["store"], kept["scene"])


def told(request: StaffRequest) -> dict[str, str]:
    """The same as this page's script keeps it with each code that it takes without a connection."""
    kept = _kept(request)
    return {name: str(kept.get(name, "")) for name in ("store", "scene")}


def place_sent(request: StaffRequest) -> Place:
    """Where the till stood when its script took the code that it sends, if this shop's tills may stand there still;
    else where it stands now. At most one query."""
    if any(request.POST.get(name) for name in ("store", "scene")):
        form = form_of(request, request.POST)
        if form.is_valid():
            return place_at(form.cleaned_data["store"], form.cleaned_data["scene"])
    return place_of(request)


def _kept(request: StaffRequest) -> dict[str, Any]:
    kept = request.session.get(KEPT)
    return kept if isinstance(kept, dict) and kept.get("merchant") == request.merchant.pk else {}
