"""Checks of a provider: what is declared works, and what comes back is true."""

from datetime import UTC, datetime, timedelta

import pytest

from ..errors import InvalidRequest, NotFound, PaymentError
from ..models import (
    CheckoutStatus,
    Subscription,
    SubscriptionStatus,
)
from ..operations import Capability
from .conformance_arrangements import CANCEL_URL, SUCCESS_URL, Arrangements
from .conformance_calls import CALLS, EMAIL, Call
from .conformance_models import expect, expect_model, expect_models
from .conformance_subject import Subject, settled

__all__ = ["BehaviourChecks"]

_C = Capability
_SEVERAL = 3
_LOOKUPS = tuple(call for call in CALLS if call.operation.optional)
_CHANGES = tuple(
    call
    for call in CALLS
    if call.name in {"update_customer", "cancel_subscription", "change_subscription", "pause_subscription"}
    or call.name in {"resume_subscription", "capture_payment", "cancel_payment", "refund_payment"}
)


def _name(subject: Subject) -> str:
    return subject.provider.get_provider_name()


class BehaviourChecks(Arrangements):
    """The life of customers, checkouts and subscriptions; plans and events."""

    # --- customers -----------------------------------------------------------------------------------------------

    def test_a_customer_is_created(self, subject: Subject) -> None:
        """It is a valid model with the data that was given."""
        self.only_if_played(subject)
        customer = subject.run(subject.provider.create_customer(EMAIL, "Ada Lovelace"))
        expect_model(customer, _name(subject))
        expect(customer.email in {EMAIL, None}, "the customer has another e-mail address than was given")
        if subject.wire is not None and subject.wire.seen:
            expect(customer.raw, "the customer's raw is empty: keep the provider's own object in it")

    def test_a_customer_is_found_again(self, subject: Subject) -> None:
        """What ``create_customer`` returned can be read under its id, until it is deleted."""
        self.only_if_played(subject, _C.CUSTOMERS)

        async def life() -> None:
            provider = subject.provider
            customer = await provider.create_customer(EMAIL, "Ada Lovelace")
            found = await provider.get_customer(customer.id)
            expect(found is not None and found.id == customer.id, "a customer cannot be found under its own id")
            expect(found is not None and found.email == EMAIL, "a customer's e-mail address got lost")
            expect_model(found, _name(subject))
            renamed = await provider.update_customer(customer.id, name="Ada King")
            expect(renamed.id == customer.id and renamed.name == "Ada King", "update_customer did not change the name")
            expect(renamed.email == EMAIL, "update_customer changed what was not given")
            again = await provider.get_customer(customer.id)
            expect(again is not None and again.name == "Ada King", "update_customer's change is not there to be read")
            await provider.delete_customer(customer.id)
            expect(await provider.get_customer(customer.id) is None, "a deleted customer counts as None")
            await provider.delete_customer(customer.id)

        subject.run(life())

    def test_metadata_is_kept_or_refused(self, subject: Subject) -> None:
        """Metadata is not lost in silence: it comes back, or it is an InvalidRequest. Updating merges it."""
        self.only_if_played(subject, _C.CUSTOMERS)
        given = {"team": "größe ✓", "plan": "1"}

        async def life() -> None:
            provider = subject.provider
            try:
                customer = await provider.create_customer(EMAIL, metadata=given)
            except InvalidRequest:
                return
            found = await provider.get_customer(customer.id)
            expect(found is not None and dict(found.metadata) == given, "metadata got lost or was changed")
            merged = await provider.update_customer(customer.id, metadata={"plan": "2"})
            expect(dict(merged.metadata) == {**given, "plan": "2"}, "update_customer must merge metadata key by key")

        subject.run(life())

    # --- what is not there ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("call", _LOOKUPS, ids=str)
    def test_what_does_not_exist_is_none(self, subject: Subject, call: Call) -> None:
        """Reading an unknown id answers None."""
        self.only_if_played(subject, call.capability)
        answer = subject.run(subject.call(self.sample(call)))
        expect(answer is None, f"{call} of an id that nobody knows must be None, not {type(answer).__name__}")

    @pytest.mark.parametrize("call", _CHANGES, ids=str)
    def test_what_does_not_exist_cannot_be_changed(self, subject: Subject, call: Call) -> None:
        """Changing an unknown id is NotFound."""
        self.only_if_played(subject, call.capability)
        error = subject.run(subject.failure(self.sample(call)))
        expect(isinstance(error, NotFound | InvalidRequest), f"{call} of an unknown id must be NotFound, not {error!r}")

    # --- checkout, subscriptions ---------------------------------------------------------------------------------

    def test_a_checkout_opens(self, subject: Subject) -> None:
        """It has a page to send the customer to, and can be read again."""
        self.only_if_played(subject, _C.CHECKOUT)

        async def life() -> None:
            session = await self.open_checkout(subject)
            expect_model(session, _name(subject))
            expect(
                session.url is not None and session.url.startswith(("https://", "http://")),
                "an open checkout has no url to send the customer to",
            )
            expect(session.status is CheckoutStatus.OPEN, f"a new checkout is {session.status}, not open")
            again = await subject.provider.get_checkout_session(session.id)
            expect(again is not None and again.id == session.id, "a checkout cannot be found under its own id")
            expect(
                again is not None and again.status is CheckoutStatus.OPEN,
                "a checkout that nobody completed is not open",
            )

        subject.run(life())

    def test_a_completed_checkout_is_a_subscription(self, subject: Subject) -> None:
        """The session names it; it has the plan and the customer, and grants access."""
        self.only_if_played(subject, _C.CHECKOUT, _C.SUBSCRIPTIONS)

        async def life() -> None:
            session = await self.open_checkout(subject)
            await settled(self.complete_checkout(subject.provider, session))
            done = await subject.provider.get_checkout_session(session.id)
            if done is None or done.status not in {CheckoutStatus.COMPLETE, CheckoutStatus.PENDING}:
                raise AssertionError("a checkout that was completed is neither complete nor pending")
            expect(done.subscription_id, "a completed checkout does not name its subscription")
            found = await subject.provider.get_subscription(str(done.subscription_id))
            if found is None:
                raise AssertionError("a subscription cannot be found under its own id")
            expect_model(found, _name(subject))
            expect(found.id == done.subscription_id, "a subscription has another id than was asked for")
            expect(found.plan_id == await self.some_plan(subject), "a subscription does not name its plan")
            expect(found.status.grants_access, f"a subscription that was paid for is {found.status}")
            keeps = subject.provider.checkout_keeps_customer
            expect(
                not keeps or found.customer_id in {None, session.customer_id},
                "a subscription belongs to another customer",
            )

        subject.run(life())

    def test_a_checkout_for_several_is_a_subscription_for_several(self, subject: Subject) -> None:
        """Or it is an InvalidRequest: nobody gets five seats for the price of one, or pays five times for one."""
        self.only_if_played(subject, _C.CHECKOUT, _C.SUBSCRIPTIONS)

        async def life() -> None:
            customer = await self.new_customer(subject)
            plan = await self.some_plan(subject)
            provider = subject.provider
            try:
                session = await provider.create_checkout_session(
                    customer.id, plan, SUCCESS_URL, CANCEL_URL, quantity=_SEVERAL
                )
            except InvalidRequest:
                return
            await settled(self.complete_checkout(provider, session))
            done = await provider.get_checkout_session(session.id)
            found = await provider.get_subscription(str(done.subscription_id)) if done is not None else None
            quantity = found.quantity if found is not None else None
            expect(quantity == _SEVERAL, f"a checkout for {_SEVERAL} became a subscription for {quantity}")

        subject.run(life())

    def test_a_checkout_tells_which_subscription_is_its_own(self, subject: Subject) -> None:
        """Where a customer id proves nothing, billing can tell whose a subscription is by its checkout alone."""
        self.only_if_played(subject, _C.CHECKOUT, _C.SUBSCRIPTIONS)
        provider = subject.provider
        proves = provider.customer_id_is_proof and not provider.browser_makes_subscriptions
        if proves or not provider.checkout_keeps_customer:
            pytest.skip("the customer id proves it, or the sessions are asked")

        async def life() -> None:
            session = await self.open_checkout(subject)
            await settled(self.complete_checkout(provider, session))
            done = await provider.get_checkout_session(session.id)
            found = str(done.subscription_id) if done is not None else ""
            expect(
                provider.checkout_session_of(found) == session.id,
                "the customer ids of the provider prove nothing (customer_id_is_proof, browser_makes_subscriptions), and "
                "checkout_session_of() does not tell which session brought a subscription: it could never be anybody's",
            )

        subject.run(life())

    def test_a_customer_s_subscriptions_are_listed(self, subject: Subject) -> None:
        """All of them, ended ones too."""
        self.only_if_played(subject, _C.LIST_SUBSCRIPTIONS, _C.CHECKOUT)

        async def life() -> None:
            subscription = await self.subscribed(subject)
            if subscription.customer_id is None:
                return
            listed = await subject.provider.list_subscriptions(subscription.customer_id)
            expect_models(listed, _name(subject))
            expect([s.id for s in listed] == [subscription.id], "the customer's one subscription is not what is listed")
            if _C.CANCEL_NOW in subject.provider.capabilities:
                await subject.provider.cancel_subscription(subscription.id)
                listed = await subject.provider.list_subscriptions(subscription.customer_id)
                expect([s.id for s in listed] == [subscription.id], "an ended subscription is no longer listed")

        subject.run(life())

    def test_a_subscription_is_canceled_now(self, subject: Subject) -> None:
        """It has ended, and canceling again answers it as it is."""
        self.only_if_played(subject, _C.CANCEL_NOW)

        async def life() -> None:
            subscription = await self.subscribed(subject)
            ended = await subject.provider.cancel_subscription(subscription.id, reason="conformance")
            expect_model(ended, _name(subject))
            expect(ended.status.is_terminal, f"a subscription that was canceled now is {ended.status}")
            found = await subject.provider.get_subscription(subscription.id)
            expect(found is not None and found.status.is_terminal, "a canceled subscription reads as if it went on")
            again = await subject.provider.cancel_subscription(subscription.id)
            expect(again.status.is_terminal, "canceling twice brought a subscription back to life")

        subject.run(life())

    def test_a_subscription_is_canceled_at_the_end_of_its_period(self, subject: Subject) -> None:
        """It goes on until then, and says until when."""
        self.only_if_played(subject, _C.CANCEL_AT_PERIOD_END)

        async def life() -> None:
            subscription = await self.subscribed(subject)
            await subject.provider.cancel_subscription(subscription.id, at_period_end=True)
            found = await subject.provider.get_subscription(subscription.id)
            if found is None:
                raise AssertionError("a subscription that is set to end cannot be found")
            expect(found.cancel_at is not None, "a subscription that is set to end does not say when (cancel_at)")
            expect(
                found.cancel_at is not None and found.cancel_at > datetime.now(UTC) - timedelta(minutes=5),
                "a subscription that is set to end at the end of its period has ended",
            )

        subject.run(life())

    def test_a_subscription_is_changed(self, subject: Subject) -> None:
        """The quantity is the new one, or there is a page where the payer consents."""
        self.only_if_played(subject, _C.CHANGE_SUBSCRIPTION)

        async def life() -> None:
            if not self.quantities:
                pytest.skip("the provider's subscriptions have no quantity that could be changed")
            subscription = await self.subscribed(subject)
            change = await subject.provider.change_subscription(subscription.id, quantity=3)
            expect_model(change, _name(subject))
            if change.approval_url is None:
                expect(change.subscription.quantity == 3, "change_subscription did not change the quantity")  # noqa: PLR2004
                found = await subject.provider.get_subscription(subscription.id)
                expect(found is not None and found.quantity == 3, "the change is not there to be read")  # noqa: PLR2004

        subject.run(life())

    def test_a_subscription_changes_its_plan(self, subject: Subject) -> None:
        """The plan is the new one, or there is a page where the payer consents."""
        self.only_if_played(subject, _C.CHANGE_SUBSCRIPTION)

        async def life() -> None:
            subscription = await self.subscribed(subject)
            other = await self.some_plan(subject, other_than=subscription.plan_id)
            change = await subject.provider.change_subscription(subscription.id, plan_id=other)
            planned = [each.plan_id for each in change.subscription.scheduled_changes]
            expect(
                change.approval_url is not None or other in {change.subscription.plan_id, *planned},
                "change_subscription did not change the plan, neither now nor later, and asks for no consent",
            )

        subject.run(life())

    def test_a_subscription_is_paused_and_resumed(self, subject: Subject) -> None:
        """A paused one says so; both can be done twice."""
        self.only_if_played(subject, _C.PAUSE)

        def is_paused(subscription: Subscription | None) -> bool:
            return subscription is not None and (
                subscription.status is SubscriptionStatus.PAUSED or subscription.collection_paused
            )

        async def life() -> None:
            provider = subject.provider
            subscription = await self.subscribed(subject)
            expect(not is_paused(subscription), "a new subscription is paused")
            await provider.pause_subscription(subscription.id)
            expect(is_paused(await provider.get_subscription(subscription.id)), "a paused subscription does not say so")
            await provider.pause_subscription(subscription.id)
            await provider.resume_subscription(subscription.id)
            found = await provider.get_subscription(subscription.id)
            expect(found is not None and not is_paused(found), "a resumed subscription is still paused")
            expect(found is not None and found.status.grants_access, "a resumed subscription does not grant access")
            await provider.resume_subscription(subscription.id)

        subject.run(life())

    def test_usage_is_accepted(self, subject: Subject) -> None:
        """``create_usage_record`` answers True; zero is a quantity."""
        self.only_if_played(subject, _C.METERED_USAGE)

        async def life() -> None:
            call = await self.real(subject, next(c for c in CALLS if c.name == "create_usage_record"))
            expect(await subject.call(call) is True, "usage that was accepted answers True")
            expect(await subject.call(call, quantity=0) is True, "a report of zero units is a report")

        subject.run(life())

    def test_invoices_are_listed(self, subject: Subject) -> None:
        """Those of the customer, newest first, not more than asked for."""
        self.only_if_played(subject, _C.INVOICES, _C.CHECKOUT)

        async def life() -> None:
            subscription = await self.subscribed(subject)
            customer_id = subscription.customer_id
            if customer_id is None:
                return
            if _C.CUSTOMERS in subject.provider.capabilities:
                invoices = await subject.provider.get_invoices(customer_id)
            else:  # it knows no customer, and what is the customer's only by its subscriptions
                invoices = await subject.provider.get_invoices(customer_id, subscription_id=subscription.id)
            expect_models(invoices, _name(subject))
            expect(invoices, "a customer who subscribed to a plan that costs money has no invoice")
            made = [invoice.created_at for invoice in invoices if invoice.created_at is not None]
            expect(made == sorted(made, reverse=True), "invoices are not newest first")
            of_it = await subject.provider.get_invoices(customer_id, 1, subscription_id=subscription.id)
            expect(len(of_it) == 1, "get_invoices(limit=1) did not bring one invoice of the subscription")
            expect(of_it[0].subscription_id in {None, subscription.id}, "an invoice belongs to another subscription")

        subject.run(life())

    # --- plans, events -------------------------------------------------------------------------------------------

    def test_plans_are_listed_and_found(self, subject: Subject) -> None:
        """A plan that is listed reads the same by its id."""
        self.only_if_played(subject, _C.PLANS)

        async def life() -> None:
            plans = await subject.provider.list_plans()
            expect_models(plans, _name(subject))
            for plan in plans[:3]:
                expect(
                    await subject.provider.get_plan(plan.id) == plan, "a plan reads differently alone than in the list"
                )

        subject.run(life())

    def test_events_are_listed(self, subject: Subject) -> None:
        """Oldest first, since a time, not more than asked for; since longer ago than they are kept, those that are kept."""
        self.only_if_played(subject, _C.LIST_EVENTS)

        async def life() -> None:
            provider = subject.provider
            await provider.create_customer(EMAIL)
            since = datetime.now(UTC) - timedelta(days=1)
            events = await provider.list_events(since)
            expect_models(events, _name(subject))
            made = [event.created_at for event in events]
            expect(made == sorted(made), "events are not oldest first")
            expect(all(moment >= since for moment in made), "an event is older than was asked for")
            expect(len(await provider.list_events(since, limit=1)) <= 1, "list_events brought more than its limit")
            later = await provider.list_events(datetime.now(UTC) + timedelta(days=365))
            expect(not later, "there are events from the future")
            try:
                await provider.list_events(datetime(2000, 1, 1, tzinfo=UTC))
            except PaymentError as error:
                refused: str | None = type(error).__name__
            else:
                refused = None
            expect(
                refused is None,
                f"events since the year 2000 end in {refused}: list those that there still are, and declare "
                "events_kept, so that a job that was down for a month is not down for ever",
            )

        subject.run(life())
