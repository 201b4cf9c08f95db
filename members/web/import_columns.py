"""The saved names of columns: which header of this shop's files is which field, for every kind of import."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Refusal
from members.models import ColumnName, ImportKind
from members.selectors import imports as selectors
from members.services import column_names
from members.services.audit import Actor
from members.services.imports import kinds
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.import_words import field_label, tabs
from members.web.request import StaffRequest


class NamesForm(forms.Form):
    """The names of one kind of file: each with its field, or none to forget it; and room for a new one."""

    new_header = forms.CharField(label=_("Column in your file"), max_length=100, required=False)
    new_field = forms.ChoiceField(label=_("Is our field"), required=False)

    def __init__(self, data: Any, *, kind: ImportKind, rows: list[ColumnName]) -> None:
        super().__init__(data, prefix=str(kind))
        self.kind, self.rows = kind, rows
        fields = [(name, field_label(kind, name)) for name in kinds.of(kind).fields.known]
        for row in rows:
            self.fields[f"name_{row.pk}"] = forms.ChoiceField(
                label=row.header,
                choices=[("", _("Forget this name")), *fields],
                required=False,
                initial=row.field,
            )
        self.fields["new_field"].choices = [("", "--"), *fields]  # type: ignore[attr-defined]

    @property
    def known(self) -> list[forms.BoundField]:
        """The names saved so far."""
        return [self[f"name_{row.pk}"] for row in self.rows]

    def clean(self) -> dict[str, Any]:
        """A new name has both its parts."""
        values: dict[str, Any] = super().clean() or {}
        header, field = values.get("new_header", "").strip(), values.get("new_field", "")
        if header and not field:
            self.add_error("new_field", _("Choose the field that this column is."))
        if field and not header:
            self.add_error("new_header", _("Write the column's name as it stands in your file."))
        return values

    def names(self) -> dict[str, str]:
        """header -> field, as they are to be."""
        data = self.cleaned_data
        found = {row.header: data[f"name_{row.pk}"] for row in self.rows if data.get(f"name_{row.pk}")}
        if data.get("new_header"):
            found[data["new_header"].strip()] = data["new_field"]
        return found


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
def import_columns(request: StaffRequest) -> HttpResponse:
    """The names by kind; each kind is saved by itself."""
    kind = ImportKind(request.POST["kind"]) if request.POST.get("kind") in ImportKind.values else None
    forms_of = {
        each: NamesForm(
            request.POST if each == kind else None,
            kind=each,
            rows=list(selectors.column_names(merchant_id=request.merchant.pk, kind=each)),
        )
        for each in ImportKind
    }
    form = forms_of[kind] if kind else None
    if request.method == "POST" and kind and form is not None and form.is_valid():
        try:
            column_names.save(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                kind=kind,
                names=form.names(),
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, gettext("The names of columns are saved."))
            return redirect("members:order_imports_names")
    context = {
        "kinds": [(each, each.label, one) for each, one in forms_of.items()],
        "tabs": tabs("columns"),
        "can_write": request.staff.role in gates.MANAGERS,
    }
    return answer(request, "members/imports/columns.html", context, *forms_of.values())
