"""Checkouts at a provider that books them on a profile of the buyer's own: bound once, to who started them, in every order."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingService,
    CheckoutSession,
    Difference,
    EventType,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
    errors,
)
from paylattice.billing.owners import RefusalReason, RefusedSubscription
from paylattice.billing.store import Store

from .forgetful import Forgetful
from .scheduler import Task, in_every_order, run
from .support import PAGES, Coarse, Concurrent, Context, Noting

Token = tuple[str, int]


class Shop:
    """Organisations that start checkouts, and the notes of the handlers that ran for them."""

    def __init__(self, *, repository: Noting | None = None, pauses: bool = False) -> None:
        self.provider = Forgetful(pauses=pauses)
        self.repository = repository or Noting()
        self.refused: list[RefusedSubscription] = []
        self.billing = BillingService(
            self.provider, self.repository, clock=lambda: self.provider.now, on_refused=self.refused.append
        )
        for word in ("payment.succeeded", "subscription.created", "invoice.paid", "subscription.updated"):
            self.billing.on(word)(self.note)
        self.billing.on("subscription.active")(self.note_status)
        self.sessions: dict[int, CheckoutSession] = {}
        self.profiles: dict[int, str] = {}
        self.events: dict[Token, WebhookEvent] = {}

    def note(self, event: WebhookEvent, context: Context) -> None:
        self._write(event.id, context)

    def note_status(self, event: WebhookEvent, context: Context) -> None:
        assert context.subscription is not None
        self._write(f"{context.subscription.external_subscription_id} active", context)

    def _write(self, what: str, context: Context) -> None:
        if context.customer is not None and context.subscription is not None:
            assert context.subscription.customer_id == context.customer.id, "the handler was told of two organisations"
        owner = context.customer.org_id if context.customer else None
        self.repository.note(context.transaction, f"{what} of {owner}")

    def notes(self) -> list[str]:
        return sorted(self.repository.notes)

    # --- what happens --------------------------------------------------------------------------------------------

    async def start(self, number: int, profile: str) -> None:
        """Organisation number n starts a checkout, which somebody pays with a profile."""
        self.sessions[number] = await self.billing.start_checkout(
            f"org {number}", "pro", email=f"{number}@example.com", **PAGES
        )
        self.profiles[number] = profile
        self.events["paid", number] = self.provider.pay(self.sessions[number].id, profile)

    def make(self, number: int) -> None:
        created, invoiced = self.provider.make(self.sessions[number].id, self.profiles[number])
        self.events["created", number], self.events["invoiced", number] = created, invoiced
        self.events["updated", number] = self.provider.update(self.sessions[number].id)

    async def happen(self, token: Token) -> None:
        kind, number = token
        if kind == "make":
            self.make(number)
        elif kind == "return":
            await self.billing.confirm_return(self.sessions[number].id, org_id=f"org {number}")
        elif kind == "sync":
            await self.billing.sync_subscription(f"org {number}")
        else:
            await self.billing.apply_event(self.events[token])

    # --- how it must end -----------------------------------------------------------------------------------------

    async def check(self, *delivered: Token, what: object = None) -> None:
        expected: set[str] = set()
        for number, session in self.sessions.items():
            [stored] = await Store(self.repository).list_subscriptions(
                (await Store(self.repository).get_customer(f"org {number}", "forgetful")).id  # type: ignore[union-attr]  # it started a checkout
            )
            assert stored.external_subscription_id == f"sub_{session.id}", what
            expected.add(f"sub_{session.id} active of org {number}")
        expected |= {f"{self.events[token].id} of org {token[1]}" for token in delivered}
        assert self.notes() == sorted(expected), what
        assert await Store(self.repository).list_unmatched("forgetful") == [], what
        for token in delivered:
            event = await Store(self.repository).get_event("forgetful", self.events[token].dedupe_key)
            assert event is not None, what
            assert (event.org_id, event.processed_at is not None) == (f"org {token[1]}", True), what

    async def check_profiles(self) -> None:
        """Each profile is the record of one organisation that paid with it; the others keep what they had."""
        for profile in set(self.profiles.values()):
            owner = await Store(self.repository).get_customer_by_external_id("forgetful", profile)
            assert owner is not None
            assert self.profiles[int(owner.org_id.removeprefix("org "))] == profile


def causal(history: tuple[Token, ...]) -> bool:
    """Whether nothing is delivered before it has happened."""
    made = {number: history.index(("make", number)) for kind, number in history if kind == "make"}
    return all(
        place > made[number]
        for place, (kind, number) in enumerate(history)
        if kind in {"created", "invoiced", "updated"} and number in made
    )


def caused(order: list[Token]) -> tuple[Token, ...]:
    """The order with what is delivered too early put right after what causes it."""
    history: list[Token] = []
    for token in order:
        if token[0] in {"created", "invoiced", "updated"} and ("make", token[1]) not in history:
            continue
        history.append(token)
        if token[0] == "make":
            early = order[: order.index(token)]
            history += [each for each in early if each[1] == token[1] and each[0] in {"created", "invoiced", "updated"}]
    return tuple(history)


def orders(*tokens: Token) -> list[tuple[Token, ...]]:
    return sorted({each for each in itertools.permutations(tokens) if causal(each)})


def in_every_history(histories: list[tuple[Token, ...]], profiles: dict[int, str]) -> None:
    async def main() -> None:
        for history in histories:
            shop = Shop()
            for number, profile in profiles.items():
                await shop.start(number, profile)
            for token in history:
                await shop.happen(token)
            delivered = {token for token in history if token[0] not in {"make", "return", "sync"}}
            await shop.check(*delivered, what=history)
            await shop.check_profiles()

    asyncio.run(main())


def test_one_checkout_in_every_order_of_its_events_each_delivered_twice() -> None:
    tokens = [("make", 1), *[("paid", 1)] * 2, *[("created", 1)] * 2, ("invoiced", 1)]
    histories = orders(*tokens)
    assert len(histories) > 40
    in_every_history(histories, {1: "Y"})


def test_one_checkout_in_every_order_with_the_buyer_coming_back_in_between() -> None:
    histories = orders(
        ("make", 1), ("paid", 1), ("created", 1), ("invoiced", 1), ("updated", 1), ("return", 1), ("return", 1)
    )
    assert len(histories) > 300
    in_every_history(histories, {1: "Y"})


TWO = [("make", 1), ("paid", 1), ("created", 1), ("make", 2), ("paid", 2), ("created", 2)]


@pytest.mark.parametrize("profiles", [{1: "Y", 2: "Y"}, {1: "Y", 2: "Z"}], ids=["one payer", "two payers"])
def test_two_checkouts_at_once_in_every_order(profiles: dict[int, str]) -> None:
    histories = orders(*TWO, ("return", 2))
    assert len(histories) > 1000
    in_every_history(histories, profiles)


@pytest.mark.parametrize("profiles", [{1: "Y", 2: "Y"}, {1: "Y", 2: "Z"}], ids=["one payer", "two payers"])
def test_two_checkouts_at_once_with_everything_twice_and_readings_in_between(profiles: dict[int, str]) -> None:
    more = [("invoiced", 1), ("invoiced", 2), ("updated", 2), ("return", 1), ("sync", 1), ("sync", 2)]

    @settings(max_examples=400, deadline=None)
    @given(order=st.permutations([*TWO, *TWO[1:3], *TWO[4:], *more]))
    def in_any_order(order: list[Token]) -> None:
        in_every_history([caused(order)], profiles)

    in_any_order()


# --- several workers at once ---------------------------------------------------------------------------------------


class Race(Shop):
    """The same with workers that run against one another, and against the provider making the subscription."""

    def __init__(self, *, fine: bool = False, pauses: bool = True) -> None:
        super().__init__(repository=Concurrent(fine=True) if fine else Coarse(), pauses=pauses)
        self.tasks: list[Task] = []
        self.delivered: set[Token] = set()

    def prepared(self, profiles: dict[int, str], made: tuple[int, ...] = ()) -> "Race":
        """The checkouts are started and paid before the race."""

        async def prepare() -> None:
            for number, profile in profiles.items():
                await self.start(number, profile)
            for number in made:
                self.make(number)

        run([prepare()], [])
        return self

    def deliver(self, token: Token) -> "Race":
        self.delivered.add(token)
        self.tasks.append(self._deliver(token))
        return self

    def also(self, token: Token) -> "Race":
        self.tasks.append(self._deliver(token))
        return self

    def making(self, number: int) -> "Race":
        async def make_and_tell() -> None:
            self.make(number)
            await self.happen(("created", number))

        self.delivered.add(("created", number))
        self.tasks.append(make_and_tell())
        return self

    async def _deliver(self, token: Token) -> None:
        await self.happen(token)

    def check_now(self) -> None:
        run([self.check(*self.delivered)], [])
        run([self.check_profiles()], [])


def test_the_payment_races_the_making_of_the_subscription_and_its_first_event_in_every_order() -> None:
    """The pauses of the provider are left out here, so that all orders can be tried; they are in the longer histories below."""
    assert (
        in_every_order(lambda: Race(pauses=False).prepared({1: "Y"}).deliver(("paid", 1)).making(1), Race.check_now)
        > 50
    )


def test_the_first_event_races_the_buyer_s_return_in_every_order() -> None:
    def make() -> Race:
        return Race().prepared({1: "Y"}, made=(1,)).deliver(("created", 1)).also(("return", 1))

    assert in_every_order(make, Race.check_now) > 10


def test_the_payment_races_the_buyer_s_return_in_every_order() -> None:
    def make() -> Race:
        return Race().prepared({1: "Y"}, made=(1,)).deliver(("paid", 1)).also(("return", 1))

    assert in_every_order(make, Race.check_now) > 5


@pytest.mark.parametrize("profiles", [{1: "Y", 2: "Y"}, {1: "Y", 2: "Z"}], ids=["one payer", "two payers"])
def test_everything_at_once_interleaved_statement_by_statement_binds_each_to_who_started_it(
    profiles: dict[int, str],
) -> None:
    @settings(max_examples=250, deadline=None)
    @given(schedule=st.lists(st.integers(0, 7), max_size=250), twice=st.booleans())
    def interleaved(schedule: list[int], twice: bool) -> None:
        race = Race(fine=True).prepared(profiles)
        for number in profiles:
            race.making(number).deliver(("paid", number)).also(("return", number))
            if twice:
                race.also(("paid", number))
        run(race.tasks, schedule)
        race.check_now()

    interleaved()


def test_the_checker_catches_a_pipeline_that_believes_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paylattice.billing.owners._proves_owner", lambda _provider: True)
    with pytest.raises((AssertionError, ValueError)):
        in_every_history(orders(*TWO), {1: "Y", 2: "Y"})


# --- what never comes ----------------------------------------------------------------------------------------------


def drive(main: Callable[[Shop], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main(Shop()))


def test_a_payment_that_brings_no_subscription_is_told_of_after_a_while() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        assert await shop.billing.apply_event(shop.events["paid", 1]) == "unmatched"
        assert await shop.billing.apply_unmatched("forgetful") == 0
        shop.provider.elapse(minutes=61)
        assert await shop.billing.apply_unmatched("forgetful") == 1
        assert shop.notes() == ["paid_link_1 of org 1"]
        assert await shop.billing.subscription("org 1") is None

    drive(main)


def test_a_subscription_that_comes_long_after_its_payment_is_found_by_asking_the_sessions() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        await shop.billing.apply_event(shop.events["paid", 1])
        shop.provider.elapse(minutes=61)
        await shop.billing.apply_unmatched("forgetful")
        shop.make(1)
        assert await shop.billing.apply_event(shop.events["created", 1]) == "unmatched"
        shop.provider.elapse(minutes=61)
        assert await shop.billing.apply_unmatched("forgetful") == 1
        await shop.check(("paid", 1), ("created", 1))

    drive(main)


def test_a_payment_event_that_never_comes_does_not_give_the_subscription_to_the_profile_s_other_organisation() -> None:
    """Somebody pays for a second organisation, and the event that would say so is lost."""

    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        for token in (("paid", 1), ("created", 1)):
            await shop.happen(token)
        shop.provider.elapse(days=30)
        await shop.start(2, "Y")
        shop.make(2)
        for _ in range(2):
            await shop.happen(("created", 2))
            await shop.happen(("sync", 1))
        assert {each.org_id for each in await Store(shop.repository).list_customers("forgetful")} == {"org 1", "org 2"}
        assert await shop.billing.subscription("org 2") is None
        shop.provider.elapse(minutes=61)
        assert await shop.billing.apply_unmatched("forgetful") == 1
        await shop.check(("paid", 1), ("created", 1), ("created", 2))

    drive(main)


def test_reconciling_gives_a_lost_subscription_to_who_started_its_checkout() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        await shop.happen(("paid", 1))
        await shop.start(2, "Y")
        shop.make(2)
        done = await shop.billing.reconcile("forgetful", repair=True)
        assert (done.different, done.repaired) == (0, 0), "its checkout is still under way"
        shop.provider.elapse(minutes=61)
        found: list[tuple[str, bool]] = []
        await shop.billing.reconcile(
            "forgetful", repair=True, on_difference=lambda each: found.append((each.org_id, each.repaired))
        )
        assert found == [("org 2", True)]
        assert (await shop.billing.reconcile("forgetful")).different == 0
        await shop.check(("paid", 1))

    drive(main)


def test_a_subscription_that_no_checkout_brought_is_nobody_s_until_the_application_says_whose_it_is() -> None:
    """The seller made it by hand; or somebody paid a public link, and typed the phone number of the profile's organisation."""

    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        await shop.happen(("paid", 1))
        by_hand = attrs.evolve(shop.provider.subscriptions["sub_link_1"], id="by_hand")
        shop.provider.subscriptions["by_hand"] = by_hand
        event = attrs.evolve(shop.events["created", 1], id="hand", dedupe_key="hand", subscription_id="by_hand")
        assert await shop.billing.apply_event(event) == "unmatched"
        assert shop.refused == [], "its checkout may still be under way"
        shop.provider.elapse(minutes=61)
        for _ in range(2):
            assert await shop.billing.apply_unmatched("forgetful") == 0
            await shop.billing.sync_subscription("org 1")
        refused = RefusedSubscription("forgetful", "by_hand", RefusalReason.NO_CHECKOUT, "org 1")
        assert shop.refused == [refused], "it is told once"
        differences: list[Difference] = []
        await shop.billing.reconcile("forgetful", repair=True, on_difference=differences.append)
        assert [(each.subscription_id, each.refused, each.repaired) for each in differences] == [
            ("by_hand", RefusalReason.NO_CHECKOUT, False)
        ]
        assert await Store(shop.repository).get_subscription("forgetful", "by_hand") is None

        stored = await shop.billing.assign_subscription("org 1", "by_hand")
        owner = await Store(shop.repository).get_customer("org 1", "forgetful")
        assert owner is not None
        assert (stored.external_subscription_id, stored.customer_id) == ("by_hand", owner.id)
        assert "hand of org 1" in shop.notes(), "what waited for it is applied"
        assert await Store(shop.repository).list_unmatched("forgetful") == []

    drive(main)


