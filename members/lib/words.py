"""Sentences for people, from rules that know no web framework.

A rule writes `_("Line %(line)s does not exist.", line=3)`; `makemessages` finds it by the name `_`, and the
sentence is put into a language only when somebody reads it. The composition root tells this module once how
to translate (`use(gettext)`); without that it speaks English, the source language.
"""

from __future__ import annotations

from collections.abc import Callable


def _as_written(text: str) -> str:
    return text


_translate: Callable[[str], str] = _as_written


def use(translate: Callable[[str], str]) -> None:
    """Translate every sentence through `translate` from now on, read or yet to be read."""
    global _translate
    _translate = translate


class Sentence:
    """A sentence with named placeholders, translated each time it is read."""

    __slots__ = ("template", "values")

    def __init__(self, template: str, values: dict[str, object]) -> None:
        self.template = template
        self.values = values

    def __str__(self) -> str:
        text = _translate(self.template)
        return text % self.values if self.values else text

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"


def sentence(template: str, **values: object) -> Sentence:
    """A sentence to be translated later; import it as `_` so that the catalogue finds it."""
    return Sentence(template, values)
