"""Addresses of the API of compliance."""

from __future__ import annotations

from django.urls import path

from compliance.api import compliance
from members.api.operations import endpoint

urlpatterns = [
    path("compliance", endpoint(compliance.ReadCompliance)),
]
