"""The tables of the compliance app, one file a topic."""

from compliance.models.appeal_threads import AppealDraft, AppealFile, AppealMessage
from compliance.models.appeals import Appeal, AppealState
from compliance.models.decisions import Decision
from compliance.models.drafts import PolicyComment, PolicyDraft
from compliance.models.grades import Grade, GradePolicy, GradeRun, ShopCategory
from compliance.models.holdouts import HoldOut
from compliance.models.notices import Notice, Receipt, ReceiptChannel, ReceiptEvent
from compliance.models.policies import Policy
from compliance.models.protections import Exemption, Protection, ProtectionCause
from compliance.models.runs import (
    Failure,
    Preview,
    PreviewState,
    Purpose,
    ReportCheck,
    Run,
    RunChunk,
    RunState,
)
from compliance.models.standing import Standing
from compliance.models.undos import Undo, UndoOutcome
from compliance.models.views import AdminView

__all__ = [
    "AdminView",
    "Appeal",
    "AppealDraft",
    "AppealFile",
    "AppealMessage",
    "AppealState",
    "Decision",
    "Exemption",
    "Failure",
    "Grade",
    "GradePolicy",
    "GradeRun",
    "HoldOut",
    "Notice",
    "Policy",
    "PolicyComment",
    "PolicyDraft",
    "Preview",
    "PreviewState",
    "Protection",
    "ProtectionCause",
    "Purpose",
    "Receipt",
    "ReceiptChannel",
    "ReceiptEvent",
    "ReportCheck",
    "Run",
    "RunChunk",
    "RunState",
    "ShopCategory",
    "Standing",
    "Undo",
    "UndoOutcome",
]
