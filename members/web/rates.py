"""How often somebody may ask for a public page: one counter for each visitor in fixed windows of the clock."""

from __future__ import annotations

import time

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle


def seconds_to_wait(request: HttpRequest, *, name: str, rate: str) -> int:
    """Seconds until the visitor's address may ask for `name` again; 0 while it may. `rate` as in API_RATE."""
    most, duration = SimpleRateThrottle.parse_rate(None, rate)  # type: ignore[arg-type]
    if not most or not duration:
        return 0
    window, passed = divmod(time.time(), duration)
    counter = f"rate-{name}-{get_adapter().get_client_ip(request)}-{int(window)}"
    try:
        count = cache.incr(counter)
    except ValueError:  # the first of its window, or the cache is down
        cache.add(counter, 1, timeout=duration)
        return 0
    return int(duration - passed) + 1 if count > most else 0
