"""The platform's pages for merchants, people and jobs; imported here, since Django looks for them in this package."""

from members.admin import jobs, ledger_proofs, merchants, support, tier_audits, users

__all__ = ["jobs", "ledger_proofs", "merchants", "support", "tier_audits", "users"]
