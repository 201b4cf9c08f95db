"""The demo's accounts on the sign-in page."""

from __future__ import annotations

from typing import Any

from django import template

from members.web import demo

register = template.Library()


@register.simple_tag
def demo_accounts() -> list[dict[str, Any]]:
    """The accounts that can be entered in one click; none outside a demo."""
    return demo.accounts()
