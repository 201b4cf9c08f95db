"""Addresses of the pages of benefits."""

from __future__ import annotations

app_name = "benefits"
urlpatterns: list = []
