"""Addresses of the API of benefits."""

from __future__ import annotations

urlpatterns: list = []
