"""Where a benefit is to be had: on which channels, in which stores, in which scenes (domain.md 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid

Scope = dict[str, list[str]]
EVERYWHERE: Scope = {}
# Those of `members.models.Channel`, in an order that never changes: coverage counts by it.
CHANNELS: dict[str, Promise] = {
    "taobao": _("Taobao"),
    "tmall": _("Tmall"),
    "jd": _("JD"),
    "douyin": _("Douyin"),
    "wechat": _("WeChat"),
    "meituan": _("Meituan"),
    "pos": _("Point of sale"),
    "web": _("Web"),
    "other": _("Other"),
}
PARTS = ("channels", "stores", "scenes")
MOST_NAMED = 50
LONGEST_STORE, LONGEST_SCENE = 64, 32
LONGEST = {"channels": 16, "stores": LONGEST_STORE + 17, "scenes": LONGEST_SCENE}


def store_key(channel: str, code: str) -> str:
    """How a scope names a store: its channel and its code there."""
    return f"{channel}:{code}"


def normalise_scope(value: Any) -> Scope:
    """The scope in its one stored form: the parts that name anything, each sorted; {} is everywhere.

    Raises Invalid for anything else, and for a channel that nobody knows.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not set(value) <= set(PARTS):
        raise _invalid(_("Say where the benefit is to be had by lists of channels, stores and scenes."))
    found = {name: _named(name, value[name]) for name in PARTS if value.get(name)}
    if unknown := [each for each in found.get("channels", ()) if each not in CHANNELS]:
        text = _("There is no channel “%(channel)s”. Known channels: %(known)s.")
        raise _invalid(text % {"channel": unknown[0], "known": ", ".join(CHANNELS)})
    for key in found.get("stores", ()):
        if channel_of(key) not in CHANNELS or not key.partition(":")[2]:
            text = _("A store is named by its channel and its code, such as “pos:001”, not “%(store)s”.")
            raise _invalid(text % {"store": key})
    return found


def _named(part: str, values: Any) -> list[str]:
    if not isinstance(values, list | tuple | set | frozenset):
        raise _invalid(_("Say where the benefit is to be had by lists of channels, stores and scenes."))
    names = sorted({each.strip() if isinstance(each, str) else "" for each in values})
    if len(names) > MOST_NAMED or any(
        not each or len(each) > LONGEST[part] or not each.isprintable() for each in names
    ):
        text = _("Name at most %(most)s channels, stores or scenes, each in a few letters.")
        raise _invalid(text % {"most": MOST_NAMED})
    return names


def _invalid(text: Any) -> Invalid:
    return Invalid(text, errors={"scope": text})


def channel_names(channels: Iterable[str]) -> str:
    """Channels in words, in their order."""
    named = set(channels)
    return ", ".join(str(label) for channel, label in CHANNELS.items() if channel in named)


def channel_of(store: str) -> str:
    """The channel of a store as a scope names it."""
    return store.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a basket, an order or a till says of where it is; "" for what nobody says. store: its code on `channel`."""

    channel: str = ""
    store: str = ""
    scene: str = ""

    @property
    def told(self) -> dict[str, str]:
        """What is said, by name."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


NOWHERE = Place()


def place_at(key: str, scene: str = "") -> Place:
    """The place that a key names: a channel, or a store as scopes name it; "" names none."""
    channel, _colon, store = key.partition(":")
    return Place(channel=channel, store=store, scene=scene)


def fits(scope: Mapping[str, Any], *, channel: str = "", store: str = "", scene: str = "") -> bool:
    """Whether a benefit of a scope is to be had at a place: what a basket, an order or a till says of itself.

    channel: "" where nobody says. store: its code on that channel. A place named twice over (a channel, and a store on
    another) fits by either; scenes narrow it down. What is not said fits only a scope that does not ask.
    """
    channels, stores = scope.get("channels", ()), scope.get("stores", ())
    if (channels or stores) and channel not in channels and store_key(channel, store) not in stores:
        return False
    scenes = scope.get("scenes", ())
    return not scenes or scene in scenes


def channels_of(scope: Mapping[str, Any]) -> frozenset[str]:
    """The channels on which a benefit of a scope is to be had anywhere; of one without places: every channel."""
    named = {*scope.get("channels", ()), *map(channel_of, scope.get("stores", ()))}
    return frozenset(named or CHANNELS)
