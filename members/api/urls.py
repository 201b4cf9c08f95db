"""Addresses of the API of members."""

from __future__ import annotations

from django.urls import path

from members.api import docs, members, orders, points, program, tiers
from members.api.operations import endpoint

urlpatterns = [
    path("schema", docs.schema, name="schema"),
    path("docs", docs.page, name="docs"),
    path("program", endpoint(program.ReadProgram)),
    path("members", endpoint(members.FindMembers, members.JoinMember)),
    path("members/<str:member_id>", endpoint(members.ReadMember, members.ChangeMember)),
    path("members/<str:member_id>/points", endpoint(points.ReadPoints)),
    path("members/<str:member_id>/points/entries", endpoint(points.ReadEntries)),
    path("members/<str:member_id>/tier", endpoint(tiers.ReadTier)),
    path("orders/batch", endpoint(orders.PutOrders)),
    # An order's number may have slashes in it.
    path("orders/<str:channel>/<path:external_id>/refunds", endpoint(orders.RefundOrder)),
    path("orders/<str:channel>/<path:external_id>", endpoint(orders.PutOrder)),
]
