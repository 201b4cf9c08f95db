"""Addresses of the API of benefits."""

from __future__ import annotations

from django.urls import path

from benefits.api import benefits, quotes
from members.api.operations import endpoint

urlpatterns = [
    path("benefits", endpoint(benefits.ListBenefits, benefits.MakeBenefit)),
    path("benefits/<str:benefit_id>", endpoint(benefits.ReadBenefit)),
    path("benefits/<str:benefit_id>/publish", endpoint(benefits.PublishBenefit)),
    path("benefits/<str:benefit_id>/pause", endpoint(benefits.PauseBenefit)),
    path("benefits/<str:benefit_id>/resume", endpoint(benefits.ResumeBenefit)),
    path("benefits/<str:benefit_id>/end", endpoint(benefits.EndBenefit)),
    path("quotes", endpoint(quotes.PriceBasket)),
]