def sold_elsewhere(shop: Shop, name: str, plan_id: str | None = "pro") -> WebhookEvent:
    """A subscription that the seller made by hand, or on a page of another application, for somebody else."""
    made = Subscription(
        name, f"buyer_of_{name}", SubscriptionStatus.ACTIVE, plan_id=plan_id, created_at=shop.provider.now
    )
    shop.provider.subscriptions[name] = made
    about: dict[str, Any] = {"customer_id": made.customer_id, "subscription_id": name, "subscription": made}
    event_id = f"created {name}"
    return WebhookEvent(
        event_id, EventType.SUBSCRIPTION_CREATED, shop.provider.now, event_id, provider="forgetful", **about
    )


def test_what_was_sold_elsewhere_is_not_kept_while_no_checkout_is_open() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        await shop.happen(("paid", 1))
        read = shop.provider.sessions_read
        payment = shop.events["paid", 1]
        at_the_till = attrs.evolve(
            payment, id="till", dedupe_key="till", customer_id="walk-in", checkout_reference="till"
        )
        for event in (sold_elsewhere(shop, "theirs"), at_the_till):
            assert await shop.billing.apply_event(event) == "ignored"
        assert await Store(shop.repository).list_unmatched("forgetful") == []
        assert shop.provider.sessions_read == read
        assert shop.notes() == ["paid_link_1 of org 1", "sub_link_1 active of org 1"], "no handler is told of it"

    drive(main)


