"""The cache, which holds counts of rate limits: on the broker's server unless CACHE_URL names another.

It is never in the way of a request: one that is down answers as an empty one, so limits are off until it is back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

T = TypeVar("T")
log = structlog.get_logger(__name__)

TIMEOUT = 0.5  # seconds that a request waits for an answer of the cache
PAUSE = 5.0  # seconds for which one that did not answer is left alone
LAST_DATABASE = 15  # of a server as it comes


def redis_address(broker_url: str, *, beside: bool = False) -> str:
    """The broker's database as clients of Redis write it, or the next one on its server; "" where it is no Redis."""
    parts = urlsplit(broker_url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "redis+socket":
        number = _number(query.pop("virtual_host", ""), beside)
        return f"unix://{parts.netloc}{parts.path}?{urlencode({**query, 'db': number})}"
    if parts.scheme not in ("redis", "rediss"):
        return ""
    if "ssl_cert_reqs" in query:  # CERT_REQUIRED, as Celery writes it
        query["ssl_cert_reqs"] = query["ssl_cert_reqs"].removeprefix("CERT_").lower()
    address = f"{parts.scheme}://{parts.netloc}/{_number(parts.path.strip('/'), beside)}"
    return f"{address}?{urlencode(query)}" if query else address


def _number(database: str, beside: bool) -> int:
    number = int(database) if database.isdecimal() else 0
    if not beside:
        return number
    return number + 1 if number < LAST_DATABASE else number - 1


class Json:
    """Values as JSON, so that who can write to the server can run nothing here; whole numbers can be counted up."""

    def dumps(self, value: Any) -> str:
        """What is kept."""
        return json.dumps(value)

    def loads(self, kept: bytes) -> Any:
        """What was kept."""
        return json.loads(kept)


COUNT_UP = "if redis.call('exists', KEYS[1]) == 1 then return redis.call('incrby', KEYS[1], ARGV[1]) end"


class Client(RedisCacheClient):
    """Django's client that counts up in one step: of two, the key may end in between and come back without an end."""

    def incr(self, key: Any, delta: int) -> int:
        """Raises ValueError when the key is not there."""
        count = self.get_client(key, write=True).eval(COUNT_UP, 1, key, delta)
        if count is None:
            raise ValueError(f"Key '{key}' not found.")
        return count


class Cache(RedisCache):
    """Django's Redis cache that answers as an empty one while its server is down, and keeps nothing without an end.

    An outage is logged once by each process. While it lasts the server is asked every PAUSE, so requests do not wait.
    """

    _lock: ClassVar[threading.Lock] = threading.Lock()
    _ask_again_at: ClassVar[float] = 0.0  # of the whole process, whose threads have a cache each; 0: it is up

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        options = {
            "serializer": Json,
            "socket_connect_timeout": TIMEOUT,
            "socket_timeout": TIMEOUT,
            "retry": Retry(NoBackoff(), 1),  # a connection that broke while idle
        }
        super().__init__(server, {**params, "OPTIONS": {**options, **params.get("OPTIONS", {})}})
        self._class = Client

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """Seconds; never without an end, since the broker's server throws nothing out when it is full."""
        return super().get_backend_timeout(DEFAULT_TIMEOUT if timeout is None else timeout)

    def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        if time.monotonic() < Cache._ask_again_at:
            return otherwise
        try:
            answer = question()
        except (RedisError, OSError) as error:
            self._is_down(error)
            return otherwise
        self._is_up()
        return answer

    @staticmethod
    def _is_down(error: Exception) -> None:
        with Cache._lock:
            was_up, Cache._ask_again_at = not Cache._ask_again_at, time.monotonic() + PAUSE
        if was_up:
            log.error("cache_unavailable", error=f"{type(error).__name__}: {error}", effect="no rate limits")

    @staticmethod
    def _is_up() -> None:
        if not Cache._ask_again_at:
            return
        with Cache._lock:
            was_down, Cache._ask_again_at = bool(Cache._ask_again_at), 0.0
        if was_down:
            log.warning("cache_available")

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return self._ask(lambda: super(Cache, self).add(key, value, timeout, version), True)

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self._ask(lambda: super(Cache, self).get(key, default, version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        self._ask(lambda: super(Cache, self).set(key, value, timeout, version), None)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return self._ask(lambda: super(Cache, self).touch(key, timeout, version), False)

    def delete(self, key: Any, version: Any = None) -> bool:
        return self._ask(lambda: super(Cache, self).delete(key, version), False)

    def has_key(self, key: Any, version: Any = None) -> bool:
        return self._ask(lambda: super(Cache, self).has_key(key, version), False)

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """Raises ValueError when the key is not there, as of a cache that is down."""
        count = self._ask(lambda: super(Cache, self).incr(key, delta, version), None)
        if count is None:
            raise ValueError(f"Key '{key}' not found.")
        return count

    def get_many(self, keys: Any, version: Any = None) -> dict[Any, Any]:
        return self._ask(lambda: super(Cache, self).get_many(keys, version), {})

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> list[Any]:
        return self._ask(lambda: super(Cache, self).set_many(data, timeout, version), list(data))

    def delete_many(self, keys: Any, version: Any = None) -> None:
        self._ask(lambda: super(Cache, self).delete_many(keys, version), None)

    def clear(self) -> None:
        self._ask(lambda: super(Cache, self).clear(), None)
