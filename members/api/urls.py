"""Addresses of the API of members."""

from __future__ import annotations

from django.urls import path

from members.api import (
    activities,
    check_ins,
    docs,
    member_links,
    members,
    orders,
    point_acts,
    points,
    program,
    tiers,
)
from members.api.operations import endpoint

urlpatterns = [
    path("schema", docs.schema, name="schema"),
    path("docs", docs.page, name="docs"),
    path("program", endpoint(program.ReadProgram)),
    path("members", endpoint(members.FindMembers, members.JoinMember)),
    path("members/<str:member_id>", endpoint(members.ReadMember, members.ChangeMember)),
    path("members/<str:member_id>/links", endpoint(member_links.MakeMemberLink)),
    path("members/<str:member_id>/activities", endpoint(activities.ReportActivity)),
    path("members/<str:member_id>/check-ins", endpoint(check_ins.ReadCheckIns, check_ins.CheckInMember)),
    path("members/<str:member_id>/points", endpoint(points.ReadPoints)),
    path("members/<str:member_id>/points/entries", endpoint(points.ReadEntries)),
    path("members/<str:member_id>/points/redemptions", endpoint(point_acts.Redeem)),
    path(
        "members/<str:member_id>/points/redemptions/<str:redemption_id>/cancel",
        endpoint(point_acts.CancelRedemption),
    ),
    path("members/<str:member_id>/points/holds", endpoint(point_acts.Hold)),
    path("members/<str:member_id>/points/holds/<str:hold_id>/capture", endpoint(point_acts.CaptureHold)),
    path("members/<str:member_id>/points/holds/<str:hold_id>/release", endpoint(point_acts.ReleaseHold)),
    path("members/<str:member_id>/points/adjustments", endpoint(point_acts.Adjust)),
    path("members/<str:member_id>/tier", endpoint(tiers.ReadTier)),
    path("orders/batch", endpoint(orders.PutOrders)),
    # An order's number may have slashes in it.
    path("orders/<str:channel>/<path:external_id>/refunds", endpoint(orders.RefundOrder)),
    path("orders/<str:channel>/<path:external_id>", endpoint(orders.PutOrder)),
]