def test_what_was_sold_elsewhere_waits_while_a_checkout_of_the_plan_is_open_and_no_longer() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        assert await shop.billing.apply_event(sold_elsewhere(shop, "of_another_plan", "other")) == "ignored"
        assert await shop.billing.apply_event(sold_elsewhere(shop, "theirs")) == "unmatched"
        shop.make(1)
        shop.provider.elapse(hours=2)
        read = shop.provider.sessions_read
        assert await shop.billing.apply_unmatched("forgetful") == 0
        assert shop.provider.sessions_read == read + 1
        assert [each.external_event_id for each in await Store(shop.repository).list_unmatched("forgetful")] == [
            "created theirs"
        ]
        assert await shop.billing.apply_unmatched("forgetful") == 0
        assert await Store(shop.repository).list_unmatched("forgetful") == [], (
            "the session has named another subscription"
        )
        assert shop.refused == []

    drive(main)


def test_what_may_have_been_paid_on_an_open_page_is_told_and_kept_and_costs_nothing_after_a_day() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        assert await shop.billing.apply_event(sold_elsewhere(shop, "theirs")) == "unmatched"
        shop.provider.elapse(hours=25)
        read = shop.provider.sessions_read
        for _ in range(3):
            assert await shop.billing.apply_unmatched("forgetful") == 0
        assert shop.provider.sessions_read == read, "sessions are not asked for ever"
        assert shop.refused == [RefusedSubscription("forgetful", "theirs", RefusalReason.NO_CHECKOUT, "org 1")]
        await shop.billing.assign_subscription("org 1", "theirs")
        assert "created theirs of org 1" in shop.notes()

    drive(main)


