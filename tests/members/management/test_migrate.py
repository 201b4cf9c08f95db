"""`migrate` builds few models anew between operations, and all where somebody may look at any."""

from __future__ import annotations

import pytest
from django.core.management import load_command_class
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import models
from django.db.migrations.state import ModelState, ProjectState

from members.management.commands.migrate import Command, building_few_models


def to(name: str) -> models.ForeignKey:
    return models.ForeignKey(f"zoo.{name}", models.CASCADE, related_name="+")


@pytest.fixture
def state() -> ProjectState:
    """Kept in cages, which stand in parks; a bear is an animal. All of them are built."""
    found = ProjectState()
    for name, fields, bases in (
        ("Park", {}, (models.Model,)),
        ("Cage", {"park": to("park")}, (models.Model,)),
        ("Animal", {"cage": to("cage")}, (models.Model,)),
        ("Bear", {}, ("zoo.animal",)),
    ):
        own = {} if bases == ("zoo.animal",) else {"id": models.BigAutoField(primary_key=True)}
        found.add_model(ModelState("zoo", name, [*own.items(), *fields.items()], {}, bases))
    assert found.apps
    return found


def built(state: ProjectState) -> dict[str, type[models.Model]]:
    return {model.__name__: model for model in state.apps.get_models()}


def with_a_name(state: ProjectState, model: str) -> set[str]:
    """Whose classes are new after a model was given a field."""
    before = built(state)
    with building_few_models():
        state.add_field("zoo", model, "name", models.TextField(default=""), True)
    return {name for name, model in built(state).items() if model is not before[name]}


@pytest.mark.parametrize(
    ("changed", "anew"),
    [("park", {"Park", "Cage"}), ("cage", {"Cage", "Animal"}), ("animal", {"Animal", "Bear"})],
)
def test_after_a_change_the_model_and_those_on_it_are_built_anew(state, changed, anew):
    assert with_a_name(state, changed) == anew


def test_who_points_to_a_model_points_to_its_new_class(state):
    with_a_name(state, "park")

    found = built(state)
    assert found["Cage"]._meta.get_field("park").remote_field.model is found["Park"]
    assert "name" in {field.name for field in found["Park"]._meta.fields}


def test_a_migration_in_python_gets_every_class_built_anew(state):
    before = built(state)
    with_a_name(state, "park")

    state.clear_delayed_apps_cache()  # as RunPython and the end of a migration do

    found = built(state)
    assert not set(found.values()) & set(before.values())
    assert found["Animal"]._meta.get_field("cage").remote_field.model is found["Cage"]


def test_elsewhere_states_are_djangos_own(state):
    before = built(state)

    state.add_field("zoo", "park", "name", models.TextField(default=""), False)
    state.reload_model("zoo", "park")

    assert not {"Park", "Cage", "Animal"} & {name for name, m in built(state).items() if m is before[name]}


def test_the_command_is_the_one_that_is_run():
    assert isinstance(load_command_class("members", "migrate"), Command)
    assert issubclass(Command, DjangoMigrate)
