"""What a change would cost: the same as what the change then costs, and where nobody calculates it, what is named instead."""

from datetime import timedelta
from typing import Any

import pytest

from paylattice import ChangePreview, InvoiceReason, Money
from paylattice.driving import run
from paylattice.errors import Conflict, InvalidRequest, NotFound, UnsupportedOperation

from ..testing.standins.paypal.support import PayPalShop
from ..testing.standins.square.support import Market
from ..testing.standins.stripe.support import Shop as StripeShop
from .memory.support import Shop, usd

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "dearer": ("pro", {"plan_id": "team"}),
    "cheaper": ("team", {"plan_id": "pro"}),
    "more": ("pro", {"quantity": 3}),
    "longer": ("pro", {"plan_id": "yearly"}),
    "shorter": ("yearly", {"plan_id": "pro"}),
    "not prorated": ("pro", {"plan_id": "team", "prorate": False}),
    "later": ("pro", {"plan_id": "team", "when": "period_end"}),
    "later and longer": ("pro", {"plan_id": "yearly", "when": "period_end"}),
}
CASES = [
    pytest.param(begins, {**change, "payment": payment}, id=f"{name}, paid {payment}" if payment != "invoice" else name)
    for name, (begins, change) in CHANGES.items()
    for payment in ("invoice", "now", "first")
    if payment == "invoice" or ("when" not in change and "prorate" not in change)
]


def total(preview: ChangePreview) -> tuple[int, int]:
    """What the lines add up to."""
    return sum(line.amount.amount for line in preview.lines_now), sum(line.amount.amount for line in preview.lines_next)


# --- the embedded provider -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("begins", "change"), CASES)
def test_the_embedded_provider_previews_what_it_then_bills(begins: str, change: dict[str, Any]) -> None:
    shop = Shop()
    subscription = shop.subscribe(begins)
    shop.provider.advance(days=10)
    before, told = shop.now(subscription), len(shop.events())
    preview = run(shop.provider.preview_change(subscription.id, **change))
    assert (shop.now(subscription), len(shop.events()), len(shop.invoices(subscription))) == (before, told, 1)
    assert total(preview)[0] == preview.due_now.amount

    shop.change(subscription, **change)
    billed = shop.invoices(subscription)[1:]
    assert sum(each.amount.amount for each in billed) == preview.due_now.amount
    assert bool(billed) is bool(preview.lines_now)
    assert [each.lines for each in billed] in ([], [preview.lines_now])

    assert preview.next_at is not None
    shop.provider.advance(days=(preview.next_at - shop.provider.now).days)
    renewal = shop.invoices(subscription)[-1]
    assert (renewal.amount, renewal.lines, renewal.created_at) == (
        preview.due_next,
        preview.lines_next,
        preview.next_at,
    )


def test_an_upgrade_says_what_is_due_now_and_what_comes_later() -> None:
    shop = Shop()
    subscription = shop.subscribe("pro")
    shop.provider.advance(days=10)
    ask = shop.provider.preview_change
    with_the_next = run(ask(subscription.id, plan_id="team"))
    assert (with_the_next.due_now, with_the_next.due_next) == (usd(0), usd(9000 + 4000))
    assert (with_the_next.prorated_next, with_the_next.next_at) == (usd(4000), subscription.current_period_end)
    at_once = run(ask(subscription.id, plan_id="team", payment="now"))
    assert (at_once.due_now, at_once.due_next, at_once.prorated_next) == (usd(4000), usd(9000), usd(0))


def test_a_subscription_that_ends_has_no_next_invoice_but_for_what_is_left_over() -> None:
    shop = Shop()
    subscription = shop.subscribe("pro")
    shop.provider.advance(days=10)
    shop.cancel(subscription, at_period_end=True)
    ask = shop.provider.preview_change
    left_over = run(ask(subscription.id, plan_id="team"))
    assert (left_over.due_now, left_over.due_next, left_over.next_at) == (
        usd(0),
        usd(4000),
        subscription.current_period_end,
    )
    paid = run(ask(subscription.id, plan_id="team", payment="now"))
    assert (paid.due_now, paid.due_next, paid.next_at) == (usd(4000), None, None)
    with pytest.raises(Conflict, match="uncancel"):
        run(ask(subscription.id, plan_id="team", when="period_end"))


def test_a_trial_costs_nothing_before_it_ends() -> None:
    shop = Shop()
    subscription = shop.subscribe("trial")
    preview = run(shop.provider.preview_change(subscription.id, plan_id="yearly", payment="now"))
    assert (preview.due_now, preview.due_next, preview.next_at) == (usd(0), usd(30_000), subscription.trial_end)


