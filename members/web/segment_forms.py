"""The builder of a segment's rule: a tree of forms that is taken apart and put together by submissions alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.lib.refusals import Invalid
from members.lib.segments import FACTS, GROUPS, LONGEST_TAG, MOST_DAYS, MOST_DEPTH, Rule
from members.selectors.segments import Shop
from members.services.segments import LONGEST_NAME
from members.web import segment_words as words
from members.web.forms import OnceField
from members.web.number_fields import MoneyField, WholeField

MOST_NODES = 60
NEW_CONDITION: dict[str, Any] = {"fact": "spend", "op": "at_least", "value": "", "days": "90"}


class NameForm(forms.Form):
    """What a segment is called; and that it may mean everybody, once that is asked."""

    name = forms.CharField(label=_("Name"), max_length=LONGEST_NAME, strip=True)
    once = OnceField()
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    everybody = forms.BooleanField(label=_("Yes, this segment means every member"), required=False)
    asks_everybody = False


class GroupForm(forms.Form):
    """How the parts of a group go together."""

    match = forms.ChoiceField(
        label=_("Who fits"), choices=[(name, words.GROUP_WORDS[name]) for name in GROUPS], initial="all"
    )


@dataclass(frozen=True, slots=True)
class Offers:
    """What the builder can offer of this shop."""

    shop: Shop
    tags: list[str]
    own_id: str = ""

    def facts(self, present: str) -> list[tuple[str, Any]]:
        """The facts that can be asked, and the one that is."""
        return [
            (code, words.FACT_WORDS[code])
            for code, fact in FACTS.items()
            if code == present or fact.kind != "choice" or self.choices(code)
        ]

    def choices(self, fact: str) -> list[tuple[str, str]]:
        """What can be chosen of a fact."""
        return words.choices(fact, self.shop, self.tags, self.own_id)


class ConditionForm(forms.Form):
    """One condition. Which boxes it has follows from its fact and how that is compared."""

    fact = forms.ChoiceField(label=pgettext_lazy("segment", "Fact"))
    op = forms.ChoiceField(label=pgettext_lazy("segment", "Comparison"))

    def __init__(self, *args: Any, typed: Mapping[str, Any], offers: Offers, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.code = typed.get("fact") if typed.get("fact") in FACTS else "recency"
        self.about = FACTS[str(self.code)]
        self.op_code = typed.get("op") if typed.get("op") in self.about.ops else self.about.ops[0]
        self._offer("fact", offers.facts(str(self.code)))
        self._offer("op", [(op, words.OP_WORDS[op]) for op in self.about.ops])
        if not self.is_bound:
            self.initial = {**self.initial, "fact": self.code, "op": self.op_code}
        self._value(offers, typed)
        if self.about.window:
            self.fields["days"] = WholeField(
                label=_("Within days") if self.about.window == "required" else _("In the last days"),
                least=1,
                most=MOST_DAYS,
                required=self.about.window == "required",
                help_text="" if self.about.window == "required" else _("Left empty: ever."),
            )

    def _offer(self, name: str, choices: list[tuple[str, Any]]) -> None:
        box = self.fields[name]
        assert isinstance(box, forms.ChoiceField)
        box.choices = choices

    def _value(self, offers: Offers, typed: Mapping[str, Any]) -> None:
        if self.op_code == "never":
            return
        if self.about.kind == "choice":
            known = offers.choices(str(self.code))
            gone = [each for each in typed.get("chosen", []) if each not in dict(known)]
            if self.code == "tag":  # a tag that nobody has yet may be asked for
                known += [(each, each) for each in gone if 0 < len(each) <= LONGEST_TAG]
            self.fields["chosen"] = forms.MultipleChoiceField(
                label=pgettext_lazy("segment", "Which"),
                choices=known,
                widget=forms.CheckboxSelectMultiple,
                error_messages={
                    "required": _("Choose at least one."),
                    "invalid_choice": _("“%(value)s” is no longer there. Choose others."),
                },
            )
            return
        if self.about.kind == "date":
            self.fields["value"] = forms.DateField(
                label=_("Day"), widget=forms.DateInput, input_formats=["%Y-%m-%d"]
            )
            return
        least, most = pgettext_lazy("segment", "Least"), pgettext_lazy("segment", "Most")
        is_span = self.op_code == "between"
        for name, label in (("value", least), ("high", most)) if is_span else (("value", _("Value")),):
            if self.about.kind == "money":
                self.fields[name] = MoneyField(label=label, currency=offers.shop.merchant.currency)
            else:
                self.fields[name] = WholeField(label=label, most=self.about.most, max_length=20)

    @property
    def prefix_text(self) -> str:
        """The currency's sign before an amount."""
        return str(getattr(self.fields.get("value"), "symbol", ""))

    def condition(self) -> Rule:
        """As it is filled in. Only of a valid form."""
        data = self.cleaned_data
        found: Rule = {"fact": self.code, "op": self.op_code}
        if "chosen" in self.fields:
            found["value"] = data["chosen"]
        elif self.about.kind == "date":
            found["value"] = data["value"].isoformat()
        elif self.op_code == "between":
            found["value"] = [data["value"], data["high"]]
        elif self.op_code != "never":
            found["value"] = data["value"]
        if data.get("days") is not None:
            found["days"] = data["days"]
        return found


