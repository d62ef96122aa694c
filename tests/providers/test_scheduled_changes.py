"""A change of plan with the next period: what each provider does, up to the day, and what it names where it cannot."""

from datetime import timedelta

import pytest

from paylattice import Capability, Money, ScheduledChange, Subscription, SubscriptionStatus
from paylattice.driving import run
from paylattice.errors import Conflict, Declined, DeclineReason, InvalidRequest, NotFound, UnsupportedOperation
from paylattice.providers.memory import InMemoryProvider

from ..testing.standins.paypal.support import PayPalShop
from ..testing.standins.square.support import Market
from ..testing.standins.stripe.support import NO, NOW, OK, Shop

PRO, BASIC = Money(5000, "USD"), Money(1000, "USD")
SCHEDULES = "/v1/subscription_schedules"


def planned(subscription: Subscription | None) -> list[tuple[str | None, int | None]]:
    assert subscription is not None
    return [(each.plan_id, each.quantity) for each in subscription.scheduled_changes]


# --- the embedded provider ---------------------------------------------------------------------------------------


class Embedded:
    def __init__(self) -> None:
        self.provider = InMemoryProvider(now=NOW)
        self.provider.add_plan("pro", PRO)
        self.provider.add_plan("basic", BASIC)
        self.provider.add_plan("year", Money(10000, "USD"), interval="year")
        self.provider.add_plan("calls", Money(2, "USD"), metered=True)
        customer = run(self.provider.create_customer("ada@example.com")).id
        page = run(self.provider.create_checkout_session(customer, "pro", OK, NO))
        self.customer, self.id = customer, str(self.provider.complete_checkout(page.id).subscription_id)

    def change(self, plan_id: str | None = None, **more: object) -> Subscription:
        return run(self.provider.change_subscription(self.id, plan_id=plan_id, **more)).subscription  # type: ignore[arg-type]  # the options of some tests

    @property
    def now(self) -> Subscription:
        found = run(self.provider.get_subscription(self.id))
        assert found is not None
        return found

    @property
    def billed(self) -> list[int]:
        return [each.amount.amount for each in run(self.provider.get_invoices(self.customer))]


def test_the_embedded_provider_changes_with_the_period() -> None:
    shop = Embedded()
    shop.provider.advance(days=5)
    end = shop.now.current_period_end
    assert shop.change("basic", when="period_end").scheduled_changes == (
        ScheduledChange("change_plan", end, "basic", 1),
    )
    assert (shop.now.plan_id, shop.billed) == ("pro", [5000])
    shop.provider.advance(months=1)
    assert (shop.now.plan_id, planned(shop.now), shop.billed) == ("basic", [], [1000, 5000])
    shop.provider.advance(months=1)
    assert shop.billed == [1000, 1000, 5000]


def test_a_longer_period_begins_when_the_paid_one_ends() -> None:
    shop = Embedded()
    shop.change("year", when="period_end")
    end = shop.now.current_period_end
    shop.provider.advance(months=1)
    assert end is not None
    assert shop.now.current_period_start == end
    assert shop.now.current_period_end == end.replace(year=end.year + 1)
    assert shop.billed == [10000, 5000]


def test_a_later_change_takes_the_place_of_a_scheduled_one() -> None:
    shop = Embedded()
    shop.change("basic", when="period_end")
    assert planned(shop.change("basic", quantity=3, when="period_end")) == [("basic", 3)]
    assert planned(shop.change("pro", when="period_end")) == [], "it was to stay as it is"
    shop.change("basic", when="period_end")
    assert planned(shop.change("pro", quantity=2)) == []
    shop.provider.advance(months=1)
    assert (shop.now.plan_id, shop.now.quantity) == ("pro", 2)


def test_usage_is_billed_at_the_price_that_it_was_used_at() -> None:
    shop = Embedded()
    shop.change("calls", when="period_end")
    shop.provider.advance(months=1)
    run(shop.provider.create_usage_record(shop.now.items[0].id, 100))
    shop.change("basic", when="period_end")
    shop.provider.advance(days=32)
    assert shop.billed == [1200, 0, 5000]


def test_a_cancellation_drops_what_is_scheduled_and_nothing_is_scheduled_after_the_end() -> None:
    shop = Embedded()
    shop.change("basic", when="period_end")
    ending = run(shop.provider.cancel_subscription(shop.id, at_period_end=True))
    assert planned(ending) == []
    with pytest.raises(Conflict, match="uncancel"):
        shop.change("basic", when="period_end")
    shop.provider.advance(months=1)
    with pytest.raises(Conflict):
        run(shop.provider.cancel_scheduled_change(shop.id))
    with pytest.raises(NotFound):
        run(shop.provider.cancel_scheduled_change("sub_other"))


