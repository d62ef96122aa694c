"""How a conformance suite comes to have customers, subscriptions and payments at the provider."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import attrs
import pytest

from ....errors import InvalidRequest
from ....models import CheckoutSession, Customer, Payment, Plan, Subscription
from ....money import Money
from ....operations import Capability
from ..expectations import expect
from .calls import EMAIL, Call
from .checks import ProviderChecks
from .harness import ProviderHarness, settled

__all__ = ["CANCEL_URL", "SUCCESS_URL", "ProviderFixtures"]

SUCCESS_URL = "https://example.com/thanks"
CANCEL_URL = "https://example.com/plans"
_PLACES: Mapping[str, object] = {"success_url": SUCCESS_URL, "cancel_url": CANCEL_URL}
_C = Capability


class ProviderFixtures(ProviderChecks):
    """Makes what a check needs, with the provider's own operations and the author's hooks."""

    async def new_customer(self, harness: ProviderHarness) -> Customer:
        """A customer."""
        return await harness.provider.create_customer(EMAIL)

    async def some_plan(self, harness: ProviderHarness, *, metered: bool = False, other_than: str | None = None) -> str:  # noqa: RET503 - needs() does not return
        """The id of a plan that can be subscribed to."""
        hook = "metered_plan_id" if metered else "other_plan_id" if other_than else "plan_id"
        named = cast("str | None", getattr(self, hook))
        if named is not None:
            return named
        if _C.PLANS in harness.provider.capabilities:
            for plan in await harness.provider.list_plans():
                if plan.active and plan.metered is metered and plan.id != other_than and _is_recurring(plan):
                    return plan.id
        self.needs(hook, "which plans there are")

    async def open_checkout(self, harness: ProviderHarness, *, metered: bool = False) -> CheckoutSession:
        """A page for a subscription, of a new customer."""
        customer = await self.new_customer(harness)
        plan = await self.some_plan(harness, metered=metered)
        return await harness.provider.create_checkout_session(customer.id, plan, SUCCESS_URL, CANCEL_URL)

    async def subscribed(self, harness: ProviderHarness, *, metered: bool = False) -> Subscription:
        """A subscription that has begun."""
        self.only_if_declared(harness, _C.CHECKOUT, _C.SUBSCRIPTIONS)
        session = await self.open_checkout(harness, metered=metered)
        await settled(self.complete_checkout(harness.provider, session))
        done = await harness.provider.get_checkout_session(session.id)
        if done is None or done.subscription_id is None:
            raise AssertionError("a checkout that was completed must be found, and name its subscription_id")
        subscription = await harness.provider.get_subscription(done.subscription_id)
        if subscription is None:
            raise AssertionError("the subscription that a completed checkout names cannot be found")
        return subscription

    async def in_trial(self, harness: ProviderHarness) -> Subscription:
        """A subscription in a trial, which began without a page."""
        self.only_if_declared(harness, _C.CREATE_SUBSCRIPTION, _C.EXTEND_TRIAL)
        provider = harness.provider
        made = (await self.subscribed(harness)).created_at or datetime.now(UTC)
        customer = await self.new_customer(harness)
        method = await settled(self.saved_payment_method(provider, customer.id))
        begun = await provider.create_subscription(
            customer.id, await self.some_plan(harness), payment_method_id=method, start_at=made + timedelta(days=10)
        )
        return begun.subscription

    async def scheduled(self, harness: ProviderHarness) -> Subscription:
        """A subscription with a change that is scheduled for the period's end, as it was before it was."""
        self.only_if_declared(harness, _C.CHANGE_AT_PERIOD_END)
        subscription = await self.subscribed(harness)
        plan = await self.some_plan(harness, other_than=subscription.plan_id)
        await harness.provider.change_subscription(subscription.id, plan_id=plan, when="period_end")
        return subscription

    def money(self, amount: int = 1900) -> Money:
        """An amount in the currency of the checks."""
        return Money(amount, self.currency)

    async def paid(self, harness: ProviderHarness, *, capture: bool = True) -> Payment:
        """A payment that was made, or only authorized, on the provider's page."""
        self.only_if_declared(harness, _C.PAYMENTS)
        try:
            session = await harness.provider.create_payment_session(
                self.money(), SUCCESS_URL, CANCEL_URL, capture=capture
            )
        except InvalidRequest:
            if capture or _C.DIRECT_PAYMENTS not in harness.provider.capabilities:
                raise
            return await self._charged(harness, capture=False)  # its page takes the money at once
        await settled(self.complete_payment(harness.provider, session))
        await self.finish_payment(harness.provider, session, capture=capture)
        done = await harness.provider.get_checkout_session(session.id) if self.reads_sessions(harness) else session
        payment_id = done.payment_id if done is not None else None
        if payment_id is None:
            raise AssertionError("a payment page that was completed must be found, and name its payment_id")
        payment = await harness.provider.get_payment(payment_id)
        if payment is None:
            raise AssertionError("the payment that a completed page names cannot be found")
        return payment

    async def _charged(self, harness: ProviderHarness, *, capture: bool) -> Payment:
        customer = await self.new_customer(harness)
        method = await settled(self.saved_payment_method(harness.provider, customer.id))
        return await harness.provider.create_payment(
            self.money(), customer_id=customer.id, payment_method_id=method, capture=capture
        )

    @staticmethod
    def reads_sessions(harness: ProviderHarness) -> bool:
        """Whether a payment page can be read again."""
        return _C.CHECKOUT in harness.provider.capabilities

    async def owed(self, harness: ProviderHarness) -> str:
        """The id of an open invoice."""
        sells = {_C.CHECKOUT, _C.SUBSCRIPTIONS} <= harness.provider.capabilities
        return await self.open_invoice(harness.provider, await self.subscribed(harness) if sells else None)

    async def real(self, harness: ProviderHarness, call: Call) -> Call:  # noqa: PLR0912, PLR0915 - a table of operations
        """The call, with arguments that exist at the provider and can take effect now."""
        provider = harness.provider
        arguments: dict[str, object]
        match call.name:
            case "create_customer":
                arguments = {"email": EMAIL, "name": "Conformance"}
            case "update_customer":
                arguments = {"customer_id": (await self.new_customer(harness)).id, "name": "Renamed"}
            case "delete_customer":
                arguments = {"customer_id": (await self.new_customer(harness)).id}
            case "create_checkout_session":
                customer = await self.new_customer(harness)
                arguments = {"customer_id": customer.id, "plan_id": await self.some_plan(harness), **_PLACES}
            case "expire_checkout_session":
                arguments = {"session_id": (await self.open_checkout(harness)).id}
            case "create_payment_session":
                arguments = {"amount": self.money(), **_PLACES}
            case "create_subscription":
                customer = await self.new_customer(harness)
                method = await settled(self.saved_payment_method(provider, customer.id))
                plan = await self.some_plan(harness)
                arguments = {"customer_id": customer.id, "plan_id": plan, "payment_method_id": method}
            case "cancel_subscription":
                subscription = await self.subscribed(harness)
                at_end = bool(call.arguments.get("at_period_end"))
                arguments = {"subscription_id": subscription.id, "at_period_end": at_end}
            case "uncancel_subscription":
                subscription = await self.subscribed(harness)
                await provider.cancel_subscription(subscription.id, at_period_end=True)
                arguments = {"subscription_id": subscription.id}
            case "change_subscription":
                subscription = await self.subscribed(harness)
                if self.quantities:
                    change: dict[str, object] = {"quantity": 3}
                else:
                    change = {"plan_id": await self.some_plan(harness, other_than=subscription.plan_id)}
                arguments = {"subscription_id": subscription.id, **change}
            case "cancel_scheduled_change":
                subscription = await self.scheduled(harness)
                arguments = {"subscription_id": subscription.id}
            case "extend_trial":
                subscription = await self.in_trial(harness)
                until = (subscription.trial_end or datetime.now(UTC)) + timedelta(days=5)
                arguments = {"subscription_id": subscription.id, "until": until}
            case "set_payment_method":
                subscription = await self.subscribed(harness)
                owner = subscription.customer_id or (await self.new_customer(harness)).id
                method = await settled(self.saved_payment_method(provider, owner))
                arguments = {"subscription_id": subscription.id, "payment_method_id": method}
            case "bill_outstanding":
                subscription = await self.subscribed(harness)
                await settled(self.miss_payment(provider, subscription))
                arguments = {"subscription_id": subscription.id}
            case "pause_subscription":
                arguments = {"subscription_id": (await self.subscribed(harness)).id}
            case "resume_subscription":
                subscription = await self.subscribed(harness)
                await provider.pause_subscription(subscription.id)
                arguments = {"subscription_id": subscription.id}
            case "create_usage_record":
                subscription = await self.subscribed(harness, metered=True)
                expect(subscription.items, "a metered subscription must name its items, which usage is reported for")
                now = datetime.now(UTC)
                arguments = {
                    "subscription_item_id": subscription.items[0].id,
                    "quantity": 7,
                    "timestamp": max(now, subscription.current_period_start or now),
                }
            case "pay_invoice" | "void_invoice":
                arguments = {"invoice_id": await self.owed(harness)}
            case "capture_payment" | "cancel_payment":
                arguments = {"payment_id": (await self.paid(harness, capture=False)).id}
            case "create_payment":
                customer = await self.new_customer(harness)
                method = await settled(self.saved_payment_method(provider, customer.id))
                arguments = {"amount": self.money(), "customer_id": customer.id, "payment_method_id": method}
            case "refund_payment":
                arguments = {"payment_id": (await self.paid(harness)).id, "amount": self.money(400)}
            case "create_setup_session":
                arguments = {"customer_id": (await self.new_customer(harness)).id, **_PLACES}
            case "save_payment_method":
                customer = await self.new_customer(harness)
                token = await settled(self.payment_token(provider, customer.id))
                arguments = {"customer_id": customer.id, "token": token}
            case "set_default_payment_method":
                customer = await self.new_customer(harness)
                method = await settled(self.saved_payment_method(provider, customer.id))
                await settled(self.saved_payment_method(provider, customer.id))  # which may be the default now
                arguments = {"customer_id": customer.id, "payment_method_id": method}
            case "remove_payment_method":
                customer = await self.new_customer(harness)
                arguments = {"payment_method_id": await settled(self.saved_payment_method(provider, customer.id))}
            case "request":
                if "request.path" not in self.examples:
                    self.needs("examples", "a native request that makes something: request.path and request.params")
                arguments = dict(self.sample(call).arguments)
            case _:
                pytest.skip(f"the suite has no arguments for {call}")
        return attrs.evolve(call, arguments=arguments)

    async def existing(self, harness: ProviderHarness, call: Call) -> Call:  # noqa: PLR0912 - a table of operations
        """The call of an operation that reads, with arguments under which there is something to be read."""
        provider = harness.provider
        arguments: dict[str, object]
        match call.name:
            case "get_customer":
                arguments = {"customer_id": (await self.new_customer(harness)).id}
            case "list_customers":
                await self.new_customer(harness)
                arguments = {}
            case "get_checkout_session":
                arguments = {"session_id": (await self.open_checkout(harness)).id}
            case "get_subscription":
                arguments = {"subscription_id": (await self.subscribed(harness)).id}
            case "preview_change":
                subscription = await self.subscribed(harness)
                plan = await self.some_plan(harness, other_than=subscription.plan_id)
                arguments = {"subscription_id": subscription.id, "plan_id": plan}
            case "list_subscriptions":
                arguments = {"customer_id": (await self.subscribed(harness)).customer_id}
            case "get_invoices":
                subscription = await self.subscribed(harness)
                owner = subscription.customer_id or (await self.new_customer(harness)).id
                arguments = {"customer_id": owner, "subscription_id": subscription.id}
            case "get_invoice":
                arguments = {"invoice_id": await self.owed(harness)}
            case "get_payment":
                arguments = {"payment_id": (await self.paid(harness)).id}
            case "get_payment_methods":
                customer = await self.new_customer(harness)
                await settled(self.saved_payment_method(provider, customer.id))
                arguments = {"customer_id": self.payer(provider, customer.id)}
            case "get_plan":
                arguments = {"plan_id": await self.some_plan(harness)}
            case "list_events":
                await self.new_customer(harness)
                arguments = dict(call.arguments)
            case _:
                arguments = {}
        return attrs.evolve(call, arguments=arguments)


def _is_recurring(plan: Plan) -> bool:
    return plan.interval is not None
