"""Errors as problem+json."""

from __future__ import annotations

from rest_framework.views import exception_handler


def handle(error, context):
    """To be filled."""
    return exception_handler(error, context)