def test_a_paused_subscription_is_asked_for_nothing_next() -> None:
    shop = Shop()
    subscription = shop.pause(shop.subscribe("pro"))
    assert run(shop.provider.preview_change(subscription.id, plan_id="team")).due_next is None


def test_a_cheaper_period_that_is_paid_first_uses_up_its_credit() -> None:
    shop = Shop()
    subscription = shop.subscribe("yearly")
    shop.change(subscription, plan_id="pro", payment="first")
    assert shop.invoices(subscription)[-1].reason is InvoiceReason.CHANGE
    assert shop.provider._world.store.subscriptions[subscription.id].carried == 3000 - 30_000


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"plan_id": "pro"}, InvalidRequest),
        ({"plan_id": "euro"}, InvalidRequest),
        ({"plan_id": "none"}, InvalidRequest),
        ({"plan_id": "team", "prorate": False, "payment": "now"}, InvalidRequest),
        ({"plan_id": "team", "when": "period_end", "payment": "now"}, InvalidRequest),
    ],
)
def test_the_embedded_provider_previews_no_change_that_it_would_refuse(
    change: dict[str, Any], error: type[Exception]
) -> None:
    shop = Shop()
    subscription = shop.subscribe("pro")
    for ask in (shop.provider.preview_change, shop.provider.change_subscription):
        with pytest.raises(error):
            run(ask(subscription.id, **change))


# --- Stripe --------------------------------------------------------------------------------------------------------


def at_stripe(plan: str = "pro", **card: Any) -> tuple[StripeShop, str]:
    """A subscription that is ten days old."""
    shop = StripeShop("blocking")
    for name, amount, interval in (("pro", 3000, "month"), ("team", 9000, "month"), ("yearly", 30_000, "year")):
        shop.server.add_plan(name, Money(amount, "USD"), interval=interval)
    subscription = shop.server.add_subscription(shop.customer(**card), plan)
    shop.server.advance(days=10)
    return shop, subscription


@pytest.mark.parametrize(("begins", "change"), CASES)
def test_stripe_previews_what_it_then_bills(begins: str, change: dict[str, Any]) -> None:
    shop, subscription = at_stripe(begins)
    before = shop.server.snapshot()
    preview = shop.run(shop.provider.preview_change(subscription, **change))
    assert shop.server.snapshot() == before
    assert total(preview)[0] == preview.due_now.amount

    changed = shop.run(shop.provider.change_subscription(subscription, **change)).subscription
    invoices = shop.run(shop.provider.get_invoices(changed.customer_id or ""))
    billed = invoices[:-1]
    assert [each.amount for each in billed] == ([preview.due_now] if preview.lines_now else [])
    assert [[line.amount for line in each.lines] for each in billed] in ([], [[x.amount for x in preview.lines_now]])

    assert preview.next_at is not None
    shop.server.advance(days=(preview.next_at - shop.server.now).days + 1)
    renewal = shop.run(shop.provider.get_invoices(changed.customer_id or "", 1))[0]
    assert renewal.amount_due == preview.due_next
    assert renewal.created_at == preview.next_at
    assert [line.amount for line in renewal.lines] == [line.amount for line in preview.lines_next]


def test_a_credit_at_stripe_is_less_than_zero_and_taken_off_the_next_invoice() -> None:
    shop, subscription = at_stripe("team")
    preview = shop.run(shop.provider.preview_change(subscription, plan_id="pro", payment="now"))
    assert preview.due_now.amount < 0
    assert preview.due_next == Money(max(0, 3000 + preview.due_now.amount), "USD")
    assert set(preview.raw) == {"now", "next"}


def test_a_balance_at_stripe_pays_first() -> None:
    shop, subscription = at_stripe("team")
    shop.run(shop.provider.change_subscription(subscription, plan_id="pro", payment="now"))  # leaves a credit
    preview = shop.run(shop.provider.preview_change(subscription, quantity=2, payment="now"))
    assert (preview.due_now, preview.lines_now != ()) == (Money(0, "USD"), True)
    shop.run(shop.provider.change_subscription(subscription, quantity=2, payment="now"))
    taken = shop.server.money_taken()
    shop.server.advance(days=25)
    assert shop.server.money_taken() - taken == preview.due_next.amount if preview.due_next else False


