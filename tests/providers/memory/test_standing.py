"""What the embedded provider says of a subscription's standing: what is paid for, since when it is owed, when it ended."""

from datetime import datetime, timedelta

import pytest

from paylattice import Subscription
from paylattice.driving import run

from .support import START, Shop

DAY = timedelta(days=1)


def facts(found: Subscription) -> tuple[datetime | None, datetime | None, datetime | None]:
    return found.paid_through, found.payment_failed_at, found.ended_at


def test_a_paid_period_is_paid_for_until_its_end() -> None:
    shop = Shop()
    made = shop.subscribe()
    assert facts(made) == (made.current_period_end, None, None)
    shop.provider.advance(months=1)
    renewed = shop.now(made)
    assert facts(renewed) == (renewed.current_period_end, None, None)
    assert renewed.current_period_end != made.current_period_end


def test_a_trial_covers_itself_and_a_payment_that_fails_covers_nothing_more() -> None:
    shop = Shop()
    made = shop.subscribe(trial_days=14)
    assert facts(made) == (START + 14 * DAY, None, None)
    shop.provider.decline_next_payment(times=2)
    shop.provider.advance(days=14)
    assert facts(shop.now(made)) == (START + 14 * DAY, START + 14 * DAY, None)
    shop.provider.advance(days=3)  # it is tried again, in vain: the debt is as old as it was
    assert facts(shop.now(made)) == (START + 14 * DAY, START + 14 * DAY, None)
    shop.provider.advance(days=30)
    paid = shop.now(made)
    assert facts(paid) == (paid.current_period_end, None, None)


def test_a_first_payment_that_is_under_way_covers_nothing_until_it_arrives() -> None:
    shop = Shop()
    session = shop.checkout()
    made = shop.subscribed(session.id, delayed=True)
    assert facts(made) == (None, None, None)
    shop.provider.settle_checkout(session.id)
    assert facts(shop.now(made)) == (made.current_period_end, None, None)


@pytest.mark.parametrize("cancel_when_unpaid", [True, False])
def test_a_debt_is_owed_until_the_end_and_then_no_more(cancel_when_unpaid: bool) -> None:
    shop = Shop(cancel_when_unpaid=cancel_when_unpaid)
    made = shop.subscribe()
    shop.provider.decline_next_payment(times=50)
    shop.provider.advance(days=59)
    found = shop.now(made)
    through, failed, ended = facts(found)
    assert through == made.current_period_end
    if cancel_when_unpaid:
        assert (failed, ended) == (None, found.cancel_at)
    else:
        assert (failed, ended) == (made.current_period_end, None)


def test_what_is_canceled_now_has_ended_now_and_keeps_what_it_had_paid_for() -> None:
    shop = Shop()
    made = shop.subscribe()
    shop.provider.advance(days=3)
    ended = run(shop.provider.cancel_subscription(made.id))
    assert facts(ended) == (made.current_period_end, None, shop.provider.now)