@pytest.mark.parametrize(
    "more", [{"when": "period_end", "payment": "now"}, {"when": "period_end", "payment": "first"}, {"payment": "now"}]
)
def test_what_is_not_due_now_is_not_paid_now(more: dict[str, str]) -> None:
    shop = Embedded()
    with pytest.raises(InvalidRequest) as caught:
        shop.change("basic", prorate=False, **more)
    assert caught.value.param == "payment"


def test_a_change_is_paid_at_once_or_owed() -> None:
    shop = Embedded()
    shop.provider.advance(days=15)
    shop.change(quantity=2, payment="now")
    assert shop.billed == [2500, 5000]
    shop.provider.decline_next_payment()
    change = run(shop.provider.change_subscription(shop.id, quantity=3, payment="now"))
    assert (change.is_pending, shop.now.quantity, shop.now.status) == (True, 3, SubscriptionStatus.PAST_DUE)


def test_a_change_is_made_once_its_payment_was_authenticated_and_not_before() -> None:
    shop = Embedded()
    shop.provider.advance(days=15)
    shop.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
    change = run(shop.provider.change_subscription(shop.id, quantity=2, payment="first", idempotency_key="more"))
    again = run(shop.provider.change_subscription(shop.id, quantity=2, payment="first", idempotency_key="more"))
    assert (change.is_pending, again.is_pending, again.approval_url) == (True, True, change.approval_url)
    assert (shop.now.quantity, shop.now.status, shop.now.paid_through) == (
        1,
        SubscriptionStatus.ACTIVE,
        shop.now.current_period_end,
    )
    shop.provider.authenticate_payment(str(change.approval_url).rpartition("/")[2])
    assert (shop.now.quantity, shop.billed) == (2, [2500, 5000])
    shop.provider.advance(months=1)
    assert shop.billed == [10000, 2500, 5000]


@pytest.mark.parametrize("plan", ["pro", "year"])
def test_a_change_that_nobody_pays_is_never_made(plan: str) -> None:
    shop = Embedded()
    shop.provider.advance(days=15)
    before = shop.now
    shop.provider.decline_next_payment(times=2)
    change = run(shop.provider.change_subscription(shop.id, plan_id=plan, quantity=2, payment="first"))
    assert change.is_pending
    assert (shop.now.plan_id, shop.now.quantity, shop.now.current_period_end) == ("pro", 1, before.current_period_end)
    invoice = run(shop.provider.get_invoices(shop.customer))[0]
    with pytest.raises(Declined):
        run(shop.provider.pay_invoice(invoice.id))
    assert shop.now.status is SubscriptionStatus.ACTIVE, "nothing that was bought is owed"
    shop.provider.advance(days=2)
    assert run(shop.provider.get_invoices(shop.customer))[0].status == "void"
    shop.provider.advance(months=1)
    assert shop.billed[0] == 5000


def test_a_change_that_waits_is_dropped_with_its_invoice_and_by_another_change() -> None:
    shop = Embedded()
    shop.provider.advance(days=15)
    for drop in (
        lambda invoice: run(shop.provider.void_invoice(invoice)),
        lambda _: shop.change(quantity=1, plan_id="basic"),
    ):
        shop.provider.decline_next_payment()
        assert run(shop.provider.change_subscription(shop.id, quantity=2, payment="first")).is_pending
        invoice = run(shop.provider.get_invoices(shop.customer))[0]
        drop(invoice.id)
        found = next(each for each in run(shop.provider.get_invoices(shop.customer)) if each.id == invoice.id)
        assert (found.status, shop.now.status, shop.now.quantity) == ("void", SubscriptionStatus.ACTIVE, 1)


@pytest.mark.parametrize(("plan", "quantity", "billed"), [("pro", 2, [2500, 5000]), ("year", 1, [7500, 5000])])
def test_a_change_is_made_when_its_payment_comes_at_once_or_later(plan: str, quantity: int, billed: list[int]) -> None:
    for declined in (0, 1):
        shop = Embedded()
        shop.provider.advance(days=15)
        shop.provider.decline_next_payment(times=declined) if declined else None
        change = run(shop.provider.change_subscription(shop.id, plan_id=plan, quantity=quantity, payment="first"))
        assert change.is_pending is bool(declined)
        if declined:
            run(shop.provider.pay_invoice(run(shop.provider.get_invoices(shop.customer))[0].id))
        assert (shop.now.plan_id, shop.now.quantity, shop.billed) == (plan, quantity, billed)
        assert shop.now.paid_through == shop.now.current_period_end
        if plan == "year":
            assert shop.now.current_period_start == shop.provider.now


# --- Stripe ------------------------------------------------------------------------------------------------------


