"""The forms of imports: a file of each kind, and which of its columns is which field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from members.models import Channel, ImportJob
from members.services.imports import kinds
from members.web.import_words import ACCEPTED, field_label


class UploadForm(forms.Form):
    """A file; `channel` and `declared_source` are what a kind may ask besides."""

    file = forms.FileField(
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={"empty": _("The file is empty."), "required": _("Choose a file.")},
    )
    file_label: Any
    file_help: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].label, self.fields["file"].help_text = self.file_label, self.file_help


class OrdersForm(UploadForm):
    """A file of order lines, and who its buyers are."""

    file_label = _("File of order lines")
    file_help = _(
        "XLSX, Parquet, or CSV in UTF-8 or GBK; one row a line of an order, with the columns order_id, ordered_at, "
        "member_key, sku, quantity and amount. Other names of columns are recognised or can be chosen next."
    )
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    people = forms.ChoiceField(
        label=_("Who are the buyers?"),
        widget=forms.RadioSelect,
        initial="customers",
        choices=[
            ("customers", _("Customers: they bought, which does not make them members")),
            ("members", _("Members: they agreed to join my program, and I can say where")),
        ],
    )
    declared_source = forms.CharField(
        label=_("Where does their consent come from?"),
        max_length=200,
        required=False,
        help_text=_("For example: paper forms of the store, 2019 to 2023. Kept with every member."),
    )

    def clean(self) -> dict[str, Any]:
        """A declaration names its source."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("people") == "members" and not values.get("declared_source", "").strip():
            self.add_error("declared_source", _("Say where the consent of these people comes from."))
        if values.get("people") != "members":
            values["declared_source"] = ""
        return values


class MemberKeysForm(UploadForm):
    """A file whose rows name members."""

    channel = forms.ChoiceField(
        label=_("Whose ids are the member keys?"),
        choices=Channel.choices,
        initial=Channel.POS,
        help_text=_(
            "The channel that knows the members by these ids; for cards of your shops choose Point of sale. Member ids "
            "of this console are always understood."
        ),
    )


class PointsForm(MemberKeysForm):
    """A file of points and whose ids it names."""

    file_label = _("File of points")
    file_help = _(
        "XLSX, Parquet, or CSV in UTF-8 or GBK; one row a credit, with the columns member_key and points; "
        "expires_on, granted_at, channel, reason and row_id if there are any. Other names of columns are "
        "recognised or can be chosen next."
    )


class MembersForm(MemberKeysForm):
    """A file of members, whose ids it names, and what makes its people members."""

    file_label = _("File of members")
    file_help = _(
        "XLSX, Parquet, or CSV in UTF-8 or GBK; one row a member, with the column member_key; phone, name, joined_at, "
        "tier, tier_valid_until, birthday, consent_source and channel if there are any. Other names of columns are "
        "recognised or can be chosen next."
    )
    declared_source = forms.CharField(
        label=_("Where does their consent come from?"),
        max_length=200,
        help_text=_(
            "For example: paper forms of the store, 2019 to 2023. Kept with every member. Buying alone makes nobody a "
            "member."
        ),
        error_messages={"required": _("Say where the consent of these people comes from.")},
    )


class ColumnsForm(forms.Form):
    """Which column of the file is which field."""

    def __init__(self, *args: Any, job: ImportJob, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "--"), *((header, header) for header in dict.fromkeys(job.headers) if header)]
        fields = kinds.of(job.kind).fields
        self.required_names = required = fields.required
        for name in fields.known:
            self.fields[name] = forms.ChoiceField(
                label=field_label(job.kind, name),
                choices=choices,
                required=name in required,
                initial=job.columns.get(name, ""),
                error_messages={"required": _("Choose the column.")},
            )

    @property
    def needed(self) -> list[forms.BoundField]:
        """Fields without which nothing can be read."""
        return [self[name] for name in self.required_names]

    @property
    def others(self) -> list[forms.BoundField]:
        """Fields that a file may have."""
        return [self[name] for name in self.fields if name not in self.required_names]
