"""The product's own application with one address more: a plain Django "hello", beside which P7 runs."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from members.lib.gate import Gate

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
settings.ROOT_URLCONF = __name__
application = get_wsgi_application()


def hello(request: HttpRequest) -> HttpResponse:
    """Hello."""
    return HttpResponse("hello")


hello.gate = Gate("public")  # type: ignore[attr-defined]
urlpatterns = [path("hello", hello), path("", include("config.urls"))]
