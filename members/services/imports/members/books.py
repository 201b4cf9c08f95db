"""Rows of members beside the members that are here: who is new, what is missing, what the file says otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _

from members.lib import crypto
from members.lib.periods import merchant_day
from members.lib.phones import e164_or_none, region_of
from members.lib.posting import Rules
from members.models import ImportedMember, MemberStatus, Merchant
from members.models import Tier as TierRow
from members.selectors import rules as rules_selector
from members.services import member_emails
from members.services.imports import people
from members.services.imports.members.checking import Person


class Stored(NamedTuple):
    """A member that is here, as far as a row is compared with it."""

    id: int
    status: str
    phone_index: bytes | None
    name_token: int | None
    birthday: tuple[int, int] | None
    consent_source: str
    joined_on: dt.date
    tier_id: int
    valid_until: dt.date | None
    email_index: bytes | None = None
    email_stopped: bool = False


@dataclass(slots=True)
class Row:
    """One row that is taken: the member it means, None for a new one; what it brings; what is to be said of it."""

    person: Person
    stored: Stored | None
    number: str = ""  # the phone that could be read
    email: str = ""  # likewise
    agrees: bool = False  # to e-mails, at that address
    tier_id: int | None = None  # to be given
    fills: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sorted:
    """The rows taken, and why others are left out, by line."""

    rows: list[Row] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)


class Books:
    """A shop's members and tiers at an instant, to compare rows with. Reads only."""

    def __init__(
        self, merchant: Merchant, at: dt.datetime, declared_source: str, job_id: int | None = None
    ) -> None:
        """`job_id` is the import whose rows are posted chunk by chunk; a check goes through the whole file at once."""
        self.merchant, self.declared_source, self.job_id = merchant, declared_source, job_id
        self.seen: dict[int, int] = {}  # the line in which a member stands first, of the whole file
        self.region = region_of(merchant.currency)
        self.at, version = rules_selector.after_edits(merchant_id=merchant.pk, at=at)
        self.rules: Rules | None = None
        self.tiers: dict[str, int] = {}  # by code, and by name where it is nobody else's code
        self.names: dict[int, str] = {}
        if version is not None:
            self.rules = rules_selector.rules_at(merchant_id=merchant.pk, at=self.at, version=version)
            rows = TierRow.objects.of(merchant.pk).filter(pk__in=self.rules.tiers.rank.keys())
            found = list(rows.values_list("id", "code", "name"))
            self.names = {pk: name or code for pk, code, name in found}
            self.tiers = {name.casefold(): pk for pk, _code, name in found if name}
            self.tiers |= {code.casefold(): pk for pk, code, _name in found}

    @property
    def base(self) -> int:
        """The tier that everybody holds at least."""
        return self.rules.tiers.base.id if self.rules else 0

    def sort_out(self, persons: Sequence[Person], *, lock: bool = False) -> Sorted:
        """Compare rows with the books; `lock` keeps the members as they are until the transaction ends."""
        found = Sorted()
        ids = people.find(self.merchant.pk, persons)
        stored = self._stored(sorted(set(ids.values())), lock)
        self._recall(stored)
        for person in persons:
            member_id = ids.get((person.channel, person.member_key))
            reason = ""
            if person.tier and person.tier.casefold() not in self.tiers:
                reason = _("There is no tier “%(tier)s” in this program.") % {"tier": person.tier}
            elif member_id is not None:
                if stored[member_id].status != MemberStatus.ACTIVE:
                    reason = _("This member has left the program; a list does not bring them back.")
                elif (first := self.seen.get(member_id, person.line)) != person.line:
                    reason = _("The member stands in line %(line)s already.") % {"line": first}
                else:
                    self.seen[member_id] = person.line
            if reason:
                found.reasons[person.line] = reason
            else:
                found.rows.append(self._row(person, None if member_id is None else stored[member_id]))
        return found

    def _recall(self, member_ids: Iterable[int]) -> None:
        """Where chunks that are posted already named these members, by whatever key."""
        if self.job_id is not None and (ids := list(member_ids)):
            rows = ImportedMember.objects.of(self.merchant.pk).filter(job_id=self.job_id, member_id__in=ids)
            self.seen |= dict(rows.values_list("member_id", "line"))

    def _row(self, person: Person, stored: Stored | None) -> Row:
        row = Row(person, stored, e164_or_none(person.phone, self.region))
        if person.phone and not row.number:
            row.remarks.append(_("phone: no number could be read; it was left out"))
        self._read_email(row)
        wanted = self.tiers.get(person.tier.casefold(), self.base)
        if stored is None:
            row.tier_id = wanted if wanted != self.base else None
            return row
        self._compare(row, "phone", row.number, stored.phone_index, self._same_phone(row))
        token = crypto.name_tokens(self.merchant.pk, person.name)[0] if person.name else None
        self._compare(row, "name", person.name, stored.name_token, token == stored.name_token)
        self._compare(row, "birthday", person.birthday, stored.birthday, person.birthday == stored.birthday)
        said = crypto.email_index(self.merchant.pk, row.email) if row.email else None
        self._compare(row, "email", row.email, stored.email_index, said == stored.email_index)
        if row.agrees and "email" not in row.fills:
            row.agrees = False
        source = person.consent_source or self.declared_source
        is_same = not person.consent_source or person.consent_source == stored.consent_source
        self._compare(row, "consent_source", source, stored.consent_source, is_same)
        if (
            person.joined_at is not None
            and merchant_day(person.joined_at, self.merchant.zone) != stored.joined_on
        ):
            row.remarks.append(_stays("joined_at"))
        if wanted != self.base and stored.tier_id == self.base:
            row.tier_id = wanted
            row.fills.append("tier")
        elif person.tier and (
            wanted != stored.tier_id or (person.tier_until and person.tier_until != stored.valid_until)
        ):
            row.remarks.append(self.keeps(stored.tier_id))
        return row

    @staticmethod
    def _read_email(row: Row) -> None:
        """The address and the consent to it: only with an address, and never of one who stopped e-mails."""
        person, stored = row.person, row.stored
        row.email = member_emails.address_or_none(person.email)
        row.agrees = person.email_consent and bool(row.email)
        if person.email and not row.email:
            row.remarks.append(_("email: no address could be read; it was left out"))
        elif person.email_consent and not row.email:
            row.remarks.append(_("email_consent: there is no address; it was left out"))
        elif row.agrees and stored is not None and stored.email_stopped:
            row.agrees = False
            row.remarks.append(_("email_consent: the member stopped e-mails; that stays"))

    def keeps(self, tier_id: int) -> str:
        """That a tier stays although the file names another, or another last day."""
        return _("tier: the member keeps “%(tier)s” as it is") % {"tier": self.names.get(tier_id, "")}

    def _same_phone(self, row: Row) -> bool:
        assert row.stored is not None
        return crypto.blind_index(self.merchant.pk, row.number) == row.stored.phone_index

    def _compare(self, row: Row, name: str, said: Any, stored: Any, is_same: bool) -> None:
        if not said:
            return
        if stored is None or stored == "":
            row.fills.append(name)
        elif not is_same:
            row.remarks.append(_stays(name))

    def _stored(self, ids: Sequence[int], lock: bool) -> Mapping[int, Stored]:
        if not ids:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(
                "select m.id, m.status, m.phone_index, m.name_token, m.birth_month, m.birth_day, m.consent_source, "
                "m.joined_on, s.tier_id, s.valid_until, m.email_index, m.email_stopped_at is not null "
                "from members_member m left join members_tierstanding s "
                "on s.merchant_id = m.merchant_id and s.member_id = m.id "
                "where m.merchant_id = %s and m.id = any(%s) order by m.id"
                + (" for update of m" if lock else ""),
                [self.merchant.pk, list(ids)],
            )
            return {
                row[0]: Stored(
                    row[0], row[1], None if row[2] is None else bytes(row[2]), row[3],
                    None if row[4] is None else (row[4], row[5]), row[6], row[7], row[8] or self.base, row[9],
                    None if row[10] is None else bytes(row[10]), row[11],
                )
                for row in cursor.fetchall()
            }  # fmt: skip


def _stays(name: str) -> str:
    return _("%(name)s: what is stored stays; the file says something else") % {"name": name}
