"""Drawing at the close: once, whoever asks how often, in one transaction (domain 8).

A draw is held whatever became of its benefit or program meanwhile: what was published is owed to who entered. Winners
get an entitlement each, with the days to claim it that were published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from django.db import transaction

from benefits.lib import draws as rule
from benefits.lib.draws import Win
from benefits.lib.entitlements import Terms
from benefits.models import Draw, DrawEntry, DrawSeed, DrawState, DrawWin, Entitlement, EntitlementSource
from benefits.selectors import draws as selectors
from benefits.services import entitlement_events, issuing
from benefits.services.issuing import Counter
from members.lib import queue
from members.lib import tenant as tenancy
from members.services import audit, programs
from members.services.audit import Actor

log = structlog.get_logger(__name__)
JOB = Actor.job("draws")
TASK = "benefits.draw"
PIECE = 5_000
LATE = dt.timedelta(minutes=2)  # what the tick left is sent as tasks


def draw_due(*, at: dt.datetime) -> int:
    """Draw whatever closed by `at`, each in a transaction of its own; how many. Works as platform.

    One that fails keeps no other from being drawn; its error is raised at the end.
    """
    done, failure = 0, None
    for merchant_id, draw_id in selectors.due(at=at):
        try:
            done += draw(merchant_id=merchant_id, draw_id=draw_id, at=at)
        except Exception as error:
            log.exception("draw_failed", merchant_id=merchant_id, draw_id=draw_id)
            failure = error
    if failure is not None:
        raise failure
    return done


def send_late(*, at: dt.datetime) -> int:
    """Send tasks for what should have been drawn by now; how many. Works as platform."""
    late = selectors.due(at=at - LATE)
    for merchant_id, draw_id in late:
        queue.enqueue(TASK, merchant_id=merchant_id, draw_id=draw_id)
    return len(late)


def draw(*, merchant_id: int, draw_id: int, at: dt.datetime) -> bool:
    """Hold one draw; False when it is not due or was held before."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        programs.lock_for_write(merchant_id=merchant_id)
        seen = Draw.objects.of(merchant_id).get(pk=draw_id)
        counter = issuing.reopen_counter(
            merchant_id=merchant_id, benefit_id=seen.benefit_id, at=at, actor=JOB
        )
        found = Draw.objects.of(merchant_id).select_for_update().get(pk=draw_id)
        if found.state != DrawState.OPEN or at < found.closes_at:
            return False
        _hold(found, counter)
        return True


def _hold(draw: Draw, counter: Counter) -> None:
    """Close the list, open the seed, name the winners, hand out their rights, write it all down."""
    rows = DrawEntry.objects.of(draw.merchant_id).filter(draw_id=draw.pk)
    entrants = list(rows.values_list("entrant", flat=True).iterator())
    seed, root = _seed_of(draw), rule.root_of(entrants)
    won = rule.winners(
        seed=seed, root=root, rules_hash=draw.rules_hash, entrants=entrants, prizes=draw.rules["prizes"]
    )
    proof = rule.proof_of(
        rules=draw.rules,
        rules_hash=draw.rules_hash,
        commitment=draw.commitment,
        seed=seed,
        root=root,
        entrants=entrants,
        won=won,
    )
    _hand_out(draw, counter, won, _entries_of(draw, won))
    entitlement_events.won(program=counter.merchant.program, draw=draw, at=counter.at)
    draw.state, draw.drawn_at, draw.entrants = DrawState.DRAWN, counter.at, len(entrants)
    draw.seed, draw.root, draw.digest = seed, root, proof["digest"]
    draw.save(update_fields=["state", "drawn_at", "entrants", "seed", "root", "digest"])
    audit.record(
        merchant_id=draw.merchant_id,
        at=counter.at,
        actor=JOB,
        action="draw.drawn",
        subject=("benefit", counter.benefit.public_id),
        label=str(counter.benefit),
        after={"draw": draw.public_id, "entrants": len(entrants), "winners": len(won), "digest": draw.digest},
    )


def _seed_of(draw: Draw) -> str:
    """The seed of a draw under way: read as the platform, for no merchant's process may."""
    with tenancy.platform():
        seed: str = DrawSeed.objects.of(draw.merchant_id).get(draw_id=draw.pk).seed
    if rule.commitment_of(seed) != draw.commitment:
        raise RuntimeError(f"draw {draw.pk}: the stored seed is not the one that was committed to")
    return seed


def _entries_of(draw: Draw, won: Sequence[Win]) -> dict[str, tuple[int, int]]:
    """(entry id, member id) of those who won, by entrant: of a large draw they are few."""
    found: dict[str, tuple[int, int]] = {}
    for start in range(0, len(won), PIECE):
        names = [each.entrant for each in won[start : start + PIECE]]
        rows = DrawEntry.objects.of(draw.merchant_id).filter(draw_id=draw.pk, entrant__in=names)
        for entrant, entry, member in rows.values_list("entrant", "id", "member_id"):
            found[entrant] = (entry, member)
    return found


def _hand_out(draw: Draw, counter: Counter, won: Sequence[Win], entries: dict[str, tuple[int, int]]) -> None:
    """An entitlement for every win, and the win with it."""
    for number, prize in enumerate(draw.rules["prizes"], start=1):
        mine = [each for each in won if each.prize == number]
        desk = replace(counter, terms=_terms(draw, prize))
        for part in _rounds(mine, entries):
            who = [(entries[each.entrant][1], cause_of(each.entrant)) for each in part]
            issuing.write(desk, source=EntitlementSource.DRAW, who=who)
    for start in range(0, len(won), PIECE):
        piece = won[start : start + PIECE]
        causes = {cause_of(each.entrant): each for each in piece}
        rows = Entitlement.objects.of(draw.merchant_id).filter(
            benefit_id=draw.benefit_id,
            member_id__in={entries[each.entrant][1] for each in piece},
            cause__in=list(causes),
        )
        rights = dict(rows.values_list("cause", "id"))
        DrawWin.objects.bulk_create(
            DrawWin(
                merchant_id=draw.merchant_id,
                draw_id=draw.pk,
                entry_id=entries[each.entrant][0],
                prize=each.prize,
                place=each.place,
                entitlement_id=rights[cause],
            )
            for cause, each in causes.items()
        )


def cause_of(entrant: str) -> str:
    """Under which cause the prize of an entry is issued, once."""
    return f"draw:{entrant}"


def _rounds(won: Iterable[Win], entries: dict[str, tuple[int, int]]) -> Iterable[list[Win]]:
    """Wins in lists in which each member is named once."""
    rounds: list[list[Win]] = []
    times: dict[int, int] = {}
    for each in won:
        member = entries[each.entrant][1]
        nth = times.get(member, 0)
        times[member] = nth + 1
        if nth == len(rounds):
            rounds.append([])
        rounds[nth].append(each)
    return rounds


def _terms(draw: Draw, prize: dict[str, Any]) -> Terms:
    """One use, within the days that were published; worth the prize, less what is paid for the right to buy."""
    price = draw.rules["price_minor"] or 0
    return Terms(
        uses=1,
        valid_days=draw.rules["claim_days"],
        worth_minor=max(prize["value_minor"] - price, 0),
        per_day=None,
        per_month=None,
        per_life=None,
        budget_minor=None,
    )
