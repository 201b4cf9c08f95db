"""Every page of the menu in a browser: nothing in its console, no sideways scroll; the main ones judged by axe-core."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from members.web.menu import GROUPS
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import a_shop
from tests.environment import missing
from tests.factories import shops

MAIN_PAGES = ("/", "/members/", "/benefits/", "/compliance/")
GRAVE = {"serious", "critical"}


@cache
def axe() -> str:
    """The judge's script, run in the page by the test, so that no content policy has a say."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        missing("axe-playwright-python")
    return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def violations(visitor: Visitor) -> list[str]:
    """What is seriously wrong with the page for people who see, hear or point differently."""
    # A drawer that is still sliding in has other colours than one that stands. What turns for ever is not waited for,
    # and what leaves the page while it moves ends as well.
    visitor.page.evaluate(
        "Promise.allSettled(document.getAnimations()"
        ".filter(moving => moving.effect.getComputedTiming().endTime < Infinity).map(moving => moving.finished))"
    )
    visitor.page.evaluate(axe())
    found: list[dict[str, Any]] = visitor.page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{visitor.page.url} {rule['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def menu() -> list[str]:
    """The addresses of every entry of the menu."""
    from django.urls import NoReverseMatch, reverse

    found = []
    for group in GROUPS.values():
        for _order, _label, route, _roles in group.entries:
            try:
                found.append(reverse(route))
            except NoReverseMatch:
                continue
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_main_pages_are_open_to_everybody(arrive: Arrive, width: int, dark: bool):
    story = a_shop("at_risk")
    wrong = []

    stranger = arrive(width=width, dark=dark)
    for path in ("/accounts/login/", "/accounts/signup/"):
        stranger.go(path)
        wrong += violations(stranger)
    owner = arrive(story.owner, width=width, dark=dark)
    owner.go("/")
    wrong += violations(owner)  # with the popup before it
    owner.read_popup()
    for path in (*MAIN_PAGES, "/benefits/new/coupon/", "/compliance/#cure"):
        owner.go(path)
        wrong += violations(owner)

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("width", [1366, 390, 320])
def test_every_page_of_the_menu_is_quiet_and_fits(arrive: Arrive, width: int):
    story = a_shop("at_risk")
    owner = arrive(story.owner, width=width)
    owner.go("/")
    owner.read_popup()
    too_wide, paths = [], menu()

    for path in paths:
        owner.go(path)
        assert owner.page.get_by_role("heading", level=1).count() == 1, path
        if owner.has_sideways_scroll():
            too_wide.append(path)

    assert len(paths) >= 10
    assert not too_wide, f"wider than {width} px: {too_wide}"


@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "en"])
def test_every_page_speaks_the_language_asked_for(arrive: Arrive, language: str):
    story = a_shop("observing")
    owner = arrive(story.owner, width=390, language=language)

    for path in menu():
        owner.go(path)
        assert owner.page.locator("html").get_attribute("lang") == language, path
        assert not owner.has_sideways_scroll(), path


def test_the_platforms_pages_are_quiet(arrive: Arrive):
    a_shop("at_risk")
    admin = arrive(shops.person("admin@platform.example", is_admin=True), as_admin=True)
    paths = ["/platform/"]
    admin.go("/platform/")
    found = admin.page.eval_on_selector_all(
        "a[href^='/platform/']", "links => [...new Set(links.map(link => link.getAttribute('href')))]"
    )
    paths += [path for path in found if "#" not in path]

    for path in paths:
        admin.go(path)
        assert admin.page.get_by_role("heading", level=1).count() == 1, path

    assert len(paths) > 5


def test_what_these_tests_listen_to_is_heard(arrive: Arrive):
    shops.told([])
    visitor = arrive()
    visitor.go("/accounts/login/")
    assert violations(visitor) == []

    visitor.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', "
        '\'<p style="color: red">x</p><button class="btn"></button><div class="wide">x</div>\')'
    )
    visitor.page.evaluate("document.querySelector('.wide').style.width = '4000px'")

    assert any("button-name" in found for found in violations(visitor))
    assert any("Content Security Policy" in line for line in visitor.said)
    assert visitor.has_sideways_scroll()
    visitor.said.clear()
