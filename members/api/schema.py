"""The API's own description, OpenAPI 3.1, made from the operations themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from members.api.webhook_schema import webhooks
from members.lib.problems import MEDIA_TYPE, PROBLEMS, REFUSED

PATHS = {
    "member_id": "Id of a member.",
    "benefit_id": "Id of a benefit.",
    "campaign_id": "Id of the campaign.",
    "reward_order_id": "Id of an order of a reward.",
    "plan_id": "Id of a plan.",
    "subscription_id": "Id of a membership term.",
    "redemption_id": "Id of a redemption, or of a hold that was captured.",
    "hold_id": "Id of a hold.",
    "code": "Code of an entitlement, as it is typed or scanned.",
    "use_id": "Id of a redemption of that code.",
    "sku": "The SKU, as the shop system knows it.",
    "channel": "Channel of the order: taobao, tmall, jd, douyin, wechat, meituan, pos, web or other.",
    "external_id": "The order's number on its channel.",
}


def key_parameter(*, is_needed: bool) -> OpenApiParameter:
    """The header that makes a write harmless to repeat."""
    return OpenApiParameter(
        name="Idempotency-Key",
        location=OpenApiParameter.HEADER,
        required=is_needed,
        type={"type": "string", "minLength": 1, "maxLength": 120},
        description=(
            "A key of your own, new for every new request. The same key with the same body gives the first answer "
            "again for 30 days, with the header `Idempotency-Replayed: true`; with another body 409. A refused "
            "request keeps no key."
        ),
    )


class Problem(serializers.Serializer):
    """An error (RFC 9457)."""

    type = serializers.CharField(help_text="A slug that never changes, such as `not-found`.")
    title = serializers.CharField(help_text="What kind of error it is.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(
        required=False, help_text="What happened and how to go on, in the language of `Accept-Language`."
    )
    errors = serializers.DictField(  # type: ignore[assignment]
        required=False,
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What is wrong with which field, by its place, such as `lines[0].sku`.",
    )
    available = serializers.IntegerField(
        required=False, help_text="With `insufficient-points`: how many points there are."
    )


class OperationSchema(AutoSchema):
    """Reads an operation's class."""

    view: Any

    def get_operation_id(self) -> str:
        name = type(self.view).__name__
        return name[0].lower() + name[1:]

    def get_summary(self) -> str:
        return inspect.getdoc(type(self.view)).partition("\n")[0].rstrip(".")  # type: ignore[union-attr]

    def get_description(self) -> str:  # type: ignore[override]
        text = inspect.getdoc(type(self.view)).partition("\n")[2].strip()  # type: ignore[union-attr]
        return f"{text}\n\nScope: `{self.view.scope}`.".strip()

    def get_tags(self) -> list[str]:
        return [self.view.tag]

    def get_auth(self) -> list[dict[str, Any]]:
        return [{"key": [self.view.scope]}]

    def get_filter_backends(self) -> list[Any]:
        return []

    def get_override_parameters(self) -> list[Any]:
        found: list[Any] = [
            OpenApiParameter(
                name=name,
                location=OpenApiParameter.PATH,
                required=True,
                type={"type": "string", "minLength": 1},
                description=PATHS[name],
            )
            for name in re.findall(r"{(\w+)}", self.path)
        ]
        if self.view.query_in is not None:
            found.append(self.view.query_in)
        return [*found, key_parameter(is_needed=self.view.needs_key)] if self.view.takes_key else found

    def get_request_serializer(self) -> Any:
        return self.view.described_in or self.view.body_in

    def _get_request_body(self, direction: str = "request") -> Any:
        found = super()._get_request_body(direction)
        if found and self.view.example is not None:
            found["content"]["application/json"]["example"] = self.view.example
        return found

    def get_response_serializers(self) -> Any:
        answers: dict[Any, Any] = {
            (str(status), "application/json"): OpenApiResponse(self.view.out, description=text)
            for status, text in self.view.statuses.items()
        }
        for status, slugs in sorted(self._problems().items()):
            told = ", ".join(f"`{slug}`" for slug in slugs)
            answers[(str(status), MEDIA_TYPE)] = OpenApiResponse(Problem, description=told)
        return answers

    def _problems(self) -> dict[int, list[str]]:
        slugs = [
            "malformed",
            "unauthenticated",
            "scope-missing",
            "too-many-requests",
            "server-error",
            "unavailable",
        ]
        if "{" in self.path:
            slugs.append("not-found")
        if self.view.function:
            slugs.append("program-cleared")
        if self.view.takes_key:
            slugs.append("idempotency-conflict")
        if self.view.body_in is not None:
            slugs += ["invalid", "too-large", "unsupported-media-type"]
        found: dict[int, list[str]] = {}
        for slug in dict.fromkeys([*slugs, *self.view.refusals]):
            found.setdefault(PROBLEMS.get(slug, REFUSED)[0], []).append(slug)
        return found

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        found = super()._map_basic_serializer(serializer, direction)
        if direction == "request":
            found["additionalProperties"] = False
        return found


class Operations(EndpointEnumerator):
    """The operations of every address."""

    def _get_api_endpoints(self, patterns: Any, prefix: str) -> list[tuple[str, str, str, Any]]:
        return list(self._found(get_resolver().url_patterns if patterns is None else patterns, prefix))

    def _found(self, patterns: Any, prefix: str) -> Iterator[tuple[str, str, str, Any]]:
        for pattern in patterns:
            place = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from self._found(pattern.url_patterns, place)
            elif isinstance(pattern, URLPattern):
                for operation in getattr(pattern.callback, "operations", ()):
                    yield self.get_path_from_regex(place), place, operation.method, operation.as_view()


class Generator(SchemaGenerator):
    """OpenAPI of the operations."""

    endpoint_inspector_cls = Operations


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The document; made once per process, in English."""
    with translation.override("en"):
        found: dict[str, Any] = Generator().get_schema(request=None, public=True)
        found["webhooks"] = webhooks()
    return found
