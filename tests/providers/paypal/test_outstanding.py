"""The outstanding balance of a subscription, captured: what PayPal answers is the transaction, or nothing yet."""

from typing import Any

import httpx
import pytest

from paylattice import SubscriptionStatus
from paylattice.errors import Declined

from .samples import subscription, transaction
from .scenarios import SUB, SUBS, furnished, owing
from .support import World

CAPTURE_BALANCE = f"{SUBS}/{SUB}/capture"


@pytest.fixture
def world(world: World) -> World:
    return furnished(world).on("GET", f"{SUBS}/{SUB}", owing())


@pytest.mark.parametrize("word", ["DECLINED", "FAILED"])
def test_a_balance_that_was_declined_is_an_error(world: World, word: str) -> None:
    world.on("POST", CAPTURE_BALANCE, transaction(status=word))
    with pytest.raises(Declined) as caught:
        world.run(world.provider.bill_outstanding(SUB))
    assert caught.value.code == word
    assert len(world.server.writes) == 1


@pytest.mark.parametrize("answer", [httpx.Response(202), transaction(status="PENDING")], ids=["accepted", "pending"])
def test_a_balance_that_is_still_being_collected_is_owed_until_it_came(world: World, answer: Any) -> None:
    world.on("POST", CAPTURE_BALANCE, answer).on("GET", f"{SUBS}/{SUB}", owing())
    assert world.run(world.provider.bill_outstanding(SUB)).status is SubscriptionStatus.PAST_DUE
    assert len(world.server.writes) == 1


def test_a_balance_that_was_collected_is_owed_no_more(world: World) -> None:
    world.on("POST", CAPTURE_BALANCE, transaction()).on("GET", f"{SUBS}/{SUB}", subscription())
    assert world.run(world.provider.bill_outstanding(SUB)).status is SubscriptionStatus.ACTIVE
