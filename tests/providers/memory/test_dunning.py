"""Payments of renewals that fail: retries, recovery, and how it ends without."""

from datetime import timedelta
from typing import Any

import pytest

from paylattice import EventType, Invoice, Subscription, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason
from paylattice.providers.memory import InMemoryProvider

from .support import START, Shop, usd

RENEWAL = START + timedelta(days=30)


def failing(times: int, plan_id: str = "pro", **options: Any) -> tuple[Shop, Subscription]:
    """A subscription whose first renewal, and the first retries, will fail: just after that renewal."""
    shop = Shop(**options)
    made = shop.subscribe(plan_id)
    shop.provider.decline_next_payment(customer_id=made.customer_id, times=times)
    shop.provider.advance(months=1)
    return shop, made


def open_invoices(shop: Shop, made: Subscription) -> list[Invoice]:
    return [invoice for invoice in shop.invoices(made) if invoice.status == "open"]


def test_a_failed_renewal_is_past_due_with_an_open_invoice() -> None:
    shop, made = failing(1)
    found = shop.now(made)
    assert (found.status, found.current_period_start) == ("past_due", RENEWAL)
    [invoice] = open_invoices(shop, made)
    assert (invoice.amount, invoice.amount_paid, invoice.paid_at) == (usd(3000), usd(0), None)


def test_a_failed_renewal_is_told_in_the_order_it_happens_in() -> None:
    shop = Shop()
    shop.subscribe()
    shop.provider.decline_next_payment()
    mark = len(shop.events())
    shop.provider.advance(months=1)
    assert shop.since(mark) == ["invoice.created", "payment.failed", "invoice.payment_failed", "subscription.updated"]


@pytest.mark.parametrize(("failures", "recovers_after"), [(1, 3), (2, 5), (3, 7)])
def test_a_retry_on_its_day_recovers(failures: int, recovers_after: int) -> None:
    shop, made = failing(failures)
    shop.provider.advance(days=recovers_after, hours=-1)
    assert shop.now(made).status == "past_due"
    shop.provider.advance(hours=1)
    assert shop.now(made).status == "active"
    [_, invoice] = shop.invoices(made)
    assert (invoice.status, invoice.paid_at) == ("paid", RENEWAL + timedelta(days=recovers_after))


def test_a_late_payment_does_not_move_the_period() -> None:
    shop, made = failing(2)
    shop.provider.advance(days=5)
    assert shop.now(made).current_period_start == RENEWAL


def test_after_the_last_retry_the_subscription_is_unpaid_and_its_invoice_stays_open() -> None:
    shop, made = failing(4)
    shop.provider.advance(days=7)
    assert shop.now(made).status == "unpaid"
    assert len(open_invoices(shop, made)) == 1


def test_after_the_last_retry_the_subscription_is_canceled_if_that_is_how_it_is_set() -> None:
    shop, made = failing(4, cancel_when_unpaid=True)
    shop.provider.advance(days=7)
    found = shop.now(made)
    assert (found.status, found.canceled_at, found.cancel_at) == ("canceled", shop.provider.now, shop.provider.now)
    assert [invoice.status for invoice in shop.invoices(made)] == ["paid", "void"]


def test_the_retry_days_can_be_chosen() -> None:
    shop, made = failing(3, retry_days=(1, 10))
    shop.provider.advance(days=9)
    assert shop.now(made).status == "past_due"
    shop.provider.advance(days=1)
    assert shop.now(made).status == "unpaid"


@pytest.mark.parametrize(("cancel", "status"), [(False, "unpaid"), (True, "canceled")])
def test_without_retry_days_the_first_failure_decides(cancel: bool, status: str) -> None:
    shop, made = failing(1, retry_days=(), cancel_when_unpaid=cancel)
    assert shop.now(made).status == status


@pytest.mark.parametrize("days", [(0,), (-1, 3), (5, 3), (3, 3)])
def test_retry_days_that_are_no_ascending_days_are_refused(days: tuple[int, ...]) -> None:
    with pytest.raises(errors.ConfigurationError):
        InMemoryProvider(retry_days=days)


def test_an_unpaid_subscription_gets_no_new_invoices() -> None:
    shop, made = failing(4)
    shop.provider.advance(months=3)
    assert len(shop.invoices(made)) == 2
    assert shop.now(made).status == "unpaid"


def test_paying_the_invoice_recovers_from_past_due() -> None:
    shop, made = failing(1)
    paid = shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    assert (paid.status, paid.amount_paid) == ("paid", usd(3000))
    assert shop.now(made).status == "active"


def test_an_invoice_that_was_paid_by_hand_is_not_charged_again_by_the_retries() -> None:
    shop, made = failing(1)
    shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    shop.provider.advance(days=20)
    assert len(shop.told(EventType.PAYMENT_SUCCEEDED)) == 2


def test_paying_can_fail_again() -> None:
    shop, made = failing(2)
    assert shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id).status == "open"
    assert shop.now(made).status == "past_due"