def test_a_subscription_that_comes_a_week_after_its_payment_is_bound_as_its_checkout_is_paid() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        await shop.happen(("paid", 1))
        shop.provider.elapse(minutes=61)
        assert await shop.billing.apply_unmatched("forgetful") == 1
        shop.provider.elapse(days=7)
        shop.make(1)
        assert await shop.billing.apply_event(shop.events["created", 1]) == "unmatched"
        shop.provider.elapse(minutes=61)
        assert await shop.billing.apply_unmatched("forgetful") == 1
        assert "created_sub_link_1 of org 1" in shop.notes()
        assert await Store(shop.repository).list_unmatched("forgetful") == []

    drive(main)


def test_a_customer_that_was_made_elsewhere_is_not_kept_and_one_that_is_being_made_is() -> None:
    async def main(shop: Shop) -> None:
        about = {"id": "c", "dedupe_key": "c", "type": EventType.CUSTOMER_CREATED, "customer_id": "X1"}
        event = attrs.evolve(sold_elsewhere(shop, "any"), subscription_id=None, subscription=None, **about)
        assert await shop.billing.apply_event(event) == "ignored"
        create = shop.provider.create_customer

        async def told_before_it_is_answered(*args: Any, **kwargs: Any) -> object:
            assert await shop.billing.apply_event(event) == "unmatched"
            return await create(*args, **kwargs)

        shop.provider.create_customer = told_before_it_is_answered  # type: ignore[method-assign,assignment]  # it tells at once
        await shop.start(1, "Y")
        assert await Store(shop.repository).list_unmatched("forgetful") == []

    drive(main)


