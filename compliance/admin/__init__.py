"""The platform's admin pages of clearance; imported here, since Django looks for them in this package."""

from compliance.admin import audit, decisions, notices, policies, previews, programs, runs

__all__ = ["audit", "decisions", "notices", "policies", "previews", "programs", "runs"]
