"""`compliance.lib.decide.decide` as one SQL statement over stored standings, tested equal on random histories.

Reads what is stored and true of the run's instant; a fact of that very instant or later (a closing, an opening, a
warning delivered late) is left out, so a run that is made up or resumed judges at its own instant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

from compliance.lib.danger import latest_opening
from compliance.lib.decide import OUTCOMES, Reason
from compliance.lib.runs import Run
from compliance.models.decisions import OUTCOME_CODES, REASON_CODES

LAST = 2**62  # above every merchant's id

_FACTS = """
select s.merchant_id, s.opened_at, s.episode_began_at, s.danger_at, s.safe_again_at, s.uncovered_since,
    s.exempt_until, s.appeal_filed_at, s.protected_until, s.warned_at, s.last_warned_at, s.first_opened_on,
    (s.danger_at <= %(at)s and (s.safe_again_at is null or %(at)s < s.safe_again_at)) is true as is_uncovered,
    (s.exempt_until > %(at)s) is true as is_exempt,
    (s.warned_at < %(at)s and s.warned_at <= %(warned_by)s) is true as is_warned,
    p.status = 'closed' and p.closed_at < %(at)s or s.merchant_id = any(%(closed_then)s::bigint[]) as was_closed
from compliance_standing s
join members_program p using (merchant_id)
where s.merchant_id between %(first_id)s and %(last_id)s
    and p.merchant_id between %(first_id)s and %(last_id)s
    and s.opened_at < %(at)s and p.opened_at < %(at)s and p.status in ('open', 'closed')
    and s.merchant_id <> all(%(cleared_then)s::bigint[])
"""
# What is needed of a program that is cleared: most programs of a range are passed over without being judged.
_IN_DANGER = " and s.danger_at <= %(at)s and s.warned_at <= %(warned_by)s"
_R, _O = REASON_CODES, OUTCOME_CODES
_JUDGING = f"""
select merchant_id, opened_at, episode_began_at, danger_at, safe_again_at, uncovered_since,
    case when is_exempt then exempt_until end as exempt_until, appeal_filed_at, protected_until,
    case when is_uncovered and is_warned then warned_at end as notice_at,
    case when is_uncovered then case
        when last_warned_at is null or last_warned_at < %(at)s then last_warned_at
        else (select max(n.sent_at) from compliance_notice n where n.merchant_id = facts.merchant_id
            and n.sent_at > facts.episode_began_at and n.danger_at >= facts.danger_at and n.sent_at < %(at)s)
    end end as last_warned_at,
    first_opened_on, was_closed,
    case when merchant_id = any(%(held_out)s::bigint[]) then (
        select h.held_at from compliance_holdout h
        where h.merchant_id = facts.merchant_id and h.period = %(period)s and h.lifted_at is null
    ) end as held_out_at,
    case
        when first_opened_on > %(old_enough)s then {_R["too_young"]}
        when not is_uncovered then {_R["covered"]}
        when is_exempt then {_R["exempt"]}
        when appeal_filed_at is not null then {_R["appeal_pending"]}
        when protected_until > %(at)s then {_R["protected"]}
        when merchant_id = any(%(held_out)s::bigint[]) then {_R["held_out"]}
        when not is_warned then {_R["notice_too_short"]}
        else {_R["uncovered"]}
    end::smallint as reason