def test_each_open_session_is_asked_once_in_a_round_however_many_there_are_and_however_much_waits() -> None:
    async def main(shop: Shop) -> None:
        for number in range(60):
            shop.provider.elapse(seconds=10)
            await shop.start(number, f"Y{number}")
        shop.make(57)
        await shop.happen(("created", 57))
        shop.provider.elapse(minutes=61)
        read = shop.provider.sessions_read
        assert await shop.billing.apply_unmatched("forgetful") == 1, "the last ones are asked first"
        assert shop.provider.sessions_read - read < 10
        shop.make(0)
        await shop.happen(("created", 0))
        stranger = shop.events["created", 0]
        for number in range(20):
            other = {"id": f"e{number}", "dedupe_key": f"e{number}", "subscription_id": f"theirs_{number}"}
            await shop.billing.apply_event(attrs.evolve(stranger, customer_id=f"stranger_{number}", **other))
        shop.provider.elapse(minutes=61)
        read = shop.provider.sessions_read
        assert await shop.billing.apply_unmatched("forgetful") == 1
        assert shop.provider.sessions_read - read <= 60 + 10

    drive(main)


# --- the record and the profile ------------------------------------------------------------------------------------


def test_the_record_follows_to_the_profile_and_keeps_what_was_changed_meanwhile() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        before = await Store(shop.repository).get_customer("org 1", "forgetful")
        assert before is not None
        seen: list[str] = []

        @shop.billing.on("payment.succeeded")
        def look(event: WebhookEvent, context: Context) -> None:
            assert context.customer is not None
            seen.append(context.customer.external_customer_id)

        shop.make(1)
        read = shop.provider.get_subscription

        async def while_it_is_read(subscription_id: str) -> object:
            await Store(shop.repository).change_customer(
                before.id, lambda each: attrs.evolve(each, email="new@example.com")
            )
            return await read(subscription_id)

        shop.provider.get_subscription = while_it_is_read  # type: ignore[method-assign,assignment]  # somebody else is at work
        await shop.happen(("paid", 1))
        after = await Store(shop.repository).get_customer_by_external_id("forgetful", "Y")
        assert after is not None
        assert (after.id, after.org_id, after.email) == (before.id, "org 1", "new@example.com")
        assert seen == ["Y"]
        assert await Store(shop.repository).get_customer_by_external_id("forgetful", "X1") is None

    drive(main)


