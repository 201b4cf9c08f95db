"""Django's `migrate`, in a tenth of the time where every migration is still to come.

Between two operations Django builds anew the classes of all models that relate to the changed one over however many
others. Here every table relates to the merchant, so that each of some nine hundred operations built all hundred
classes, which took most of a first start. What an operation writes needs three things fresh: the model it changes,
the models that point to it, and those that inherit from it. Migrations in Python, and whoever hears of the end, still
get every class built anew from the same state: that is what Django does where a state says that it is delayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db.migrations.state import ProjectState

Key = tuple[str, str]  # an app's label and a model's name in lower case


def _own_and_referring(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> set[Key]:
    """The models to build anew after one changed: itself, who points to it and who inherits from it."""
    state.is_delayed = True
    key = (app_label, model_name.lower())
    heirs = (other for other, model in state.models.items() if ".".join(key) in model.bases)
    return {key, *state.relations.get(key, ()), *heirs}


@contextmanager
def building_few_models() -> Iterator[None]:
    """Within the block a change of a project's state builds `_own_and_referring` anew instead of all that relate."""
    before = ProjectState._find_reload_model  # type: ignore[attr-defined]
    ProjectState._find_reload_model = _own_and_referring  # type: ignore[attr-defined]
    try:
        yield
    finally:
        ProjectState._find_reload_model = before  # type: ignore[attr-defined]


class Command(DjangoMigrate):
    """Django's own in every other way."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply migrations; the database afterwards is the same."""
        with building_few_models():
            super().handle(*args, **options)
