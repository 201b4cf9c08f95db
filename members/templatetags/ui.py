"""The parts pages are made of: fields, chips, meters, lists, drawers. Charts are in `charts.py`, loaded with them.

Inline styles are refused by the content security policy, so every computed length is an SVG attribute.
"""

from __future__ import annotations

import secrets
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.forms import BoundField
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from members.templatetags.charts import linechart, percent_text, spark_box, sparkline
from members.templatetags.columns import columns
from members.templatetags.sankey import sankey
from members.templatetags.waterfall import waterfall

register = template.Library()
register.inclusion_tag("components/linechart.html")(linechart)
register.inclusion_tag("components/sparkline.html")(sparkline)
register.inclusion_tag("components/columns.html")(columns)
register.inclusion_tag("components/sankey.html")(sankey)
register.inclusion_tag("components/waterfall.html")(waterfall)

CHOICE_WIDGETS = (forms.RadioSelect, forms.CheckboxSelectMultiple)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One drawing of the sprite in `frame/_icons.html`; decorative unless it has a label."""
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="#i-{}"/></svg>', label, name
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def chip(level: str, text: str, icon: str = "") -> SafeString:
    """A state in a word: neutral, info, accent, success, warning, critical."""
    drawing = (
        format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', icon) if icon else ""
    )
    return format_html('<span class="chip chip-{}">{}{}</span>', level or "neutral", drawing, text)


def _control_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput):
        return "form-check-input"
    if isinstance(widget, CHOICE_WIDGETS):
        return ""
    if isinstance(widget, forms.Select):
        return "form-select"
    return "form-control"


def _control(bound: BoundField, bare: bool) -> SafeString:
    widget = bound.field.widget
    attrs: dict[str, Any] = {}
    own = widget.attrs.get("class", "")
    names = [own, _control_class(widget), "is-invalid" if bound.errors else ""]
    if css := " ".join(n for n in names if n):
        attrs["class"] = css
    if isinstance(widget, forms.NumberInput):
        # A number box drops what it cannot read; as text the entry is kept and the form says what is wrong.
        widget.input_type = "text"
        for name in ("step", "min", "max"):
            widget.attrs.pop(name, None)
        fraction = isinstance(bound.field, forms.DecimalField | forms.FloatField)
        attrs["inputmode"] = "decimal" if fraction else "numeric"
        attrs["autocomplete"] = "off"
    if str(widget.attrs.get("placeholder", "")) == str(bound.label):
        del widget.attrs["placeholder"]
    if isinstance(widget, forms.DateInput):
        widget.format = "%Y-%m-%d"
        attrs |= {"placeholder": "2026-06-30", "data-date": "", "autocomplete": "off"}
    if bare and bound.label:
        attrs.setdefault("aria-label", bound.label)
    return bound.as_widget(attrs=attrs)


@register.inclusion_tag("components/field.html")
def field(
    bound: BoundField | str,
    prefix: str = "",
    suffix: str = "",
    width: str = "",
    as_cards: bool = False,
    bare: bool = False,
) -> dict[str, Any]:
    """One form field with its label, help and error. `bare` leaves only the control, its label spoken."""
    if not isinstance(bound, BoundField):  # a name the form does not have
        return {"missing": True}
    widget = bound.field.widget
    choices = isinstance(widget, CHOICE_WIDGETS)
    return {
        "field": bound,
        "control": "" if choices else _control(bound, bare),
        "is_check": isinstance(widget, forms.CheckboxInput),
        "is_choices": choices,
        "is_hidden": bound.is_hidden,
        "prefix": prefix,
        "suffix": suffix,
        "width": width,
        "as_cards": as_cards,
        "bare": bare,
        "described": bound.aria_describedby if not bound.is_hidden else "",
    }


@register.inclusion_tag("components/form_fields.html")
def form_fields(form: forms.BaseForm) -> dict[str, Any]:
    """Every field of a form in its order."""
    return {"form": form}


@register.inclusion_tag("components/error_summary.html")
def error_summary(form: forms.BaseForm | list[forms.BaseForm], *more: forms.BaseForm) -> dict[str, Any]:
    """What is wrong in a form (or a list of them), each error a link to its field. Takes focus; nothing when valid."""
    items = []
    general = []
    for one in (*(form if isinstance(form, list) else [form]), *more):
        if not one or not getattr(one, "is_bound", False):
            continue
        general += list(one.non_field_errors())
        for bound in one:
            # Radios carry a number each; the first one takes the focus.
            target = bound.id_for_label or bound.auto_id
            items += [{"target": target, "label": bound.label, "text": error} for error in bound.errors]
    return {"general": general, "items": items}


@register.inclusion_tag("components/kpi.html")
def kpi(
    label: str,
    value: Any,
    unit: str = "",
    window: str = "",
    note: str = "",
    note_level: str = "",
    target: str = "",
    level: int | None = None,
    mark: int | None = None,
    values: list[int] | None = None,
    goal: int | None = None,
    url: str = "",
    explain: str = "",
) -> dict[str, Any]:
    """A figure against its target. `level` and `mark` in per mille of the meter, `values` a short series of ints."""
    return {
        "label": label, "value": value, "unit": unit, "window": window, "note": note,
        "note_level": note_level, "target": target, "url": url, "explain": explain,
        "meter": level_box(level, mark) if level is not None else None,
        "spark": spark_box(values, goal) if values else None,
    }  # fmt: skip


def level_box(level: int | None, mark: int | None) -> dict[str, str]:
    """Per mille to SVG lengths; the mark stays inside the drawing."""
    filled = min(max(int(level or 0), 0), 1000)
    box = {"width": percent_text(filled)}
    if mark is not None:
        box["mark"] = percent_text(min(max(int(mark), 0), 994))
    return box


@register.inclusion_tag("components/level.html")
def level(value: int, mark: int | None = None, label: str = "", size: str = "") -> dict[str, Any]:
    """A meter read as a water level: per mille filled, with a mark. `size="l"` is the thick one."""
    return {"meter": level_box(value, mark), "label": label, "size": size}


@register.inclusion_tag("components/track.html")
def track(
    value: int, label: str, start: str = "", end: str = "", marks: list[tuple[int, str]] | None = None
) -> dict[str, Any]:
    """How far along a way with stations: per mille filled, marks as (per mille, text), a text at both ends."""
    stations = [
        {
            "x": percent_text(min(max(int(at), 0), 1000)),
            "text": text,
            "anchor": "middle" if 120 < at < 880 else "start",
        }
        for at, text in marks or []
    ]
    return {
        "width": percent_text(min(max(int(value), 0), 1000)), "label": label,
        "start": start, "end": end, "marks": stations,
    }  # fmt: skip


@register.inclusion_tag("components/progress.html")
def progress(done: int, total: int, label: str = "", note: str = "") -> dict[str, Any]:
    """A progress bar with its counts; total 0 means not known yet."""
    share = int(done) * 1000 // int(total) if total else 0
    return {"done": done, "total": total, "label": label, "note": note, "share": share // 10}


@register.inclusion_tag("components/empty.html")
def empty(
    title: str,
    text: str = "",
    url: str = "",
    label: str = "",
    secondary_url: str = "",
    secondary_label: str = "",
) -> dict[str, Any]:
    """What stands where a list would be, with the step that fills it."""
    return {
        "title": title, "text": text, "url": url, "label": label,
        "secondary_url": secondary_url, "secondary_label": secondary_label,
    }  # fmt: skip


@register.inclusion_tag("components/tabs.html")
def tabs(items: list[dict[str, Any]], label: str = "") -> dict[str, Any]:
    """Links that look like tabs: [{"label", "url", "current", "count"}]."""
    return {"items": items, "label": label}


@register.inclusion_tag("components/secret.html")
def secret(value: str, label: str = "", note: str = "") -> dict[str, Any]:
    """A secret that is shown once, with a button that copies it."""
    return {"value": value, "label": label, "note": note, "uid": f"secret-{secrets.token_hex(3)}"}


@register.inclusion_tag("components/pager.html", takes_context=True)
def pager(context: template.Context, page: Page, param: str = "page") -> dict[str, Any]:
    """Pages of a list; keeps every other parameter of the address."""
    request = context.get("request")
    query = request.GET.copy() if request else None
    if query is not None:
        query.pop(param, None)
    rest = query.urlencode() if query else ""
    base = f"?{rest}&{param}=" if rest else f"?{param}="
    numbers = [
        n if isinstance(n, int) else None
        for n in page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    ]
    return {"page": page, "base": base, "numbers": numbers, "total": page.paginator.count}


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The present address's parameters with some changed; None removes one."""
    request = context.get("request")
    parameters = request.GET.copy() if request else QueryDict(mutable=True)
    for name, value in changes.items():
        if value is None or value == "":
            parameters.pop(name, None)
        else:
            parameters[name] = value
    return f"?{parameters.urlencode()}" if parameters else "?"


