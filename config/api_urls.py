"""The API's addresses, gathered from the three apps."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("members.api.urls")),
    path("", include("benefits.api.urls")),
    path("", include("compliance.api.urls")),
]
