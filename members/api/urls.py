"""Addresses of the API of members."""

from __future__ import annotations

urlpatterns: list = []
