"""The forms of appeals: the text with its files, and a message about one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from compliance.lib import appeal_files as rule
from compliance.lib.appeal_files import ACCEPTED, Upload
from members.lib.refusals import Invalid
from members.web.forms import OnceField


class ManyFiles(forms.FileInput):
    """A box for several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, read as `Upload`s; one that is too large is refused before it is read."""

    widget = ManyFiles

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("label", gettext_lazy("Files"))
        kwargs.setdefault(
            "help_text",
            gettext_lazy(
                "Pictures of pages, contracts, statements: PDF, PNG, JPEG or WebP, at most 5 MB each and 10 in all. "
                "Only your shop and the platform's reviewers can open them."
            ),
        )
        super().__init__(widget=ManyFiles(attrs={"accept": ACCEPTED, "multiple": True}), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        """The files of the form; none is an empty list."""
        given = [each for each in (data or []) if each]
        try:
            for each in given:
                rule.check_size(each.name, each.size)
            uploads = [Upload(each.name, each.read()) for each in given]
            rule.check(uploads)
        except Invalid as refusal:
            raise forms.ValidationError(refusal.detail) from None
        return uploads


class AppealForm(forms.Form):
    """What the shop says; how long it may be the service knows."""

    once = OnceField()
    text = forms.CharField(
        label=gettext_lazy("Why the decision is wrong"),
        help_text=gettext_lazy(
            "Name what was overlooked: benefits that members could use, and when. At most 2,000 characters."
        ),
        widget=forms.Textarea(attrs={"rows": 8}),
        error_messages={"required": gettext_lazy("Say why the decision is wrong.")},
    )
    attached = FilesField()


class MessageForm(forms.Form):
    """What is added while the appeal is reviewed."""

    once = OnceField()
    text = forms.CharField(
        label=gettext_lazy("Message to the platform"),
        help_text=gettext_lazy("At most 2,000 characters."),
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write the message.")},
    )
    attached = FilesField()
