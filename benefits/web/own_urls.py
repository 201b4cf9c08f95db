"""Addresses of benefits' acts on the page that a member sees of their own."""

from __future__ import annotations

from django.urls import path

from benefits.web import own, own_draws, own_rewards

app_name = "own"
urlpatterns = [
    path("claim", own.own_claim, name="own_claim"),
    path("draws/enter", own_draws.own_enter, name="own_enter"),
    path("rewards/<str:benefit_id>/", own_rewards.own_reward, name="own_reward"),
]
