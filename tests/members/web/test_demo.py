"""The demo's one-click sign-in exists under DEMO alone, and for listed accounts alone."""

from __future__ import annotations

import json

import pytest
from django.core.checks.registry import registry

from members.web import demo as door


@pytest.fixture
def demo(settings, tmp_path, cast):
    """A demo whose owner is listed."""
    settings.DEMO, settings.DATA_DIR = True, tmp_path
    listed = [{"account": "owner@example.com", "label": "Owner of Swallow Valley", "note": "open"}]
    (tmp_path / "demo-accounts.json").write_text(json.dumps(listed), encoding="utf-8")
    return settings


def test_one_press_signs_in(client, demo, cast):
    page = client.get("/accounts/login/").content.decode()
    response = client.post("/demo/sign-in", {"account": "owner@example.com"})

    assert "Owner of Swallow Valley" in page and response.url == "/"
    assert client.get("/settings/me").context["request"].user == cast.owner


def test_it_does_not_exist_outside_a_demo(client, demo):
    demo.DEMO = False

    assert client.post("/demo/sign-in", {"account": "owner@example.com"}).status_code == 404
    assert "Owner of Swallow Valley" not in client.get("/accounts/login/").content.decode()
    assert client.get("/settings/me").status_code == 302


@pytest.mark.parametrize("account", ["clerk@example.com", "", "nobody@example.com"])
def test_who_is_not_listed_does_not_get_in(client, demo, account):
    assert client.post("/demo/sign-in", {"account": account}).status_code == 404
    assert client.get("/settings/me").status_code == 302


def test_looking_at_the_address_signs_nobody_in(client, demo):
    assert client.get("/demo/sign-in").status_code == 405


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "{}"])
def test_a_broken_list_offers_nobody(client, demo, tmp_path, text):
    (tmp_path / "demo-accounts.json").write_text(text)

    assert client.get("/accounts/login/").status_code == 200
    assert client.post("/demo/sign-in", {"account": "owner@example.com"}).status_code == 404


def test_a_deployment_with_the_demo_on_is_refused(settings):
    settings.DEMO = True
    refused = door.refuse_in_production()
    settings.DEMO = False

    assert [error.id for error in refused] == ["liushui.E001"] and door.refuse_in_production() == []
    assert door.refuse_in_production in registry.get_checks(include_deployment_checks=True)
