"""The forms of a page, filled in as a browser would send them untouched."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

NOT_ASKED = {"csrfmiddlewaretoken", "next"}  # new on every page, and where one comes back to
SILENT = frozenset({"submit", "button", "reset", "image", "file"})


@dataclass
class Form:
    """One form: where it goes, how, and what it sends."""

    path: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """The same for two forms that send the same to the same place."""
        fields = sorted((name, *values) for name, values in self.fields.items() if name not in NOT_ASKED)
        return (self.method, self.path, *map(str, fields))

    def add(self, name: str | None, value: str | None) -> None:
        """One more value of a field."""
        if name:
            self.fields.setdefault(name, []).append(value or "")


class _Reader(HTMLParser):
    def __init__(self, here: str) -> None:
        super().__init__()
        self.here = here
        self.forms: list[Form] = []
        self.form: Form | None = None
        self.select: tuple[str, list[str], list[str]] | None = None  # name, selected, all
        self.text: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            url = urlsplit(urljoin(f"http://site{self.here}", given.get("action") or self.here))
            assert url.netloc == "site", f"a form that leaves the site: {url.geturl()}"
            self.form = Form(url.path, (given.get("method") or "get").lower())
            if url.query:
                self.form.path += f"?{url.query}"
            self.forms.append(self.form)
        elif self.form is None:
            return
        elif tag == "input":
            self._input(given)
        elif tag == "select":
            self.select = (given.get("name") or "", [], [])
        elif tag == "option" and self.select is not None:
            value = given.get("value") or ""
            self.select[2].append(value)
            if "selected" in given:
                self.select[1].append(value)
        elif tag == "textarea":
            self.text = (given.get("name") or "", [])
        elif tag == "button" and given.get("type", "submit") == "submit":
            self.form.add(given.get("name"), given.get("value"))

    def _input(self, given: dict[str, str | None]) -> None:
        assert self.form is not None
        kind = given.get("type") or "text"
        if kind in SILENT or "disabled" in given:
            return
        if kind in ("checkbox", "radio"):
            if "checked" in given:
                self.form.add(given.get("name"), given.get("value") or "on")
            return
        self.form.add(given.get("name"), given.get("value"))

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "select" and self.select is not None and self.form is not None:
            name, selected, every = self.select
            for value in selected or every[:1]:
                self.form.add(name, value)
            self.select = None
        elif tag == "textarea" and self.text is not None and self.form is not None:
            self.form.add(self.text[0], "".join(self.text[1]))
            self.text = None


def forms_of(html: str, here: str) -> list[Form]:
    """The forms of a page that stands at `here`."""
    reader = _Reader(here)
    reader.feed(html)
    return reader.forms
