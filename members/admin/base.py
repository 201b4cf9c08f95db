"""What the platform's pages have in common: read-only lists that never count millions, and pages of facts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from members.models import Merchant, User
from members.services.audit import Actor

NOTHING = "--"
PER_PAGE = 50
COUNTED = 10_000  # rows that a list counts and pages through; what is beyond is found by filters
SEARCHED = 500  # merchants that a search for a name may stand for
READING = ("GET", "HEAD", "OPTIONS")


class CappedPaginator(Paginator):
    """Counts at most `COUNTED` rows; beyond that the planner's estimate is shown, and filters find the rest."""

    @cached_property
    def found(self) -> int:
        """Rows up to one more than are counted."""
        rows: Any = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        return rows.order_by().values("pk")[: COUNTED + 1].count()

    @property
    def count(self) -> int:
        """Rows that can be paged through."""
        return min(self.found, COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than are counted."""
        return self.found > COUNTED

    @cached_property
    def estimate(self) -> int:
        """About how many rows there are, as the query planner sees it."""
        if not self.is_capped:
            return self.count
        rows: Any = self.object_list
        plan = rows.order_by().values("pk").explain(format="json")
        return max(int(json.loads(plan)[0]["Plan"]["Plan Rows"]), COUNTED)


class PageOfRows(ChangeList):
    """A list whose rows of one page may be completed with a query for all of them (`ReadOnlyAdmin.complete`)."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows of the page."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        admin: Any = self.model_admin
        admin.complete(self.result_list)


class ReadOnlyAdmin(admin.ModelAdmin):
    """A list to look at: nothing is added, changed or deleted here, whoever asks."""

    actions = None
    paginator = CappedPaginator
    list_per_page = PER_PAGE
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()  # no order that would have to sort millions of rows
    view_on_site = False
    add_label: Any = ""  # what the button that adds says
    heading: Any = ""  # what the list is called; its model's name unless said otherwise

    @property
    def name_of_list(self) -> str:
        """What the menu and the pages call the list."""
        return str(self.heading or capfirst(self.opts.verbose_name_plural))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list under its own name."""
        named = {"title": self.name_of_list, "list_name": self.name_of_list, "add_label": self.add_label}
        return super().changelist_view(request, {**named, **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PageOfRows

    def complete(self, rows: list[Any]) -> None:
        """Look up what the rows of a page show beyond their own columns; a query for all, not one each."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What was done is in the audit logs; Django's own list of admin edits would be empty."""
        raise PermissionDenied

    def not_found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Back to the workbench, with a word."""
        answer: Any = self
        return answer._get_obj_does_not_exist_redirect(request, self.opts, object_id)

    def may(self, request: HttpRequest, action: str) -> bool:
        """Whether the admin has Django's permission ("add", "change") for this kind of row."""
        return request.user.has_perm(f"{self.opts.app_label}.{action}_{self.opts.model_name}")


@dataclass
class Table:
    """A table of a page: heads, rows of cells; `numbers` are the places of right-aligned columns."""

    title: Any
    heads: Sequence[Any]
    rows: Sequence[Sequence[Any]] = ()
    empty: Any = ""
    note: Any = ""
    numbers: Sequence[int] = ()

    @property
    def lines(self) -> list[list[tuple[Any, Any, bool]]]:
        """Rows of (head, cell, whether it is a number): a narrow screen shows each cell with its head."""
        return [
            [(self.heads[place], cell, place in self.numbers) for place, cell in enumerate(row)]
            for row in self.rows
        ]


@dataclass
class Page:
    """What a page of one object shows: facts, sentences, tables, links to what belongs to it."""

    title: Any
    facts: list[tuple[Any, Any]] = field(default_factory=list)
    sentences: list[Any] = field(default_factory=list)
    sentences_title: Any = ""
    tables: list[Table] = field(default_factory=list)
    links: list[tuple[Any, str]] = field(default_factory=list)


class FactsAdmin(ReadOnlyAdmin):
    """A list whose objects have a page of facts (`page_of`) in place of a form."""

    object_template = "admin/platform/object.html"

    def page_of(self, request: HttpRequest, obj: Any) -> Page:
        """The page of one object."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of facts; read only."""
        obj = self.get_object(request, unquote(object_id))
        if request.method not in READING or not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return self.not_found(request, object_id)
        return self.render(request, self.object_template, self.page_of(request, obj), obj, extra_context)

    def render(
        self, request: HttpRequest, template: str, page: Page, obj: Any = None, extra: Any = None
    ) -> HttpResponse:
        """A page inside the admin's frame."""
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": page.title,
            "subtitle": None,
            "page": page,
            "list_name": self.name_of_list,
            "list_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
            **(extra or {}),
        }
        return TemplateResponse(request, template, context)


class ByMerchant(ReadOnlyAdmin):
    """Lists of merchants' rows: a search names merchants, and the rows are found by their key."""

    search_fields = ("merchant__slug",)  # shows the box; the search itself is below
    search_help_text = _("Name or short name of a merchant")
    merchant_field = "merchant_id"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows of the merchants that the words name."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(**{f"{self.merchant_field}__in": merchants_named(search_term)}), False


def merchants_named(words: str) -> list[int]:
    """Ids of the merchants that some words name: the one of that short name, else all whose short name begins with
    them or whose name contains them; at most `SEARCHED`."""
    words = words.strip()
    exact = list(Merchant.objects.filter(slug=words.lower()).values_list("id", flat=True))
    if exact:
        return exact
    found = Merchant.objects.filter(Q(slug__startswith=words.lower()) | Q(name__icontains=words))
    return list(found.order_by("id").values_list("id", flat=True)[:SEARCHED])


def when(at: dt.datetime | None) -> str:
    """An instant as people read it, in the platform's zone."""
    return NOTHING if at is None else date_format(timezone.localtime(at), "Y-m-d H:i")


def day(on: dt.date | None) -> str:
    """A day as people read it."""
    return NOTHING if on is None else on.isoformat()


def number(count: int | None) -> str:
    """A whole number with separators."""
    return NOTHING if count is None else f"{count:,}"


def chip(level: str, text: Any) -> SafeString:
    """A word with a colour: neutral, info, success, warning or critical."""
    return format_html('<span class="ls-chip ls-{}">{}</span>', level, text)


def link(url: str, text: Any) -> SafeString:
    """A link."""
    return format_html('<a href="{}">{}</a>', url, text)


def address(model: type[Model], key: Any) -> str:
    """The page of an object."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])


def listing(model: type[Model], **query: Any) -> str:
    """A list, filtered."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{'&'.join(f'{key}={value}' for key, value in query.items())}" if query else url


def object_link(obj: Model | None, text: Any = None) -> str:
    """A link to an object's page; "--" for none."""
    return NOTHING if obj is None else link(address(type(obj), obj.pk), text or str(obj))


def actor(request: HttpRequest) -> Actor:
    """The admin who does it, for the audit log."""
    return Actor.admin(cast(User, request.user))


class Choices(admin.SimpleListFilter):
    """A filter of some named queries: `options` maps a value to its label and the condition it stands for."""

    options: dict[str, tuple[Any, Q]] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(value, label) for value, (label, _condition) in self.options.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value not in self.options:
            raise IncorrectLookupParameters
        return queryset.filter(self.options[value][1])
