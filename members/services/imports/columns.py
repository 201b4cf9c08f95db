"""Which column of a file is which field: by its name in three scripts, by what was saved, or as told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from members.lib.refusals import Invalid

# Other names of fields that several kinds of files have, the better name first.
MEMBER_KEY = (
    "买家ID", "会员号", "会员编号", "会员卡号", "买家会员名", "买家昵称", "用户ID", "买家", "買家ID", "會員編號",
    "會員卡號", "買家", "member", "member id", "customer id", "customer", "buyer", "buyer id",
)  # fmt: skip
CARD = ("卡号", "卡號", "card", "card no", "card number")
CHANNEL = ("渠道", "平台", "通路", "platform")
JOINED_AT = ("入会时间", "入會時間", "join time")
CONSENT_SOURCE = ("入会来源", "授权来源", "入會來源", "授權來源", "consent")
PHONE = ("手机号", "手机", "联系电话", "手機號碼", "手機", "mobile", "tel")
NAME = ("会员姓名", "姓名", "會員姓名", "member name", "customer name")


@dataclass(frozen=True, slots=True)
class Columns:
    """What was recognised: field -> place among the headers; headers nobody knows; required fields not found."""

    places: dict[str, int]
    unknown: list[str]
    missing: list[str]

    def require(self, headers: Sequence[str]) -> None:
        """Raises Invalid when required columns are missing, naming them and what is there."""
        if self.missing:
            raise Invalid(
                _("These columns are missing: %(missing)s. The file has: %(found)s.")
                % {"missing": ", ".join(self.missing), "found": ", ".join(h for h in headers if h)},
                errors=dict.fromkeys(self.missing, _("Choose the column.")),
            )


def plain(header: str) -> str:
    """A header as it is compared: one width and case, without spaces, underscores and a unit in brackets."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return re.sub(r"[\s_\-.]|\([^)]*\)$", "", text)


@dataclass(frozen=True, slots=True)
class Fields:
    """What a kind of file holds: the fields it must have, all that are known, and their names in files."""

    required: tuple[str, ...]
    known: tuple[str, ...]
    ranked: dict[str, tuple[str, int]]

    @classmethod
    def of(
        cls, required: tuple[str, ...], others: tuple[str, ...], aliases: Mapping[str, tuple[str, ...]]
    ) -> Fields:
        """The fields, their other names ranked: of two columns that could be one field the better name wins."""
        known = (*required, *others)
        ranked = {
            plain(alias): (name, rank)
            for name in known
            for rank, alias in reversed(list(enumerate((name, *aliases.get(name, ())))))
        }
        return cls(required, known, ranked)

    def places(self, headers: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
        """The place of each field whose header (field -> header) is there. Raises Invalid without a required one."""
        found = {name: list(headers).index(header) for name, header in columns.items() if header in headers}
        Columns(found, [], [name for name in self.required if name not in found]).require(headers)
        return found


def recognise(
    headers: Sequence[str],
    fields: Fields,
    *,
    saved: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Columns:
    """Find each field's column. `given` (field -> header) beats `saved` (header -> field), which beats names.

    Raises Invalid for a field or header in `given` that does not exist.
    """
    places: dict[str, int] = {}
    for name, header in (given or {}).items():
        if name not in fields.known:
            raise Invalid(
                _("There is no field “%(name)s”. Fields: %(known)s.")
                % {"name": name, "known": ", ".join(fields.known)}
            )
        if header not in headers:
            raise Invalid(_("The file has no column “%(header)s”.") % {"header": header})
        places[name] = list(headers).index(header)
    best: dict[str, tuple[int, int]] = {}
    for place, header in enumerate(headers):
        if place in places.values():
            continue
        if header in (saved or {}):
            name, rank = saved[header], -1  # type: ignore[index]
        else:
            name, rank = fields.ranked.get(plain(header), ("", 0))
        if name in fields.known and name not in places:
            best[name] = min(best.get(name, (rank, place)), (rank, place))
    places |= {name: place for name, (_rank, place) in best.items()}
    used = set(places.values())
    return Columns(
        {name: places[name] for name in fields.known if name in places},
        [header for place, header in enumerate(headers) if place not in used and header],
        [name for name in fields.required if name not in places],
    )
