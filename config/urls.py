"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from members.web import errors

urlpatterns = [
    path("api/v1/", include("config.api_urls")),  # first: tills wait, and addresses are tried in turn
    path("", include("members.web.urls")),
    path("benefits/", include("benefits.web.urls")),
    path("draws/", include("benefits.web.draw_urls")),
    path("m/<str:token>/", include("benefits.web.own_urls")),  # on the page that a member sees of their own
    path("", include("compliance.web.urls")),
    path("accounts/", include("allauth.urls")),
    path("platform/", admin.site.urls),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler429 = errors.too_many_requests  # asked for by allauth
handler500 = errors.server_error
