"""Addresses of the pages of compliance."""

from __future__ import annotations

app_name = "compliance"
urlpatterns: list = []
