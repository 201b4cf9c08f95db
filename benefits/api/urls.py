"""Addresses of the API of benefits."""

from __future__ import annotations

from django.urls import path

from benefits.api import (
    benefits,
    campaigns,
    draws,
    effects,
    entitlements,
    plans,
    quotes,
    rewards,
    skus,
    subscriptions,
)
from members.api.operations import endpoint

urlpatterns = [
    path("quotes", endpoint(quotes.PriceBasket)),
    path("quotes/batch", endpoint(quotes.PriceBaskets)),
    path("benefits", endpoint(benefits.ListBenefits, benefits.MakeBenefit)),
    path("benefits/<str:benefit_id>", endpoint(benefits.ReadBenefit)),
    path("benefits/<str:benefit_id>/publish", endpoint(benefits.PublishBenefit)),
    path("benefits/<str:benefit_id>/pause", endpoint(benefits.PauseBenefit)),
    path("benefits/<str:benefit_id>/resume", endpoint(benefits.ResumeBenefit)),
    path("benefits/<str:benefit_id>/end", endpoint(benefits.EndBenefit)),
    path("benefits/<str:benefit_id>/effect", endpoint(effects.ReadBenefitEffect)),
    path("benefits/<str:benefit_id>/campaigns", endpoint(campaigns.BeginCampaign)),
    path("campaigns", endpoint(campaigns.ListCampaigns)),
    path("campaigns/<str:campaign_id>", endpoint(campaigns.ReadCampaign)),
    path("campaigns/<str:campaign_id>/cancel", endpoint(campaigns.StopCampaign)),
    path("campaigns/<str:campaign_id>/undo", endpoint(campaigns.UndoCampaign)),
    path("campaigns/<str:campaign_id>/effect", endpoint(effects.ReadCampaignEffect)),
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
    path("plans", endpoint(plans.ListPlans, plans.MakePlan)),
    path("plans/<str:plan_id>", endpoint(plans.ReadPlan, plans.ChangePlan)),
    path(
        "members/<str:member_id>/subscriptions",
        endpoint(subscriptions.ListMemberSubscriptions, subscriptions.SellSubscription),
    ),
    path("subscriptions", endpoint(subscriptions.ListSubscriptions)),
    path("subscriptions/refund-all", endpoint(subscriptions.RefundAll)),
    path("subscriptions/<str:subscription_id>", endpoint(subscriptions.ReadSubscription)),
    path("subscriptions/<str:subscription_id>/cancel", endpoint(subscriptions.CancelSubscription)),
    path("subscriptions/<str:subscription_id>/refund", endpoint(subscriptions.RefundSubscription)),
    path("subscriptions/<str:subscription_id>/paid-back", endpoint(subscriptions.PaidBackSubscription)),
    path("rewards", endpoint(rewards.ListRewards)),
    path("members/<str:member_id>/rewards/<str:benefit_id>/orders", endpoint(rewards.OrderReward)),
    path("members/<str:member_id>/reward-orders", endpoint(rewards.ListMemberOrders)),
    path("reward-orders", endpoint(rewards.ListOrders)),
    path("reward-orders/<str:reward_order_id>", endpoint(rewards.ReadOrder)),
    path("reward-orders/<str:reward_order_id>/pay", endpoint(rewards.PayOrder)),
    path("reward-orders/<str:reward_order_id>/ship", endpoint(rewards.ShipOrder)),
    path("reward-orders/<str:reward_order_id>/receive", endpoint(rewards.ReceiveOrder)),
    path("reward-orders/<str:reward_order_id>/cancel", endpoint(rewards.CancelOrder)),
]