def _wrap(template_name: str, content: str, /, **context: Any) -> SafeString:
    # The content comes from the template engine, which has escaped it already.
    return render_to_string(f"components/{template_name}.html", {"content": mark_safe(content), **context})


@register.simple_block_tag
def drawer(content: str, id: str, title: str, note: str = "", wide: bool = False) -> SafeString:  # noqa: A002
    """A panel at the right, opened by its address (`#id`)."""
    return _wrap("drawer", content, id=id, title=title, note=note, wide=wide)


@register.simple_block_tag
def dialog(content: str, id: str, title: str, note: str = "") -> SafeString:  # noqa: A002
    """A dialog in the middle, opened by its address (`#id`)."""
    return _wrap("dialog", content, id=id, title=title, note=note)


@register.inclusion_tag("components/confirm.html", takes_context=True)
def confirm(
    context: template.Context,
    id: str,  # noqa: A002
    title: str,
    url: str,
    label: str,
    text: str = "",
    danger: bool = False,
    name: str = "",
    value: str = "",
) -> dict[str, Any]:
    """A dialog that asks and posts one form."""
    return {
        "id": id, "title": title, "url": url, "label": label, "text": text, "danger": danger,
        "name": name, "value": value, "csrf_token": context.get("csrf_token"),
    }  # fmt: skip


@register.simple_block_tag
def explain(content: str, title: str) -> SafeString:
    """The "?" that opens a definition."""
    return _wrap("explain", content, title=title)


@register.simple_block_tag
def pick(
    content: str,
    name: str,
    value: str,
    title: str,
    checked: bool = False,
    kind: str = "radio",
    note: str = "",
) -> SafeString:
    """A radio or checkbox as a card."""
    return _wrap("pick", content, name=name, value=value, title=title, checked=checked, kind=kind, note=note)


@register.simple_block_tag
def filter_bar(
    content: str, action: str = "", search: str | None = None, placeholder: str = ""
) -> SafeString:
    """A GET form over a list. `search` (the present text, "" for none) adds the search box named `q`."""
    return _wrap("filter_bar", content, action=action, search=search, placeholder=placeholder)
