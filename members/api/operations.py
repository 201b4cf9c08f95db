"""One class per operation of the API: what comes in, what goes out, which scope it needs; and the one way through."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from members.api.fields import Strict
from members.api.problems import Malformed, flat, problem
from members.api.schema import OperationSchema
from members.lib.gate import Function, Gate
from members.lib.refusals import NotFound, ProgramCleared
from members.models import Merchant, Program
from members.services import api_keys, idempotency
from members.services.audit import Actor
from members.services.programs import require_open

KEY_HEADER = "Idempotency-Key"
LONGEST_PATH_PART = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: who asks, when, and what was sent. `at` is read from the clock once."""

    merchant: Merchant
    program: Program | None
    actor: Actor
    at: dt.datetime
    path: Mapping[str, str]
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers: JSON values, instants and days allowed, and the status."""

    body: Mapping[str, Any]
    status: int = 200


class Operation(APIView):
    """An operation. Its docstring is its description; the first line is its summary.

    `function` is what a clearance stops (the operation answers program-cleared then); `takes_key` whether it takes
    an Idempotency-Key; `refusals` are the slugs that its rule may answer with, for the schema.
    """

    gate = Gate("api")
    schema = OperationSchema()
    method: ClassVar[str] = "GET"
    scope: ClassVar[str] = ""
    tag: ClassVar[str] = ""
    function: ClassVar[Function] = ""
    takes_key: ClassVar[bool] = False
    query_in: ClassVar[type[Serializer] | None] = None
    body_in: ClassVar[type[Strict] | None] = None
    described_in: ClassVar[type[Strict] | None] = None  # for the schema, where `body_in` reads item by item
    example: ClassVar[dict[str, Any] | None] = None  # a body, for the schema and its page
    out: ClassVar[type[Serializer]]
    statuses: ClassVar[Mapping[int, str]] = {200: "Done"}
    refusals: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = cls.method.lower()
        cls.http_method_names = [name]
        setattr(cls, name, cls._serve)

    def answer(self, call: Call) -> Answer:
        """Do it. Refusals are raised."""
        raise NotImplementedError

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Always JSON, whatever is asked for."""
        return None, "application/json"

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Answers are about people and change: nobody keeps them."""
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)

    def _serve(self, request: Request, **path: str) -> HttpResponse:
        http: Any = request._request
        at = timezone.now()
        api_keys.note_use(key=http.api_key, on=timezone.localdate(at))
        call = Call(
            merchant=http.merchant,
            program=http.program,
            actor=Actor.key(http.api_key.name),
            at=at,
            path=_checked_path(path),
            query=self._query(http),
            body=self._body(http),
        )
        key = _key_of(http) if self.takes_key else ""
        if key:
            first = idempotency.claim(
                merchant_id=call.merchant.pk, key=key, body_hash=_hash_of(http, self.sent), at=at
            )
            if first is not None:
                return _json(first.text, first.status, {"Idempotency-Replayed": "true"})
        self._pass_clearance(call)
        answer = self.answer(call)
        text = json.dumps(answer.body, cls=_Encoder, ensure_ascii=False, separators=(",", ":"))
        text = text.encode(errors="replace").decode()  # what is told back may hold half a character
        if key:
            idempotency.keep(merchant_id=call.merchant.pk, key=key, status=answer.status, text=text)
        return _json(text, answer.status, {})

    def _pass_clearance(self, call: Call) -> None:
        """A clearance stops reading too, not only what the services refuse (domain.md 2)."""
        if self.function and call.program is not None and call.program.status == "cleared":
            require_open(call.program)
            raise ProgramCleared

    def _query(self, http: HttpRequest) -> dict[str, Any]:
        if self.query_in is None:
            if http.GET:
                name = next(iter(http.GET))[:80]
                raise Malformed(
                    _("There is no parameter “%(name)s” here.") % {"name": name},
                    {name: [str(_("There is no such parameter."))]},
                )
            return {}
        found = self.query_in(data=http.GET.dict())
        try:
            found.is_valid(raise_exception=True)
        except ValidationError as error:
            errors = flat(error.detail)
            place, texts = next(iter(errors.items()))
            raise Malformed(f"{place}: {texts[0]}", errors) from None
        return dict(found.validated_data)

    def _body(self, http: HttpRequest) -> dict[str, Any]:
        """The body as the operation's serializer reads it; `self.sent` is what came, for the hash of a key."""
        self.sent: Any = _read(http)
        if self.body_in is None:
            if self.sent:
                raise Malformed(_("This operation takes no body."))
            return {}
        found = self.body_in(data={} if self.sent is None else self.sent)
        found.is_valid(raise_exception=True)
        return dict(found.validated_data)