def test_a_try_by_hand_does_not_use_up_the_retries() -> None:
    shop, made = failing(3)
    shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    shop.provider.advance(days=5)
    assert shop.now(made).status == "active"


def test_paying_recovers_from_unpaid() -> None:
    shop, made = failing(4)
    shop.provider.advance(days=8)
    shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    assert shop.now(made).status == "active"
    shop.provider.advance(months=1)
    assert shop.amounts(made) == [3000, 3000, 3000]


def test_paying_an_unpaid_subscription_can_fail_and_changes_nothing() -> None:
    shop, made = failing(5)
    shop.provider.advance(days=8)
    before = shop.now(made)
    assert shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id).status == "open"
    assert shop.now(made) == before


def test_who_recovers_in_a_period_that_was_not_billed_pays_the_rest_of_it_with_the_next_invoice() -> None:
    shop, made = failing(4)
    shop.provider.advance(days=31 + 15)  # the 16th of June, in the middle of a period of 30 days
    shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    assert shop.now(made).status == "active"
    shop.provider.advance(days=15)
    assert shop.amounts(made) == [3000, 3000, 4500]


@pytest.mark.parametrize("status", ["paid", "void"])
def test_only_an_open_invoice_can_be_paid(status: str) -> None:
    shop, made = failing(1)
    [_, invoice] = shop.invoices(made)
    if status == "paid":
        shop.provider.pay_hosted_invoice(invoice.id)
    else:
        shop.cancel(made)
    mark = len(shop.events())
    with pytest.raises(errors.Conflict):
        shop.provider.pay_hosted_invoice(invoice.id)
    assert shop.since(mark) == []


def test_an_unknown_invoice_is_not_found() -> None:
    with pytest.raises(errors.NotFound):
        Shop().provider.pay_hosted_invoice("in_none")


def test_canceling_while_past_due_voids_the_open_invoices() -> None:
    shop, made = failing(9, "daily", retry_days=(50,))
    assert len(open_invoices(shop, made)) > 1
    shop.cancel(made)
    assert {str(invoice.status) for invoice in shop.invoices(made)} == {"paid", "void"}
    mark = len(shop.events())
    shop.provider.advance(months=6)
    assert shop.since(mark) == []


def test_canceling_at_period_end_while_past_due_voids_the_open_invoices_then() -> None:
    shop, made = failing(99)
    shop.cancel(made, at_period_end=True)
    assert shop.now(made).status == "past_due"
    shop.provider.advance(months=1)
    assert shop.now(made).status == "canceled"
    assert [invoice.status for invoice in shop.invoices(made)] == ["paid", "void"]


def test_with_short_periods_several_invoices_are_open_at_once() -> None:
    shop = Shop()
    made = shop.subscribe("daily")
    shop.provider.decline_next_payment(times=3)
    shop.provider.advance(days=3)
    assert len(open_invoices(shop, made)) == 3
    assert shop.now(made).status == "past_due"


def test_with_several_open_invoices_all_have_to_be_paid() -> None:
    shop = Shop(retry_days=(20,))
    made = shop.subscribe("daily")
    shop.provider.decline_next_payment(times=2)
    shop.provider.advance(days=2)
    first, second = open_invoices(shop, made)
    shop.provider.pay_hosted_invoice(first.id)
    assert shop.now(made).status == "past_due"
    shop.provider.pay_hosted_invoice(second.id)
    assert shop.now(made).status == "active"


def test_a_renewal_that_is_paid_while_an_older_invoice_is_open_is_told_and_stays_past_due() -> None:
    shop = Shop(retry_days=(20,))
    made = shop.subscribe("daily")
    shop.provider.decline_next_payment()
    shop.provider.advance(days=2)
    found = shop.now(made)
    assert (found.status, found.current_period_start) == ("past_due", START + timedelta(days=2))
    told = [event.subscription for event in shop.told(EventType.SUBSCRIPTION_UPDATED)]
    assert told[-1] == found


def test_every_open_invoice_has_its_own_retries() -> None:
    shop = Shop(retry_days=(2, 4))
    made = shop.subscribe("daily")
    shop.provider.decline_next_payment(times=2)  # the renewals of days 1 and 2
    shop.provider.advance(days=4)
    assert shop.now(made).status == "active"
    paid = [invoice.paid_at for invoice in shop.invoices(made)]
    assert paid == [START + timedelta(days=day) for day in (0, 3, 4, 3, 4)]


def test_the_first_invoice_to_run_out_of_retries_decides() -> None:
    shop = Shop(retry_days=(2,))
    made = shop.subscribe("daily")
    shop.provider.decline_next_payment(times=50)
    shop.provider.advance(days=3)
    assert shop.now(made).status == "unpaid"
    shop.provider.advance(days=10)
    assert len(open_invoices(shop, made)) == 2  # of days 1 and 2: on day 3 the retry came before the renewal


