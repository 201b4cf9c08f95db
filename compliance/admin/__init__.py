"""The platform's admin pages of clearance; imported here, since Django looks for them in this package."""

from compliance.admin import (
    appeals,
    audit,
    decisions,
    drafts,
    grades,
    notices,
    policies,
    previews,
    price_guard,
    programs,
    runs,
)

__all__ = [
    "appeals",
    "audit",
    "decisions",
    "drafts",
    "grades",
    "notices",
    "policies",
    "previews",
    "price_guard",
    "programs",
    "runs",
]