def test_what_was_unmatched_for_the_profile_alone_is_applied_when_the_record_follows() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        card = attrs.evolve(
            shop.events["updated", 1], id="card", dedupe_key="card", subscription_id=None, type=EventType.INVOICE_PAID
        )
        assert await shop.billing.apply_event(card) == "unmatched"
        await shop.happen(("return", 1))
        assert "card of org 1" in shop.notes()
        assert await Store(shop.repository).list_unmatched("forgetful") == []

    drive(main)


def test_a_merged_profile_is_followed_unless_it_is_another_organisation_s() -> None:
    async def main(shop: Shop) -> None:
        for number in (1, 2):
            await shop.start(number, f"Y{number}")
            shop.make(number)
            await shop.happen(("paid", number))
        for old, new in (("Y1", "Z"), ("Z", "Y2")):
            merged = attrs.evolve(
                shop.events["updated", 1],
                id=f"merged {old}",
                dedupe_key=f"merged {old}",
                type=EventType.CUSTOMER_MERGED,
                customer_id=old,
                subscription_id=None,
                customer=attrs.evolve(shop.provider.customers["X1"], id=new, merged_from=old),
            )
            assert await shop.billing.apply_event(merged) == "processed"
        first = await Store(shop.repository).get_customer("org 1", "forgetful")
        second = await Store(shop.repository).get_customer("org 2", "forgetful")
        assert first is not None
        assert second is not None
        assert (first.external_customer_id, second.external_customer_id) == ("Z", "Y2")

    drive(main)


