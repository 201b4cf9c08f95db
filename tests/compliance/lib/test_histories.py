"""Thousands of random histories under each counting basis: danger date, state and decision as the literal reading has
them. `make soak` runs 5,000 a basis, the suite a tenth.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benefits.lib.coverage import known_before, program_coverage
from compliance.lib.danger import Gap, assess
from compliance.lib.decide import Facts, Reason, decide
from compliance.lib.policy import CountingBasis, PolicyHistory, PolicyVersion
from compliance.lib.runs import Run
from compliance.lib.state import Status
from tests.benefits.lib import literal as benefits_literal
from tests.benefits.lib.literal import MICROSECOND, START, tick
from tests.compliance.lib import literal
from tests.compliance.lib.literal import Literal
from tests.compliance.lib.test_danger import _literal_gap
from tests.environment import sized

HISTORIES = sized(5_000)
OLD = date(2020, 1, 1)


@pytest.mark.soak
@pytest.mark.parametrize("basis", list(CountingBasis))
def test_danger_date_state_and_decision_are_those_of_the_literal_reading(basis):
    @settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        benefits_literal.programs(),
        literal.policies(),
        benefits_literal.instants(20),
        st.integers(0, 40).map(lambda n: timedelta(hours=12 * n)),
    )
    def holds(benefits, policy, at, age):
        policy = replace(policy, counting_basis=basis)
        version = PolicyVersion(number=1, effective_from=START - timedelta(days=400), policy=policy)
        history, opened_at = PolicyHistory([version]), at - age
        known = [known_before(revisions, at + MICROSECOND) for revisions in benefits]
        coverages, rule_2 = program_coverage(known), Literal(known)

        found = assess(coverages, history, opened_at, at)

        gap = _literal_gap(rule_2, history, opened_at, at)
        assert found.danger_at == (None if gap is None else gap.danger_at)
        assert found.safe_again_at == (None if gap is None else gap.safe_again_at)
        assert found.in_force == rule_2.in_force(tick(at), policy)
        decided = decide(
            Facts(
                status=Status.OPEN,
                first_opened_on=OLD,
                gap=None if found.danger_at is None else Gap(found.danger_at, found.safe_again_at),
                episode_began_at=opened_at,
            ),
            Run("2024-01", at.date(), at, version),
        )
        assert decided is not None
        is_uncovered = gap is not None and rule_2.rule_2(tick(at), policy)
        assert decided.reason is (Reason.NOTICE_TOO_SHORT if is_uncovered else Reason.COVERED)

    holds()
