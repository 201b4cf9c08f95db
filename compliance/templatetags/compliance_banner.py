"""The compliance banner: called by `base.html` on every page of the console, so that pieces never pay for it."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("compliance/_banner.html", takes_context=True)
def compliance_banner(context: template.Context) -> dict[str, Any]:
    """The banner of the present merchant; nothing to say yet, only its place on the page."""
    return {
        "banner": None,
        "request": context.get("request"),
        "csrf_token": context.get("csrf_token"),
    }
