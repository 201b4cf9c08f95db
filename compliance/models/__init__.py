"""The tables of the compliance app, one file a topic."""

from compliance.models.decisions import Decision
from compliance.models.notices import Notice, Receipt, ReceiptChannel, ReceiptEvent
from compliance.models.policies import Policy
from compliance.models.protections import Exemption, Protection, ProtectionCause
from compliance.models.runs import Preview, Run, RunChunk, RunState
from compliance.models.standing import Standing

__all__ = [
    "Decision",
    "Exemption",
    "Notice",
    "Policy",
    "Preview",
    "Protection",
    "ProtectionCause",
    "Receipt",
    "ReceiptChannel",
    "ReceiptEvent",
    "Run",
    "RunChunk",
    "RunState",
    "Standing",
]