# --- refusals ------------------------------------------------------------------------------------------------------


def test_nobody_is_shown_another_organisation_s_checkout() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        with pytest.raises(errors.NotFound):
            await shop.billing.confirm_return(shop.sessions[1].id, org_id="org 2")
        assert await Store(shop.repository).get_subscription("forgetful", "sub_link_1") is None

    drive(main)


def test_a_subscription_that_is_stored_as_another_organisation_s_is_not_handed_out() -> None:
    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        await shop.start(2, "Z")
        shop.make(1)
        other = await Store(shop.repository).get_customer("org 2", "forgetful")
        assert other is not None
        await shop.billing._parts.pipeline.observe("forgetful", other, "sub_link_1")
        with pytest.raises(errors.Conflict, match="another organisation's"):
            await shop.billing.confirm_return(shop.sessions[1].id, org_id="org 1")

    drive(main)


def test_a_reading_on_behalf_of_another_organisation_tells_the_handlers_of_the_owner() -> None:
    """Whoever stored it first has the last word on whose it is."""

    async def main(shop: Shop) -> None:
        for number in (1, 2):
            await shop.start(number, f"Y{number}")
            shop.make(number)
            await shop.happen(("paid", number))
        other = await Store(shop.repository).get_customer("org 2", "forgetful")
        assert other is not None
        told: list[str | None] = []

        @shop.billing.on("subscription.canceled")
        def note(event: WebhookEvent, context: Context) -> None:
            told.append(context.customer.org_id if context.customer else None)

        canceled = attrs.evolve(shop.provider.subscriptions["sub_link_1"], status=SubscriptionStatus.CANCELED)
        shop.provider.subscriptions["sub_link_1"] = canceled
        await shop.billing._parts.pipeline.observe("forgetful", other, "sub_link_1")
        assert told == ["org 1"]
        stored = await shop.billing.subscription("org 1")
        assert stored is not None
        assert stored.status is SubscriptionStatus.CANCELED

    drive(main)


def test_events_of_an_organisation_that_was_deleted_are_kept_and_go_to_nobody_else() -> None:
    """Its profile is another organisation's record by now."""

    async def main(shop: Shop) -> None:
        await shop.start(1, "Y")
        shop.make(1)
        await shop.happen(("paid", 1))
        gone = await Store(shop.repository).get_customer("org 1", "forgetful")
        assert gone is not None
        await shop.repository.delete(gone)
        shop.provider.elapse(days=1)
        await shop.start(2, "Y")
        shop.make(2)
        await shop.happen(("paid", 2))
        assert await shop.billing.apply_event(shop.events["updated", 1]) == "unmatched"
        shop.provider.elapse(days=2)
        assert await shop.billing.apply_unmatched("forgetful") == 0
        with pytest.raises(errors.NotFound):
            await shop.billing.confirm_return(shop.sessions[1].id)
        dropped = await shop.billing.purge_unmatched("forgetful", before=shop.provider.now - timedelta(days=1))
        assert dropped.dropped == 1

    drive(main)
