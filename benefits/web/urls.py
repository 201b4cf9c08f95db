"""Addresses of the pages of benefits."""

from __future__ import annotations

from django.urls import path

from benefits.web import (
    benefits,
    cashier,
    entitlements,
    price_changes,
    price_explained,
    price_table,
    prices,
    publishing,
    rewards,
)

app_name = "benefits"
urlpatterns = [
    path("", benefits.benefits_list, name="benefits_list"),
    path("coupons/", benefits.coupons_list, name="coupons_list"),
    path("draws/", benefits.draws_list, name="draws_list"),
    path("new/", publishing.benefits_new, name="benefits_new"),
    path("new/<slug:kind>/", publishing.benefits_publish, name="benefits_publish"),
    path("prices/", prices.prices_list, name="prices_list"),
    path("prices/table/", price_table.prices_table, name="prices_table"),
    path("prices/table/history/", price_table.prices_history, name="prices_history"),
    path("prices/table.csv", price_table.prices_export, {"file_format": "csv"}, name="prices_csv"),
    path("prices/table.xlsx", price_table.prices_export, {"file_format": "xlsx"}, name="prices_xlsx"),
    path("prices/bulk/", price_changes.prices_bulk, name="prices_bulk"),
    path("prices/import/", price_changes.prices_import, name="prices_import"),
    path("prices/changes/", price_changes.prices_changes, name="prices_changes"),
    path("prices/changes/<slug:public_id>/", price_changes.prices_changepage, name="prices_changepage"),
    path("prices/changes/<slug:public_id>/undo", price_changes.prices_changeundo, name="prices_changeundo"),
    path("prices/changes/<slug:public_id>/drop", price_changes.prices_changedrop, name="prices_changedrop"),
    path("prices/explain/", price_explained.prices_explain, name="prices_explain"),
    path("prices/uploads/<slug:public_id>/", prices.prices_upload, name="prices_upload"),
    path("prices/uploads/<slug:public_id>/drop", prices.prices_upload_drop, name="prices_upload_drop"),
    path(
        "prices/uploads/<slug:public_id>/rejects.csv",
        prices.prices_upload_rejects,
        name="prices_upload_rejects",
    ),
    path("cashier/", cashier.cashier_page, name="cashier_page"),
    path("cashier/undo", cashier.cashier_undo, name="cashier_undo"),
    path("rewards/", rewards.rewards_list, name="rewards_list"),
    path("rewards.csv", rewards.rewards_csv, name="rewards_csv"),
    path("rewards/orders/", rewards.rewardorders_list, name="rewardorders_list"),
    path("rewards/orders.csv", rewards.rewardorders_csv, name="rewardorders_csv"),
    path("rewards/orders/<str:reward_order_id>/", rewards.rewardorders_page, name="rewardorders_page"),
    path("rewards/orders/<str:reward_order_id>/pay", rewards.rewardorders_pay, name="rewardorders_pay"),
    path("rewards/orders/<str:reward_order_id>/ship", rewards.rewardorders_ship, name="rewardorders_ship"),
    path(
        "rewards/orders/<str:reward_order_id>/receive",
        rewards.rewardorders_receive,
        name="rewardorders_receive",
    ),
    path(
        "rewards/orders/<str:reward_order_id>/cancel", rewards.rewardorders_cancel, name="rewardorders_cancel"
    ),
    path(
        "rewards/orders/<str:reward_order_id>/address",
        rewards.rewardorders_address,
        name="rewardorders_address",
    ),
    path("entitlements/give/<slug:member_id>/", entitlements.entitlements_give, name="entitlements_give"),
    path("entitlements/<str:code>/", entitlements.entitlements_detail, name="entitlements_detail"),
    path("entitlements/<str:code>/revoke", entitlements.entitlements_revoke, name="entitlements_revoke"),
    path("<slug:public_id>/", benefits.benefits_detail, name="benefits_detail"),
    path("<slug:public_id>/change/", publishing.benefits_change, name="benefits_change"),
    path("<slug:public_id>/prices/", prices.prices_change, name="prices_change"),
    path("<slug:public_id>/pause", benefits.benefits_pause, name="benefits_pause"),
    path("<slug:public_id>/resume", benefits.benefits_resume, name="benefits_resume"),
    path("<slug:public_id>/end", benefits.benefits_end, name="benefits_end"),
    path("<slug:public_id>/discard", benefits.benefits_discard, name="benefits_discard"),
]
