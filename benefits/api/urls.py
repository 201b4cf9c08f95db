"""Addresses of the API of benefits."""

from __future__ import annotations

from django.urls import path

from benefits.api import benefits, draws, entitlements, quotes, skus
from members.api.operations import endpoint

urlpatterns = [
    path("benefits", endpoint(benefits.ListBenefits, benefits.MakeBenefit)),
    path("benefits/<str:benefit_id>", endpoint(benefits.ReadBenefit)),
    path("benefits/<str:benefit_id>/publish", endpoint(benefits.PublishBenefit)),
    path("benefits/<str:benefit_id>/pause", endpoint(benefits.PauseBenefit)),
    path("benefits/<str:benefit_id>/resume", endpoint(benefits.ResumeBenefit)),
    path("benefits/<str:benefit_id>/end", endpoint(benefits.EndBenefit)),
    path("benefits/<str:benefit_id>/draw", endpoint(draws.ReadDraw)),
    path("benefits/<str:benefit_id>/draw/proof", endpoint(draws.ReadProof)),
    path(
        "members/<str:member_id>/draws/<str:benefit_id>/entries",
        endpoint(draws.ListEntries, draws.EnterDraw),
    ),
    path(
        "members/<str:member_id>/entitlements",
        endpoint(entitlements.ListEntitlements, entitlements.ClaimEntitlement),
    ),
    path("entitlements/<str:code>", endpoint(entitlements.ReadEntitlement)),
    path("entitlements/<str:code>/reserve", endpoint(entitlements.ReserveEntitlement)),
    path("entitlements/<str:code>/redeem", endpoint(entitlements.RedeemEntitlement)),
    path("entitlements/<str:code>/release", endpoint(entitlements.ReleaseEntitlement)),
    path("entitlements/<str:code>/redemptions/<str:use_id>/undo", endpoint(entitlements.UndoRedemption)),
    path("skus", endpoint(skus.ListSkus)),
    path("skus/batch", endpoint(skus.PutSkus)),
    path("skus/<str:sku>", endpoint(skus.PutSku)),
    path("quotes", endpoint(quotes.PriceBasket)),
]