def stripe(**more: object) -> tuple[Shop, str]:
    shop = Shop("blocking")
    shop.server.add_plan("pro", PRO)
    shop.server.add_plan("basic", BASIC)
    shop.server.add_plan("year", Money(10000, "USD"), interval="year")
    return shop, shop.subscription("pro", **more)  # type: ignore[arg-type]  # the options of some tests


def at_stripe(shop: Shop, subscription_id: str) -> Subscription:
    found = shop.run(shop.provider.get_subscription(subscription_id))
    assert found is not None
    return found


def test_stripe_changes_with_the_period_and_lets_go_of_the_subscription_afterwards() -> None:
    shop, sub = stripe(quantity=2)
    end = at_stripe(shop, sub).current_period_end
    change = shop.run(shop.provider.change_subscription(sub, plan_id="basic", when="period_end", idempotency_key="k"))
    again = shop.run(shop.provider.change_subscription(sub, plan_id="basic", when="period_end", idempotency_key="k"))
    assert change.subscription.scheduled_changes == (ScheduledChange("change_plan", end, "basic", 2),)
    assert (change.subscription.plan_id, again.is_pending) == ("pro", False)
    assert again.subscription.scheduled_changes == change.subscription.scheduled_changes
    assert shop.server.count("subscription_schedule") == 1
    taken = shop.server.money_taken()
    shop.server.advance(days=31, hours=2)
    found = at_stripe(shop, sub)
    assert (found.plan_id, found.quantity, planned(found)) == ("basic", 2, [])
    assert shop.server.money_taken() == taken + 2000, "nothing is prorated"
    shop.server.advance(days=35)
    assert at_stripe(shop, sub).raw["schedule"] is None
    (schedule,) = shop.server.objects("subscription_schedule")
    assert schedule["status"] == "released"


def test_stripe_begins_a_longer_period_when_the_paid_one_ends() -> None:
    shop, sub = stripe()
    end = at_stripe(shop, sub).current_period_end
    shop.run(shop.provider.change_subscription(sub, plan_id="year", when="period_end"))
    shop.server.advance(days=31, hours=2)
    found = at_stripe(shop, sub)
    assert end is not None
    assert (found.plan_id, found.current_period_start, found.current_period_end) == (
        "year",
        end,
        end.replace(year=end.year + 1),
    )


def test_at_stripe_a_later_change_takes_the_place_of_a_scheduled_one() -> None:
    shop, sub = stripe()
    change = shop.provider.change_subscription
    shop.run(change(sub, plan_id="basic", when="period_end"))
    assert planned(shop.run(change(sub, quantity=3, when="period_end")).subscription) == [("pro", 3)]
    assert planned(shop.run(change(sub, plan_id="pro", quantity=1, when="period_end")).subscription) == []
    with pytest.raises(InvalidRequest, match="nothing was changed"):
        shop.run(change(sub, plan_id="pro", when="period_end"))
    shop.run(change(sub, plan_id="basic", when="period_end"))
    assert planned(shop.run(change(sub, quantity=2, when="now")).subscription) == []
    shop.server.advance(days=31, hours=2)
    assert (at_stripe(shop, sub).plan_id, at_stripe(shop, sub).quantity) == ("pro", 2)


def test_at_stripe_a_scheduled_change_is_taken_back_and_one_that_somebody_else_made_too() -> None:
    shop, sub = stripe()
    shop.run(shop.provider.change_subscription(sub, plan_id="basic", when="period_end"))
    for _ in range(2):
        assert planned(shop.run(shop.provider.cancel_scheduled_change(sub))) == []
    assert at_stripe(shop, sub).plan_id == "pro"
    assert shop.server.count("subscription_schedule") == 1


def test_at_stripe_a_subscription_ends_with_its_period_although_a_change_is_scheduled() -> None:
    shop, sub = stripe()
    shop.run(shop.provider.change_subscription(sub, plan_id="basic", when="period_end"))
    ending = shop.run(shop.provider.cancel_subscription(sub, at_period_end=True))
    assert (ending.cancel_at, planned(ending)) == (ending.current_period_end, [])
    with pytest.raises(Conflict, match="uncancel"):
        shop.run(shop.provider.change_subscription(sub, plan_id="basic", when="period_end"))
    shop.run(shop.provider.uncancel_subscription(sub))
    shop.server.advance(days=31, hours=2)
    assert at_stripe(shop, sub).plan_id == "pro"


def test_at_stripe_a_change_that_is_refused_leaves_no_schedule_behind() -> None:
    shop, sub = stripe()
    for more, why in (
        ({"plan_id": "price_none"}, "no such price"),
        ({"plan_id": "basic", "payment": "now"}, "leave payment"),
    ):
        with pytest.raises(InvalidRequest, match=why):
            shop.run(shop.provider.change_subscription(sub, when="period_end", **more))  # type: ignore[arg-type]  # either
    assert shop.server.count("subscription_schedule") == 0


