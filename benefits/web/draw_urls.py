"""Addresses of the public pages of draws."""

from __future__ import annotations

from django.urls import path

from benefits.web import draw_pages

app_name = "draws"
urlpatterns = [
    path("<slug:shop>/<slug:draw_id>/verify", draw_pages.verify, name="verify"),
    path("<slug:shop>/<slug:draw_id>/proof.json", draw_pages.proof, name="proof"),
]