def test_a_subscription_at_stripe_that_ends_has_no_next_invoice_but_for_what_is_left_over() -> None:
    shop, subscription = at_stripe()
    shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True))
    ask = shop.provider.preview_change
    left_over = shop.run(ask(subscription, plan_id="team"))
    assert left_over.due_next is not None
    assert left_over.due_next.amount == left_over.prorated_next.amount > 0
    paid = shop.run(ask(subscription, plan_id="team", payment="now"))
    assert (paid.due_now, paid.due_next, paid.next_at) == (left_over.due_next, None, None)
    free = shop.run(ask(subscription, plan_id="team", prorate=False))
    assert (free.due_now, free.due_next, free.next_at) == (Money(0, "USD"), None, None)
    with pytest.raises(Conflict, match="uncancel"):
        shop.run(ask(subscription, plan_id="team", when="period_end"))


def test_a_trial_at_stripe_costs_nothing_before_it_ends() -> None:
    shop, _ = at_stripe()
    start = shop.server.now + timedelta(days=10)
    begun = shop.run(shop.provider.create_subscription(shop.customer(), "pro", start_at=start)).subscription
    for payment in ("invoice", "now", "first"):
        preview = shop.run(shop.provider.preview_change(begun.id, plan_id="team", payment=payment))
        assert (preview.due_now, preview.due_next, preview.next_at) == (Money(0, "USD"), Money(9000, "USD"), start)


def test_stripe_previews_no_change_that_it_would_refuse() -> None:
    shop, subscription = at_stripe()
    ask = shop.provider.preview_change
    refused: list[dict[str, Any]] = [
        {},
        {"plan_id": "pro"},
        {"quantity": 1},
        {"plan_id": "none"},
        {"plan_id": "team", "prorate": False, "payment": "now"},
        {"plan_id": "team", "when": "period_end", "payment": "now"},
        {"plan_id": "team", "subscription_item_id": "si_other"},
    ]
    for change in refused:
        with pytest.raises(InvalidRequest):
            shop.run(ask(subscription, **change))
    with pytest.raises(NotFound):
        shop.run(ask("sub_other", quantity=2))
    shop.run(shop.provider.cancel_subscription(subscription))
    with pytest.raises(Conflict, match="ended"):
        shop.run(ask(subscription, plan_id="team"))


def test_taking_a_scheduled_change_back_can_be_previewed_as_a_change_to_what_there_is() -> None:
    shop, subscription = at_stripe()
    shop.run(shop.provider.change_subscription(subscription, plan_id="team", when="period_end"))
    preview = shop.run(shop.provider.preview_change(subscription, plan_id="pro"))
    assert (preview.due_now, preview.due_next) == (Money(0, "USD"), Money(3000, "USD"))


# --- where nobody calculates it ------------------------------------------------------------------------------------


def test_what_paypal_names_instead_works() -> None:
    shop = PayPalShop()
    shop.plan("P-PRO", "19.00")
    shop.plan("P-MAX", "49.00")
    subscription = shop.subscription("P-PRO")
    with pytest.raises(UnsupportedOperation, match=r"get_plan.*current_period_end.*approval_url"):
        shop.run(shop.provider.preview_change(subscription, plan_id="P-MAX"))
    found, plan = (
        shop.run(shop.provider.get_subscription(subscription)),
        shop.run(shop.provider.get_plan("P-MAX")),
    )
    assert found is not None
    assert plan is not None
    assert found.current_period_end is not None
    taken = shop.server.money_taken()
    change = shop.run(shop.provider.change_subscription(subscription, plan_id="P-MAX"))
    shop.server.approve_change(subscription)
    assert change.approval_url is not None
    assert shop.server.money_taken() == taken
    shop.server.advance(days=32)
    assert plan.amount is not None
    assert shop.server.money_taken() - taken == plan.amount.to_decimal()


def test_what_square_names_instead_works() -> None:
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_plan("MAX", Money(4900, "USD"))
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace")).id
    card = market.run(market.provider.save_payment_method(customer, "cnon:new")).id
    begun = market.run(market.provider.create_subscription(customer, "PRO", payment_method_id=card)).subscription
    with pytest.raises(UnsupportedOperation, match=r"get_plan.*current_period_end"):
        market.run(market.provider.preview_change(begun.id, plan_id="MAX"))
    plan = market.run(market.provider.get_plan("MAX"))
    assert plan is not None
    assert plan.amount is not None
    taken = market.server.money_taken()
    market.run(market.provider.change_subscription(begun.id, plan_id="MAX"))
    assert market.server.money_taken() == taken
    market.server.advance(days=32)
    assert market.server.money_taken() - taken == plan.amount.amount