class _Encoder(JSONEncoder):
    """Instants in the shop's zone unless they name one; exact numbers as plain text, never in powers of ten."""

    def default(self, obj: Any) -> Any:
        if isinstance(obj, dt.datetime):
            return (timezone.localtime(obj) if obj.tzinfo is dt.UTC else obj).isoformat()
        return f"{obj:f}" if isinstance(obj, Decimal) else super().default(obj)


def _json(text: str, status: int, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="application/json", headers=headers)


def _read(http: HttpRequest) -> Any:
    """The JSON that was sent, fractions as exact numbers; None for nothing."""
    raw = http.body
    if not raw:
        return None
    kind = http.content_type or ""
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType(kind)
    try:
        return json.loads(
            raw.decode(), parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object
        )
    except (ValueError, RecursionError):
        raise Malformed(_("The body is not JSON.")) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises Malformed for a name that stands twice in one object: which of the two was meant nobody knows."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _value in pairs).most_common(1)[0][0][:80]
        text = _("“%(name)s” stands twice in the same object.") % {"name": twice}
        raise Malformed(text, {twice: [text]})
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _checked_path(path: Mapping[str, str]) -> Mapping[str, str]:
    if any("\x00" in part or len(part) > LONGEST_PATH_PART for part in path.values()):
        raise NotFound(_("There is nothing at this address."))
    return path


def _key_of(http: HttpRequest) -> str:
    """The idempotency key; "" when none was sent."""
    key = http.headers.get(KEY_HEADER)
    if key is None:
        return ""
    if not 1 <= len(key) <= idempotency.LONGEST_KEY or not (key.isascii() and key.isprintable()):
        text = _("A key has 1 to %(most)s printable ASCII characters.") % {"most": idempotency.LONGEST_KEY}
        raise Malformed(text, {KEY_HEADER: [text]})
    return key


def _hash_of(http: HttpRequest, sent: Any) -> str:
    """Method, path and canonical JSON: what makes two requests the same."""
    try:
        body = json.dumps(sent, sort_keys=True, separators=(",", ":"), default=str)
    except RecursionError:
        raise Malformed(_("The body is not JSON.")) from None
    return hashlib.sha256(f"{http.method}\n{http.path}\n{body}".encode()).hexdigest()


def endpoint(*operations: type[Operation]) -> Callable[..., HttpResponse]:
    """One address with an operation per method."""
    views = {operation.method: operation.as_view() for operation in operations}
    allow = ", ".join(sorted([*views, "OPTIONS", *(["HEAD"] if "GET" in views else [])]))

    @csrf_exempt
    def view(request: HttpRequest, **path: str) -> HttpResponse:
        if request.method == "HEAD" and "GET" in views:
            request.method = "GET"
            answer = views["GET"](request, **path)
            request.method = "HEAD"  # the server leaves the body out
            return answer
        found = views.get(request.method or "")
        if found is not None:
            return found(request, **path)
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allow})
        detail = _("This address knows %(methods)s.") % {"methods": allow}
        return problem("method-not-allowed", detail=detail, headers={"Allow": allow})

    view.gate = Gate("api")  # type: ignore[attr-defined]
    view.operations = operations  # type: ignore[attr-defined]
    return view
