"""Addresses of members' pages. One block a topic; each topic's views are in the file of its name."""

from __future__ import annotations

from django.urls import path

from members.web import preferences

app_name = "members"
urlpatterns = [
    path("preferences/theme", preferences.set_theme, name="set_theme"),
    path("preferences/language", preferences.set_language, name="set_language"),
]