@dataclass(slots=True)
class Typed:
    """A part of the rule as it was typed: a group with parts, or a condition's boxes."""

    values: dict[str, Any]
    parts: list[Typed] | None = None

    @property
    def is_group(self) -> bool:
        """Whether it holds parts."""
        return self.parts is not None


def typed_of(rule: Rule, currency: str) -> Typed:
    """A stored rule as it goes into the boxes."""
    for name in GROUPS:
        if name in rule:
            return Typed({"match": name}, [typed_of(part, currency) for part in rule[name]])
    value: Any = rule.get("value")
    fact = FACTS[rule["fact"]]
    values: dict[str, Any] = {"fact": rule["fact"], "op": rule["op"], "days": rule.get("days", "")}
    if fact.kind == "choice":
        return Typed({**values, "chosen": list(value)})
    money = MoneyField(currency=currency)
    shown = money.as_typed if fact.kind == "money" else str
    if rule["op"] == "between":
        return Typed({**values, "value": shown(value[0]), "high": shown(value[1])})
    return Typed({**values, "value": "" if value is None else shown(value)})


def typed_from(data: QueryDict) -> Typed:
    """The tree that a submission describes: its nodes by their paths, in order."""
    root = Typed({"match": data.get("r-match", "all")}, [])
    known = {"r": root}
    for node in data.getlist("node")[:MOST_NODES]:
        kind, _space, path = node.partition(" ")
        above = known.get(path.rpartition(".")[0])
        if above is None or above.parts is None or path in known:
            continue
        if kind == "g":
            known[path] = Typed({"match": data.get(f"{path}-match", "all")}, [])
        else:
            boxes = {name: data.get(f"{path}-{name}", "") for name in ("fact", "op", "value", "high", "days")}
            known[path] = Typed({**boxes, "chosen": data.getlist(f"{path}-chosen")})
        above.parts.append(known[path])
    return root


def edited(root: Typed, data: QueryDict) -> Typed:
    """The tree after the button that was pressed: a condition or group more, a part less."""
    if (path := data.get("add_condition")) and (at := _at(root, path)) and at.parts is not None:
        at.parts.append(Typed(dict(NEW_CONDITION)))
    elif (path := data.get("add_group")) and (at := _at(root, path)) and at.parts is not None:
        at.parts.append(Typed({"match": "any"}, [Typed(dict(NEW_CONDITION))]))
    elif path := data.get("remove"):
        above, _dot, place = path.rpartition(".")
        at = _at(root, above)
        if at and (number := _number(place, at.parts)) is not None and at.parts is not None:
            del at.parts[number]
    return root


def _at(root: Typed, path: str) -> Typed | None:
    """The part at a path; None where there is none."""
    found: Typed | None = root
    for place in path.split(".")[1:]:
        parts = found.parts if found else None
        number = _number(place, parts)
        if parts is None or number is None:
            return None
        found = parts[number]
    return found


def _number(place: str, parts: list[Typed] | None) -> int | None:
    """A place among parts, however it was sent; None where there is none."""
    if parts is None or not place.isdecimal() or len(place) > len(str(MOST_NODES)):
        return None
    return int(place) if int(place) < len(parts) else None


@dataclass(slots=True)
class Node:
    """A part of the builder with its form."""

    path: str
    form: Any
    depth: int
    parts: list[Node] = field(default_factory=list)
    is_group: bool = False

    @property
    def may_nest(self) -> bool:
        """Whether a group may lie in it."""
        return self.is_group and self.depth < MOST_DEPTH

    def walk(self) -> Iterator[Node]:
        """It and all below."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def rule(self) -> Rule:
        """The rule that valid forms say."""
        if self.is_group:
            return {self.form.cleaned_data["match"]: [part.rule() for part in self.parts]}
        return self.form.condition()


def nodes(typed: Typed, offers: Offers, data: Any = None, path: str = "r", depth: int = 1) -> Node:
    """The forms of a tree; bound to a submission when that is given."""
    known: dict[str, Any] = {"prefix": path}
    known |= {"data": data} if data is not None else {"initial": dict(typed.values)}
    if typed.parts is None:
        return Node(path, ConditionForm(**known, typed=typed.values, offers=offers), depth)
    return Node(
        path,
        GroupForm(**known),
        depth,
        [nodes(part, offers, data, f"{path}.{n}", depth + 1) for n, part in enumerate(typed.parts)],
        is_group=True,
    )


def place_errors(root: Node, refusal: Invalid, otherwise: forms.Form) -> None:
    """Put what a rule is refused for where it stands in the tree."""
    known = {node.path: node for node in root.walk()}
    for path, text in refusal.errors.items():
        if path in known:
            known[path].form.add_error(None, str(text))
        elif path in otherwise.fields:
            otherwise.add_error(path, str(text))
    if not set(refusal.errors) & ({*known} | {*otherwise.fields}):
        otherwise.add_error(None, refusal.detail)