def test_a_subscription_can_be_past_due_again_after_it_has_recovered() -> None:
    shop, made = failing(1)
    shop.provider.advance(days=3)
    assert shop.now(made).status == "active"
    shop.provider.decline_next_payment(times=4)
    shop.provider.advance(days=28)
    assert shop.now(made).status == "past_due"
    shop.provider.advance(days=8)
    assert shop.now(made).status == "unpaid"


def test_a_renewal_without_a_saved_card_fails_without_a_payment() -> None:
    shop = Shop()
    made = shop.subscribe()
    [card] = run(shop.provider.get_payment_methods(str(made.customer_id)))
    run(shop.provider.remove_payment_method(card.id))
    mark = len(shop.events())
    shop.provider.advance(months=1)
    assert shop.since(mark) == ["invoice.created", "invoice.payment_failed", "subscription.updated"]
    assert shop.now(made).status == "past_due"


def test_who_pays_an_invoice_by_hand_saves_a_card_for_the_next() -> None:
    shop = Shop()
    made = shop.subscribe()
    [card] = run(shop.provider.get_payment_methods(str(made.customer_id)))
    run(shop.provider.remove_payment_method(card.id))
    shop.provider.advance(months=1)
    shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    shop.provider.advance(months=1)
    assert shop.now(made).status == "active"


# --- the payer has to authenticate -------------------------------------------------------------------------------


def waiting() -> tuple[Shop, Subscription, str]:
    """A renewal whose payment waits for the payer."""
    shop = Shop()
    made = shop.subscribe()
    shop.provider.decline_next_payment(reason=DeclineReason.AUTHENTICATION_REQUIRED)
    shop.provider.advance(months=1)
    [event] = shop.told(EventType.PAYMENT_ACTION_REQUIRED)
    assert event.payment is not None
    return shop, made, event.payment.id


def test_a_renewal_that_waits_for_the_payer_is_told_and_past_due() -> None:
    shop, made, payment_id = waiting()
    assert shop.payment(payment_id).status == "requires_action"
    assert len(shop.told(EventType.INVOICE_ACTION_REQUIRED)) == 1
    assert shop.now(made).status == "past_due"


def test_a_renewal_that_the_payer_authenticates_is_paid_once() -> None:
    shop, made, payment_id = waiting()
    assert shop.provider.authenticate_payment(payment_id).status == "succeeded"
    assert shop.now(made).status == "active"
    assert [invoice.status for invoice in shop.invoices(made)] == ["paid", "paid"]
    shop.provider.advance(days=10)
    assert len(shop.told(EventType.PAYMENT_SUCCEEDED)) == 2


def test_a_renewal_that_the_payer_fails_to_authenticate_is_retried() -> None:
    shop, made, payment_id = waiting()
    assert shop.provider.authenticate_payment(payment_id, succeeded=False).status == "failed"
    assert shop.now(made).status == "past_due"
    shop.provider.advance(days=3)
    assert shop.now(made).status == "active"


@pytest.mark.parametrize("how", ["retry", "by hand", "canceled"])
def test_a_payment_that_waited_for_the_payer_cannot_be_taken_beside_another(how: str) -> None:
    shop, made, payment_id = waiting()
    if how == "retry":
        shop.provider.advance(days=3)
    elif how == "by hand":
        shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    else:
        shop.cancel(made)
    assert shop.payment(payment_id).status == "canceled"
    with pytest.raises(errors.Conflict):
        shop.provider.authenticate_payment(payment_id)


def test_a_payment_that_was_given_up_by_the_application_leaves_the_invoice_to_the_retries() -> None:
    shop, made, payment_id = waiting()
    run(shop.provider.cancel_payment(payment_id))
    shop.provider.advance(days=3)
    assert shop.now(made).status == "active"


def test_one_authenticated_invoice_of_two_does_not_recover_the_subscription() -> None:
    shop = Shop(retry_days=(20,))
    made = shop.subscribe("daily")
    shop.provider.decline_next_payment(times=2, reason=DeclineReason.AUTHENTICATION_REQUIRED)
    shop.provider.advance(days=2)
    first, second = [event.payment for event in shop.told(EventType.PAYMENT_ACTION_REQUIRED)]
    assert first is not None
    assert second is not None
    shop.provider.authenticate_payment(first.id)
    assert shop.now(made).status == "past_due"
    shop.provider.authenticate_payment(second.id)
    assert shop.now(made).status == "active"


def test_after_a_recovery_the_rest_of_the_period_counts_as_billed() -> None:
    shop, made = failing(4)
    shop.provider.advance(days=31 + 15)
    shop.provider.pay_hosted_invoice(open_invoices(shop, made)[0].id)
    shop.change(made, plan_id="team")  # for the same half of a month, at once
    shop.provider.advance(days=15)
    assert shop.amounts(made) == [3000, 3000, 9000 + 4500]
