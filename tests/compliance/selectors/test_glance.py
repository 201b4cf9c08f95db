"""The look that every page takes is the same as the full one, whatever the story."""

from __future__ import annotations

import random

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from compliance.selectors import glance, standing
from members.lib import tenant as tenancy
from members.models import Program
from tests.compliance.services.world import DAY, START, World


@pytest.mark.parametrize("seed", [1, 2])
def test_a_glance_sees_what_the_full_look_sees(db, seed):
    with tenancy.platform(), transaction.atomic():
        world = World(seed, size=60).store()
    dice = random.Random(seed)

    for shop in world.shops:
        at = START + dice.randint(0, 600) * DAY / 4
        with tenancy.tenant(shop.merchant_id), transaction.atomic():
            program = Program.objects.get(merchant_id=shop.merchant_id)
            with CaptureQueriesContext(connection) as queries:
                found = glance.look(program=program, user_id=None, at=at)
            full = standing.find(merchant_id=shop.merchant_id, at=at)

        is_first = shop is world.shops[0]  # reads the versions that the process knows from then on
        assert len([q for q in queries if "set_config" not in q["sql"]]) == 1 + is_first
        assert found.state == standing.state_of(full)
        assert found.run == full.threat
        assert found.facts.assessment == full.assessment
        assert found.facts.exempt_until == full.exempt_until
        assert found.facts.protected_until == full.protected_until
        assert found.facts.appeal_filed_at == full.appeal_filed_at
        assert found.facts.episode == full.episode
