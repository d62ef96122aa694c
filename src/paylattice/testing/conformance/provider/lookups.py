"""Checks of a provider: what is listed is there, and what does not exist is None."""

from datetime import UTC, datetime, timedelta

import pytest

from ....errors import InvalidRequest, NotFound, PaymentError
from ....operations import Capability
from ..expectations import expect
from .calls import CALLS, EMAIL, Call
from .fixtures import ProviderFixtures
from .harness import ProviderHarness
from .models import expect_models

__all__ = ["LookupChecks"]

_C = Capability
_SEVERAL = 3
_LOOKUPS = tuple(call for call in CALLS if call.operation.optional)
_CHANGES = tuple(
    call
    for call in CALLS
    if call.name
    in {
        "update_customer",
        "cancel_subscription",
        "uncancel_subscription",
        "cancel_scheduled_change",
        "change_subscription",
    }
    or call.name in {"pause_subscription", "resume_subscription", "capture_payment", "cancel_payment", "refund_payment"}
    or call.name in {"pay_invoice", "void_invoice"}
)


def _name(harness: ProviderHarness) -> str:
    return harness.provider.get_provider_name()


class LookupChecks(ProviderFixtures):
    """Invoices, plans, events, and unknown ids."""

    @pytest.mark.parametrize("call", _LOOKUPS, ids=str)
    def test_what_does_not_exist_is_none(self, harness: ProviderHarness, call: Call) -> None:
        """Reading an unknown id answers None."""
        self.only_if_simulated(harness, call.capability)
        answer = harness.run(harness.call(self.sample(call)))
        expect(answer is None, f"{call} of an id that nobody knows must be None, not {type(answer).__name__}")

    @pytest.mark.parametrize("call", _CHANGES, ids=str)
    def test_what_does_not_exist_cannot_be_changed(self, harness: ProviderHarness, call: Call) -> None:
        """Changing an unknown id is NotFound."""
        self.only_if_simulated(harness, call.capability)
        error = harness.run(harness.failure(self.sample(call)))
        expect(isinstance(error, NotFound | InvalidRequest), f"{call} of an unknown id must be NotFound, not {error!r}")

    def test_invoices_are_listed(self, harness: ProviderHarness) -> None:
        """Those of the customer, newest first, not more than asked for."""
        self.only_if_simulated(harness, _C.INVOICES, _C.CHECKOUT)

        async def life() -> None:
            subscription = await self.subscribed(harness)
            customer_id = subscription.customer_id
            if customer_id is None:
                return
            if _C.CUSTOMERS in harness.provider.capabilities:
                invoices = await harness.provider.get_invoices(customer_id)
            else:  # it knows no customer, and what is the customer's only by its subscriptions
                invoices = await harness.provider.get_invoices(customer_id, subscription_id=subscription.id)
            expect_models(invoices, _name(harness))
            expect(invoices, "a customer who subscribed to a plan that costs money has no invoice")
            made = [invoice.created_at for invoice in invoices if invoice.created_at is not None]
            expect(made == sorted(made, reverse=True), "invoices are not newest first")
            of_it = await harness.provider.get_invoices(customer_id, 1, subscription_id=subscription.id)
            expect(len(of_it) == 1, "get_invoices(limit=1) did not bring one invoice of the subscription")
            expect(of_it[0].subscription_id in {None, subscription.id}, "an invoice belongs to another subscription")

        harness.run(life())

    def test_plans_are_listed_and_found(self, harness: ProviderHarness) -> None:
        """A plan that is listed reads the same by its id."""
        self.only_if_simulated(harness, _C.PLANS)

        async def life() -> None:
            plans = await harness.provider.list_plans()
            expect_models(plans, _name(harness))
            for plan in plans[:3]:
                expect(
                    await harness.provider.get_plan(plan.id) == plan, "a plan reads differently alone than in the list"
                )

        harness.run(life())

    def test_events_are_listed(self, harness: ProviderHarness) -> None:
        """Oldest first, since a time, not more than asked for; since longer ago than they are kept, those that are kept."""
        self.only_if_simulated(harness, _C.LIST_EVENTS)

        async def life() -> None:
            provider = harness.provider
            await provider.create_customer(EMAIL)
            since = datetime.now(UTC) - timedelta(days=1)
            events = await provider.list_events(since)
            expect_models(events, _name(harness))
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

        harness.run(life())
