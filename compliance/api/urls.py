"""Addresses of the API of compliance."""

from __future__ import annotations

urlpatterns: list = []
