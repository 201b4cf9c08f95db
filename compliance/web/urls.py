"""Addresses of the pages of compliance."""

from __future__ import annotations

from django.urls import path

from compliance.web import (
    appeal_threads,
    appeals,
    cures,
    evidence,
    grade,
    home,
    notices,
    receipts,
    rules,
    status,
)

app_name = "compliance"
urlpatterns = [
    path("", home.home, name="home"),
    path("share.csv", home.share_csv, name="share_csv"),
    path("compliance/", status.status, name="status"),
    path("compliance/evidence/", evidence.evidence, name="evidence"),
    path("compliance/evidence.csv", evidence.evidence_csv, name="evidence_csv"),
    path("compliance/notices/", notices.notices, name="notices"),
    path("compliance/rules/", rules.rules, name="rules"),
    path("compliance/rules/<str:draft_id>/", rules.rules_draft, name="rules_draft"),
    path("compliance/appeals/", appeals.appeals_page, name="appeals"),
    path("compliance/appeals/draft", appeal_threads.appeal_draft, name="appeal_draft"),
    path("compliance/appeals/<str:appeal_id>/", appeal_threads.appeal_page, name="appeal"),
    path(
        "compliance/appeals/<str:appeal_id>/files/<str:file_id>",
        appeal_threads.appeal_file,
        name="appeal_file",
    ),
    path("compliance/appeals/<str:appeal_id>/withdraw", appeals.appeals_withdraw, name="appeals_withdraw"),
    path("compliance/grade", grade.grade, name="grade"),
    path("compliance/cure", cures.cure, name="cure"),
    path("compliance/receipts", receipts.receipt, name="receipt"),
    path("compliance/final-notice", receipts.final_notice, name="final_notice"),
    path("compliance/banner/hide", receipts.banner_hide, name="banner_hide"),
]
