"""The kinds of benefit (domain.md 8), one small class and one file each; a new file here is a new kind.

Every kind is known by its code and can be published with empty settings; a kind with rules of its own says so in its
class. Settings are JSON: money in `*_minor` whole numbers, per cents as whole numbers or text. A name that a kind does
not know is refused: misspelt, it would give members nothing and count all the same. See docs/kinds.md.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.base import LIMITS, Kind
from benefits.lib.kinds.checks import Settings
from members.lib.refusals import Invalid

__all__ = ["KINDS", "LIMITS", "Kind", "Settings", "kind_of", "label_of"]

GROUPS = ("price", "welcome", "service", "value", "social", "draw")


def _found() -> list[Kind]:
    """One of each class of a kind in the files beside this one, as pages offer them."""
    kinds = []
    for module in iter_modules(__path__):
        if module.ispkg or module.name in ("base", "checks"):
            continue
        inside = vars(import_module(f"{__name__}.{module.name}")).values()
        kinds += [
            each() for each in inside if isinstance(each, type) and issubclass(each, Kind) and each.code
        ]
    return sorted(kinds, key=lambda kind: (GROUPS.index(kind.group), kind.place))


KINDS: dict[str, Kind] = {kind.code: kind for kind in _found()}


def kind_of(code: str) -> Kind:
    """The kind of a code. Raises Invalid for one that does not exist."""
    kind = KINDS.get(code) if isinstance(code, str) else None
    if kind is None:
        raise Invalid(
            _("There is no kind of benefit “%(kind)s”.") % {"kind": str(code)[:40]},
            errors={"kind": _("Choose a kind of benefit.")},
        )
    return kind


def label_of(code: str) -> Promise | str:
    """The name of a kind for people; the code itself for one that no longer exists."""
    kind = KINDS.get(code)
    return kind.label if kind else code
