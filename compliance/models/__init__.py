"""The tables of the compliance app, one file a topic."""

from compliance.models.appeal_threads import AppealDraft, AppealFile, AppealMessage
from compliance.models.appeals import Appeal, AppealState
from compliance.models.decisions import Decision
from compliance.models.notices import Notice, Receipt, ReceiptChannel, ReceiptEvent
from compliance.models.policies import Policy
from compliance.models.protections import Exemption, Protection, ProtectionCause
from compliance.models.runs import Failure, Preview, PreviewState, Purpose, Run, RunChunk, RunState
from compliance.models.standing import Standing
from compliance.models.undos import Undo, UndoOutcome

__all__ = [
    "Appeal",
    "AppealDraft",
    "AppealFile",
    "AppealMessage",
    "AppealState",
    "Decision",
    "Exemption",
    "Failure",
    "Notice",
    "Policy",
    "Preview",
    "PreviewState",
    "Protection",
    "ProtectionCause",
    "Purpose",
    "Receipt",
    "ReceiptChannel",
    "ReceiptEvent",
    "Run",
    "RunChunk",
    "RunState",
    "Standing",
    "Undo",
    "UndoOutcome",
]
