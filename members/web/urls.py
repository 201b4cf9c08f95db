"""Addresses of members' pages. One block a topic; each topic's views are in the file of its name."""

from __future__ import annotations

from django.urls import path

from members.web import (
    api_keys,
    audit,
    books,
    demo,
    earning,
    import_columns,
    ledger,
    member_activities,
    member_points,
    member_tags,
    members,
    order_imports,
    point_imports,
    points,
    preferences,
    profile,
    program,
    proposals,
    segment_builder,
    segment_lifecycle,
    segments,
    shop,
    staff,
    switcher,
    tiers,
    webhooks,
)

app_name = "members"
urlpatterns = [
    path("preferences/theme", preferences.set_theme, name="set_theme"),
    path("preferences/language", preferences.set_language, name="set_language"),
    # Shops of a person
    path("shops/switch", switcher.merchant_switch, name="merchant_switch"),
    path("shops/new", switcher.merchant_new, name="merchant_new"),
    path("demo/sign-in", demo.demo_sign_in, name="demo_sign_in"),
    # Settings
    path("settings/shop", shop.settings_shop, name="settings_shop"),
    path("settings/stores/new", shop.settings_newstore, name="settings_newstore"),
    path("settings/stores/<str:store_id>", shop.settings_store, name="settings_store"),
    path("settings/me", profile.profile_edit, name="profile_edit"),
    # Staff
    path("settings/staff", staff.staff_list, name="staff_list"),
    path("settings/staff/invite", staff.staff_invite, name="staff_invite"),
    path("settings/staff/<str:staff_id>/role", staff.staff_change, name="staff_change"),
    path("settings/staff/<str:staff_id>/remove", staff.staff_remove, name="staff_remove"),
    path(
        "settings/invitations/<str:invitation_id>/resend",
        staff.staff_invitation_resend,
        name="staff_invitation_resend",
    ),
    path(
        "settings/invitations/<str:invitation_id>/revoke",
        staff.staff_invitation_revoke,
        name="staff_invitation_revoke",
    ),
    path("invitations/<str:token>", staff.invitation_accept, name="invitation_accept"),
    # API keys
    path("settings/api-keys", api_keys.api_keys_list, name="api_keys_list"),
    path("settings/api-keys/new", api_keys.api_keys_create, name="api_keys_create"),
    path("settings/api-keys/<str:key_id>/revoke", api_keys.api_keys_revoke, name="api_keys_revoke"),
    # Webhooks
    path("settings/webhooks", webhooks.webhooks_list, name="webhooks_list"),
    path("settings/webhooks/new", webhooks.webhooks_create, name="webhooks_create"),
    path(
        "settings/webhooks/messages/<str:message_id>/again",
        webhooks.webhooks_redeliver,
        name="webhooks_redeliver",
    ),
    path("settings/webhooks/<str:webhook_id>", webhooks.webhooks_page, name="webhooks_page"),
    path("settings/webhooks/<str:webhook_id>/delete", webhooks.webhooks_delete, name="webhooks_delete"),
    # Imports
    path("settings/imports", order_imports.order_imports_list, name="order_imports_list"),
    path("settings/imports/points", point_imports.point_imports_list, name="order_imports_points"),
    path("settings/imports/columns", import_columns.import_columns, name="order_imports_names"),
    path(
        "settings/imports/<str:import_id>/undo", point_imports.point_imports_undo, name="order_imports_undo"
    ),
    path("settings/imports/<str:import_id>", order_imports.order_imports_page, name="order_imports_page"),
    path(
        "settings/imports/<str:import_id>/columns",
        order_imports.order_imports_columns,
        name="order_imports_columns",
    ),
    path(
        "settings/imports/<str:import_id>/start",
        order_imports.order_imports_start,
        name="order_imports_start",
    ),
    path(
        "settings/imports/<str:import_id>/cancel",
        order_imports.order_imports_cancel,
        name="order_imports_cancel",
    ),
    path(
        "settings/imports/<str:import_id>/rejects",
        order_imports.order_imports_rejects,
        name="order_imports_rejects",
    ),
    # Audit log
    path("settings/audit-log", audit.audit_list, name="audit_list"),
    # Members
    path("members/", members.members_list, name="members_list"),
    path("members/segments", segments.segments_list, name="segments_list"),
    path("members/segments/new", segment_builder.segments_new, name="segments_new"),
    path("members/segments/<str:segment_id>", segments.segments_page, name="segments_page"),
    path("members/segments/<str:segment_id>/edit", segment_builder.segments_edit, name="segments_edit"),
    path("members/segments/<str:segment_id>/delete", segments.segments_delete, name="segments_delete"),
    path("members/segments/<str:segment_id>/snapshot", segments.segments_snapshot, name="segments_snapshot"),
    path("members/segments/<str:segment_id>/tag", segments.segments_tag, name="segments_tag"),
    path("members/segments/<str:segment_id>/members.csv", segments.segments_csv, name="segments_csv"),
    path("members/lifecycle", segment_lifecycle.segments_lifecycle, name="segments_lifecycle"),
    path("members/rfm", segment_lifecycle.segments_rfm, name="segments_rfm"),
    path("members/<str:member_id>", members.members_page, name="members_page"),
    path("members/<str:member_id>/phone", members.members_phone, name="members_phone"),
    path("members/<str:member_id>/adjust", member_points.members_adjust, name="members_adjust"),
    path("members/<str:member_id>/activity", member_activities.members_activity, name="members_activity"),
    path("members/<str:member_id>/tags", member_tags.members_tags, name="members_tags"),
    path("members/<str:member_id>/reverse", member_points.members_reverse, name="members_reverse"),
    path("members/<str:member_id>/give-back", member_points.members_giveback, name="members_giveback"),
    # Program
    path("program/", program.program_page, name="program_page"),
    path("program/open", program.program_open, name="program_open"),
    path("program/close", program.program_close, name="program_close"),
    path("program/tiers", tiers.tiers_edit, name="tiers_edit"),
    path("program/points", points.points_edit, name="points_edit"),
    path("program/earning", earning.earning_edit, name="earning_edit"),
    path("program/earning/campaigns", earning.campaign_edit, name="campaign_create"),
    path("program/earning/campaigns/<slug:code>", earning.campaign_edit, name="campaign_edit"),
    path("program/earning/campaigns/<slug:code>/end", earning.campaign_end, name="campaign_end"),
    path("program/ledger", ledger.ledger_list, name="ledger_list"),
    path("program/ledger.csv", ledger.ledger_csv, name="ledger_csv"),
    path("program/books", books.books_page, name="books_page"),
    path("program/books.csv", books.books_csv, name="books_csv"),
    path("program/books/liability.csv", books.books_liability, name="books_liability"),
    path("program/books/<str:month>", books.books_statement, name="books_statement"),
    path("program/books/<str:month>/statement.csv", books.books_statementcsv, name="books_statementcsv"),
    path("program/ledger/proposals", proposals.ledger_proposals, name="ledger_proposals"),
    path("program/ledger/proposals/<str:request_id>", proposals.ledger_decide, name="ledger_decide"),
]
