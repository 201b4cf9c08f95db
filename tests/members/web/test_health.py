"""/healthz, /readyz and /metrics answer outside everything else."""

from __future__ import annotations

import pytest


def test_the_process_is_alive_without_a_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_collector_on_this_machine_reads_the_gauges(client, cast):
    text = client.get("/metrics").content.decode()

    assert 'liushui_programs{status="draft"} 2' in text
    assert "liushui_ticks_open 0" in text


@pytest.mark.django_db
def test_the_gauges_are_hidden_from_everyone_else(client, cast):
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 404
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 404


@pytest.mark.django_db
def test_a_token_admits_from_anywhere_and_its_lack_from_nowhere(client, cast, settings):
    settings.METRICS_TOKEN = "collector"

    assert client.get("/metrics").status_code == 404
    admitted = client.get("/metrics", REMOTE_ADDR="203.0.113.7", HTTP_AUTHORIZATION="Bearer collector")
    assert admitted.status_code == 200