def test_stripe_knows_what_is_scheduled_for_a_trial() -> None:
    shop, _ = stripe()
    customer = shop.customer()
    end = NOW + timedelta(days=10)
    begun = shop.run(shop.provider.create_subscription(customer, "pro", start_at=end))
    change = shop.run(shop.provider.change_subscription(begun.subscription.id, plan_id="basic", when="period_end"))
    assert change.subscription.scheduled_changes == (ScheduledChange("change_plan", end, "basic", 1),)
    assert change.subscription.trial_end == end
    shop.server.advance(days=10, hours=2)
    assert at_stripe(shop, begun.subscription.id).plan_id == "basic"


# --- PayPal and Square ---------------------------------------------------------------------------------------------


def test_paypal_charges_another_plan_from_the_next_period_and_changes_back_in_the_same_way() -> None:
    shop = PayPalShop()
    shop.plan("P-PRO", "50.00")
    shop.plan("P-BASIC", "10.00")
    page = shop.run(shop.provider.create_checkout_session("org_1", "P-PRO", OK, NO))
    shop.server.complete_checkout(page.id)
    change = shop.run(shop.provider.change_subscription(page.id, plan_id="P-BASIC", when="period_end"))
    assert (change.is_pending, change.subscription.plan_id) == (True, "P-PRO")
    shop.server.approve_change(page.id)
    with pytest.raises(UnsupportedOperation, match="change_subscription"):
        shop.run(shop.provider.cancel_scheduled_change(page.id))
    back = shop.run(shop.provider.change_subscription(page.id, plan_id="P-PRO", when="period_end"))
    assert back.approval_url
    assert shop.server.money_taken() == 50
    shop.server.approve_change(page.id)
    shop.server.advance(days=31, hours=2)
    assert shop.server.money_taken() == 100


@pytest.mark.parametrize("more", [{"when": "now"}, {"payment": "now"}, {"payment": "first"}])
def test_paypal_and_square_change_nothing_now_and_say_so(more: dict[str, str]) -> None:
    shop, market = PayPalShop(), Market()
    subscription = market.subscribed()
    for caller in (shop, market):
        name = shop.subscription() if caller is shop else subscription
        with pytest.raises(UnsupportedOperation, match="period_end"):
            caller.run(caller.provider.change_subscription(name, plan_id="P-TEAM", **more))  # type: ignore[arg-type]  # either
        assert Capability.CHANGE_AT_PERIOD_END in caller.provider.capabilities


def test_square_changes_with_the_period_and_takes_it_back() -> None:
    market = Market()
    subscription = market.subscribed()
    market.server.add_plan("TEAM", PRO)
    for _ in range(2):
        change = market.run(market.provider.change_subscription(subscription, plan_id="TEAM", when="period_end"))
        assert (change.subscription.plan_id, planned(change.subscription)) == ("PRO", [("TEAM", None)])
        for _ in range(2):
            assert planned(market.run(market.provider.cancel_scheduled_change(subscription))) == []
    market.run(market.provider.change_subscription(subscription, plan_id="TEAM", when="period_end"))
    market.server.advance(days=33)
    found = market.run(market.provider.get_subscription(subscription))
    assert found is not None
    assert (found.plan_id, planned(found)) == ("TEAM", [])


def test_what_paypal_names_for_a_change_at_once_works() -> None:
    """A new subscription on the page, and the end of the old one."""
    shop = PayPalShop()
    old = shop.subscription()
    shop.plan("P-TEAM", "49.00")
    page = shop.run(shop.provider.create_checkout_session("org_1", "P-TEAM", OK, NO))
    shop.server.complete_checkout(page.id)
    ended = shop.run(shop.provider.cancel_subscription(old))
    new = shop.run(shop.provider.get_subscription(page.id))
    assert new is not None
    assert (ended.status.is_terminal, new.plan_id, new.status) == (True, "P-TEAM", SubscriptionStatus.ACTIVE)


def test_what_square_names_for_a_change_at_once_works() -> None:
    """Another subscription, and the end of this one with its period."""
    market = Market()
    old = market.subscribed()
    market.server.add_plan("TEAM", PRO)
    customer = market.run(market.provider.create_customer("b@example.com", "Ada Lovelace")).id
    card = market.run(market.provider.save_payment_method(customer, "cnon:new")).id
    new = market.run(market.provider.create_subscription(customer, "TEAM", payment_method_id=card)).subscription
    ending = market.run(market.provider.cancel_subscription(old, at_period_end=True))
    assert (new.plan_id, ending.cancel_at is not None) == ("TEAM", True)