from
"""
_JUDGED = f"{_JUDGING} ({_FACTS}) facts"
# An open program has every reason; one that its merchant closed is decided only when it is to be cleared.
# `reason` is a code of compliance.models.decisions.
CLEARS = f"reason = {_R['uncovered']}"
JUDGED = f"select * from ({_JUDGED}) judged where not was_closed or {CLEARS}"
CANDIDATES = f"""
select merchant_id from ({_JUDGING} ({_FACTS}{_IN_DANGER}) facts) judged where {CLEARS} order by merchant_id
"""
OUTCOME = f"""case reason when {_R["uncovered"]} then {_O["cleared"]}
    when {_R["notice_too_short"]} then {_O["deferred"]}
    when {_R["too_young"]} then {_O["kept"]} when {_R["covered"]} then {_O["kept"]} else {_O["held"]} end"""
_EVIDENCE = """
merchant_id, opened_at, episode_began_at, danger_at, safe_again_at, uncovered_since, exempt_until, appeal_filed_at,
protected_until, notice_at, last_warned_at, first_opened_on, was_closed, held_out_at, reason
"""
_DECIDED = f"select {_EVIDENCE} from compliance_decision where run_id = %(run)s"
# What the hash of a report covers. It is computed again years later, so a column that decisions get later is no part
# of it; one that must be needs a second list beside this one, for the runs from then on.
_REPORT = (
    f"select run_id, policy_id, rules, outcome, {_EVIDENCE} from compliance_decision where run_id = %(run)s"
)
# Who is held out of the run of a period.
HELD_OUT = """
select merchant_id from compliance_holdout
where period = %s and lifted_at is null and merchant_id between %s and %s
"""
# Closures that covered the run's instant and have ended since: only a run that is late meets any.
ENDED_SINCE = """
select merchant_id, kind from members_closure
where merchant_id between %s and %s and to_at >= %s and from_at < %s
"""


def values(run: Run, *, first_id: int = 0, last_id: int = LAST) -> dict[str, Any]:
    """The parameters of `JUDGED` for a run over a range of merchants. Two queries."""
    policy = run.version.policy
    with connection.cursor() as cursor:
        cursor.execute(HELD_OUT, [run.period, first_id, last_id])
        held_out = [row[0] for row in cursor.fetchall()]
        cursor.execute(ENDED_SINCE, [first_id, last_id, run.at, run.at])
        ended = cursor.fetchall()
    return {
        "at": run.at,
        "on": run.on,
        "period": run.period,
        "held_out": held_out,
        "old_enough": latest_opening(run.on, policy),
        "warned_by": run.at - policy.min_notice,
        "first_id": first_id,
        "last_id": last_id,
        "closed_then": [merchant_id for merchant_id, kind in ended if kind == "closed"],
        "cleared_then": [merchant_id for merchant_id, kind in ended if kind == "cleared"],
    }


def reasons(parameters: dict[str, Any]) -> tuple[dict[str, int], list[int]]:
    """Programs by outcome, of those that there are, and the merchants to be cleared, ascending. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select reason, count(*), array_agg(merchant_id) filter (where {CLEARS}) "
            f"from ({JUDGED}) judged group by reason",
            parameters,
        )
        rows = cursor.fetchall()
    counts = by_outcome((code, count) for code, count, _merchants in rows)
    return counts, sorted(next((merchants for _code, _count, merchants in rows if merchants), []))


def by_outcome(rows: Iterable[tuple[int, int]]) -> dict[str, int]:
    """Programs by outcome, from (code of the reason, how many)."""
    counts: dict[str, int] = {}
    words = {code: Reason(word) for word, code in REASON_CODES.items()}
    for code, count in rows:
        outcome = OUTCOMES[words[code]].value
        counts[outcome] = counts.get(outcome, 0) + count
    return counts


def candidates(parameters: dict[str, Any]) -> list[int]:
    """The merchants to be cleared, ascending: those of `reasons`, without judging the others. One query."""
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, parameters)
        return [row[0] for row in cursor.fetchall()]


def foreseen(run: Run) -> dict[str, int]:
    """Programs by outcome, and how many are eligible, as the standings say now."""
    found, _merchants = reasons(values(run))
    return counted(found)


def counted(found: dict[str, int]) -> dict[str, int]:
    """Every outcome with its programs, and how many are eligible, from the outcomes that there are."""
    told = {name: found.get(name, 0) for name in ("cleared", "kept", "deferred", "held")}
    return {"eligible": sum(told.values()), **told}


def digest(parameters: dict[str, Any]) -> str:
    """A hash of every decision of a range with its evidence, whatever the order in which they are read."""
    return _digest(JUDGED, parameters)


def joined(one: str, other: str) -> str:
    """The hash of two ranges that do not overlap, from theirs; "" is that of no range."""
    if not one or not other:
        return one or other
    (count, mixed, total), (more, mixed_in, added) = (
        [int(part, 16) for part in each.split("-")] for each in (one, other)
    )
    return _fold((count + more, mixed ^ mixed_in, total + added))


def digest_decided(*, run_id: int) -> str:
    """The same hash of what a run did decide: equal to its preview's when everything came as foreseen."""
    return _digest(_DECIDED, {"run": run_id})


def digest_report(*, run_id: int) -> str:
    """The hash of a run's report: of every decision with outcome, reason, evidence, policy and reading of the rules."""
    return _digest(_REPORT, {"run": run_id})


def _digest(rows: str, parameters: dict[str, Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), bit_xor(hashtextextended(judged::text, 1)), "
            f"sum(hashtextextended(judged::text, 2)::numeric) from ({rows}) judged",
            parameters,
        )
        return _fold(cursor.fetchone())


def _fold(row: tuple[int, int | None, Any]) -> str:
    count, mixed, total = row
    return f"{count:x}-{(mixed or 0) & (2**64 - 1):016x}-{int(total or 0) & (2**64 - 1):016x}"
