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

from django.db import transaction
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
from members.lib.refusals import NotFound
from members.models import Merchant, Program, ProgramStatus
from members.selectors import access
from members.services import api_keys, idempotency
from members.services.audit import Actor
from members.services.programs import require_open

KEY_HEADER = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}
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
    key: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers: JSON values, instants and days allowed, and the status.

    `is_replay`: the first answer to a key whose request came again, from an operation that keeps its keys itself.
    """

    body: Mapping[str, Any]
    status: int = 200
    is_replay: bool = False


class Operation(APIView):
    """An operation. Its docstring is its description; the first line is its summary.

    `function` is what a clearance stops (the operation answers program-cleared then), checked here unless
    `gates_itself`: where a service refuses, or the operation's own statement reads the program's state. `takes_key`:
    whether it takes an Idempotency-Key; `needs_key`: whether it is refused without one; `keeps_key`: whether its
    service remembers keys by itself, so that nothing is written down here. `refusals` are the slugs that its rule may
    answer with, for the schema.
    """

    gate = Gate("api")
    schema = OperationSchema()
    method: ClassVar[str] = "GET"
    scope: ClassVar[str] = ""
    tag: ClassVar[str] = ""
    function: ClassVar[Function] = ""
    gates_itself: ClassVar[bool] = False
    needs_program: ClassVar[bool] = False  # beyond what its gate asks
    takes_key: ClassVar[bool] = False
    needs_key: ClassVar[bool] = False
    keeps_key: ClassVar[bool] = False
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
        key = _key_of(http, is_needed=self.needs_key) if self.takes_key else ""
        call = Call(
            merchant=http.merchant,
            program=self._program(http.merchant),
            actor=Actor.key(http.api_key.name),
            at=at,
            path=_checked_path(path),
            query=self._query(http),
            body=self._body(http),
            key=key,
        )
        is_claimed = bool(key) and not self.keeps_key
        if is_claimed:
            first = idempotency.claim(
                merchant_id=call.merchant.pk, key=key, body_hash=_hash_of(http, self.sent), at=at
            )
            if first is not None:
                return _json(first.text, first.status, REPLAYED)
        if self.function and not self.gates_itself:
            pass_clearance(call.program)
        answer = self.answer(call)
        text = json.dumps(answer.body, cls=_Encoder, ensure_ascii=False, separators=(",", ":"))
        text = text.encode(errors="replace").decode()  # what is told back may hold half a character
        if is_claimed:
            idempotency.keep(merchant_id=call.merchant.pk, key=key, status=answer.status, text=text)
        return _json(text, answer.status, REPLAYED if answer.is_replay else {})

    def _program(self, merchant: Merchant) -> Program | None:
        is_needed = self.needs_program or (self.function and not self.gates_itself)
        return access.program_of(merchant=merchant) if is_needed else None

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


def pass_clearance(program: Program | None) -> None:
    """A clearance stops reading too, not only what the services refuse (domain.md 2). Raises ProgramCleared."""
    if program is not None and program.status == ProgramStatus.CLEARED:
        require_open(program)


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


def _key_of(http: HttpRequest, *, is_needed: bool) -> str:
    """The idempotency key; "" when none was sent. Raises Malformed for one out of shape, or missing where needed."""
    key = http.headers.get(KEY_HEADER)
    if key is None:
        if is_needed:
            missing = _("Send the header %(header)s: a key of your own, new for every new request.")
            text = missing % {"header": KEY_HEADER}
            raise Malformed(text, {KEY_HEADER: [text]})
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

    # The request's own transaction is enough: what is refused is undone with it.
    @transaction.non_atomic_requests
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
