"""The pages of compliance in the console's menu, and its actions in the words of the audit log."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from compliance.lib.appeal_files import MOST_TOGETHER
from compliance.models import AppealState
from compliance.models.grades import CATEGORY_WORDS
from members.web import audit_words, gates, uploads
from members.web.menu import register as add


def register() -> None:
    """Add the pages to their groups and name what the audit log shows."""
    add("home", label=_("Home"), route="compliance:home", order=10, roles=gates.READERS)
    add("compliance", label=_("Status"), route="compliance:status", order=10, roles=gates.READERS)
    add("compliance", label=_("Evidence"), route="compliance:evidence", order=20, roles=gates.READERS)
    add("compliance", label=_("Appeals"), route="compliance:appeals", order=30, roles=gates.READERS)
    add("compliance", label=_("Notices"), route="compliance:notices", order=40, roles=gates.READERS)
    add("compliance", label=_("Grade"), route="compliance:grade", order=50, roles=gates.READERS)
    add("compliance", label=_("Rule"), route="compliance:rules", order=60, roles=gates.READERS)
    uploads.BOUNDS["/compliance/"] = MOST_TOGETHER
    audit_words.register(
        actions={
            "grade.category_set": _("Category of the grade set"),
            "program.cleared": _("Program closed by a clearance"),
            "program.reopened": _("Program opened again after a clearance"),
            "program.restored": _("Program restored"),
            "program.exempted": _("Program exempted from clearance"),
            "program.exemption_lifted": _("Exemption from clearance lifted"),
            "program.held_out": _("Program held out of a clearance run"),
            "program.let_in": _("Program let into a clearance run again"),
            "policy.commented": _("Draft of the clearance rule commented on"),
            "appeal.filed": _("Appeal handed in"),
            "appeal.withdrawn": _("Appeal withdrawn"),
            "appeal.decided": _("Appeal decided"),
            "appeal.message": _("Message about an appeal"),
            "appeal.file_read": _("File of an appeal opened"),
        },
        topics={"appeal": _("Appeals"), "grade": _("Grade"), "policy": _("Clearance rule")},
        fields={
            "period": _("Period"),
            "policy": _("Policy"),
            "until_at": _("Exempt until"),
            "category": _("Category"),
            "files": _("Files"),
        },
        values={
            "appeal.state": dict(AppealState.choices),
            "grade.category": dict(CATEGORY_WORDS),
        },
    )
