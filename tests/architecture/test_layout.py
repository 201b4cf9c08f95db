"""What the import linter cannot see of the dependency law (docs: architecture)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from members.web.gates import gate_of

ROOT = Path(settings.BASE_DIR)
ORDER = ["members", "benefits", "compliance"]


def routes(resolver=None, prefix="/"):
    """Every (path, view) of the site."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, entry.callback


def test_every_route_declares_who_may_enter():
    undeclared = [path for path, view in routes() if gate_of(view, path) is None]

    assert undeclared == []


@pytest.mark.parametrize("label", ["benefits", "compliance"])
def test_a_relation_to_a_lower_app_leaves_no_name_there(label):
    below = ORDER[: ORDER.index(label)]

    named = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.local_fields
        if field.is_relation
        and field.related_model._meta.app_label in below
        and not (field.remote_field.related_name or "").endswith("+")
    ]
    assert named == []


@pytest.mark.parametrize("label", ["members", "benefits"])
def test_migrations_depend_on_no_upper_app(label):
    above = ORDER[ORDER.index(label) + 1 :]
    text = "".join(path.read_text() for path in (ROOT / label / "migrations").glob("0*.py"))

    assert [name for name in above if re.search(rf"\(\s*[\"']{name}[\"'],", text)] == []


@pytest.mark.parametrize("label", ["members", "benefits"])
def test_templates_name_no_route_of_an_upper_app(label):
    above = "|".join(ORDER[ORDER.index(label) + 1 :])
    named = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates" / label).rglob("*.html")
        if re.search(rf"{{% url ['\"]({above}):", path.read_text())
    ]

    assert named == []


def test_no_app_listens_to_signals():
    found = [
        str(path.relative_to(ROOT))
        for label in ORDER
        for path in (ROOT / label).rglob("*.py")
        if re.search(r"django\.(db\.models|dispatch).*\b(receiver|post_save|pre_save)\b", path.read_text())
    ]

    assert found == []


def test_files_stay_short():
    long = [
        f"{path.relative_to(ROOT)}: {count}"
        for label, most in [*((label, 400) for label in [*ORDER, "config", "bench"]), ("tests", 700)]
        for path in (ROOT / label).rglob("*.py")
        if "migrations" not in path.parts and (count := len(path.read_text().splitlines())) > most
    ]

    assert long == []


def test_the_clock_is_read_at_doors_only():
    pattern = re.compile(r"timezone\.now\(\)|datetime\.now\(|date\.today\(|time\.time\(\)")
    found = [
        str(path.relative_to(ROOT))
        for label in ORDER
        for layer in ("lib", "models", "selectors", "services")
        for path in (ROOT / label / layer).rglob("*.py")
        if pattern.search(path.read_text())
    ]

    assert found == []
