"""The subscriptions of an organisation: changing, ending, assigning and reading them.

A key that the caller chose is looked for at every provider first, and what it was begun with is what is finished. So a command
that is repeated never falls on another subscription, or another provider, than it did the first time.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar

import attrs

from ..errors import IdempotencyMismatch
from ..idempotency import new_key
from ..models import ChangePayment, ChangePreview, ChangeTime, SubscriptionChange, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider
from .attribution import Attributor
from .choosing import has_begun, is_ending, is_not_ending, is_paused, no_subscription, owes, the_one, with_id
from .commands import (
    BillOutstanding,
    CancelScheduledChange,
    CancelSubscription,
    ChangeSubscription,
    ExtendTrial,
    PauseSubscription,
    ResumeSubscription,
    SetPaymentMethod,
    SubscriptionCommand,
    UncancelSubscription,
    UndoSubscription,
)
from .customers import Customers
from .entries import Entry
from .operation_log import OperationLog
from .pipeline import EventPipeline
from .records import BillingCustomer, BillingSubscription
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .store import Store

__all__ = ["Subscriptions"]

R = TypeVar("R")


def _any(_each: BillingSubscription) -> bool:
    return True


_STARTS_WITHIN = timedelta(days=1)
"""How much later than it was asked to a subscription may begin: a provider may only know days."""


class Subscriptions(Generic[Tx]):
    """Sends what is asked of subscriptions, and reads and stores what they are afterwards.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores subscriptions.
        log: sends.
        customers: whose subscriptions there are.
        attributor: knows the owner of a subscription.
        replaced: knows which customers are gone at their provider.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        attributor: Attributor[Tx],
        replaced: ReplacedCustomers[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._attributor = attributor
        self._replaced = replaced

    async def one(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """The subscription of this id, or the primary one, as stored."""
        stored = await self._customers.subscriptions(org_id)
        return next(iter(stored if subscription_id is None else with_id(stored, subscription_id)), None)

    # --- changing ------------------------------------------------------------------------------------------------

    async def cancel(
        self, org_id: str, wanted: CancelSubscription, *, subscription_id: str | None, key: str | None
    ) -> BillingSubscription:
        """End a subscription. Returns what is stored afterwards.

        Raises:
            NotFound: the organisation has none, or none of this id.
            Conflict: it has several that can be meant.
        """

        def command_at(provider: BaseProvider) -> CancelSubscription:
            waits = wanted.at_period_end and not _keeps_paid_period(provider)
            return attrs.evolve(wanted, at_period_end=waits)

        prefer = is_not_ending if wanted.at_period_end else _any
        _, stored = await self._send(org_id, command_at, key, subscription_id=subscription_id, prefer=prefer)
        return stored

    async def uncancel(self, org_id: str, subscription_id: str | None, key: str | None) -> BillingSubscription:
        """Take back the end that is set. Returns what is stored afterwards."""
        command = UncancelSubscription()
        _, stored = await self._send(
            org_id, lambda _provider: command, key, subscription_id=subscription_id, prefer=is_ending
        )
        return stored

    async def end(
        self, stored: BillingSubscription, wanted: CancelSubscription, key: str | None
    ) -> BillingSubscription:
        """End a certain subscription. Returns what is stored afterwards.

        Raises:
            NotFound: its customer is not on record any more.
            PaymentError: it cannot be ended now, or not in this way.
        """
        customer = await self._store.get_customer_by_id(stored.customer_id)
        if customer is None:
            raise no_subscription(wanted.operation)
        waits = wanted.at_period_end and not _keeps_paid_period(self._providers[customer.provider])
        command = attrs.evolve(wanted, at_period_end=waits)
        _, after = await self._send_to(customer, stored, command, key)
        return after

    async def undo(self, org_id: str, subscription_id: str, key: str) -> BillingSubscription:
        """End a subscription now, and give its last payment back. Returns what is stored afterwards."""
        customer, stored = await self._meant(org_id, "cancel_subscription", subscription_id)
        provider = self._providers[customer.provider]
        wanted = UndoSubscription(subscription_id=subscription_id, customer_id=customer.external_customer_id)
        begun = await self._log.begun([customer.provider], key, org_id, wanted)
        if begun is None:
            await self._log.run(provider, wanted, org_id, key)
        else:
            await self._log.repeat(provider, begun)
        return await self.observe_again(customer, stored)

    async def had_trial(self, org_id: str, plan_id: str | None) -> bool:
        """Whether any subscription of the organisation began with a trial, or was on this plan while one ran."""
        for each in await self._store.list_subscriptions_of(org_id):
            on_the_plan = plan_id is None or plan_id in (each.trials or {each.plan_id})
            if has_begun(each) and on_the_plan and await self._had_trial(each):
                return True
        return False

    async def _had_trial(self, stored: BillingSubscription) -> bool:
        """Whether it was free of charge for a while, and not only up to the first payment, where that was asked for later."""
        if stored.trial_end is None or stored.provider not in self._providers:
            return stored.trial_end is not None
        start_at = await self._attributor.owners.asked_to_start_at(stored.provider, stored.external_subscription_id)
        return start_at is None or stored.trial_end > start_at + _STARTS_WITHIN

    async def change(
        self, org_id: str, wanted: ChangeSubscription, *, subscription_id: str | None, key: str | None
    ) -> SubscriptionChange:
        """Change plan, quantity or both of a subscription.

        Raises:
            NotFound: the organisation has none, or none of this id.
            Conflict: it has several that can be meant; or the quantity is another one than was expected.
        """

        def command_at(provider: BaseProvider) -> ChangeSubscription:
            return attrs.evolve(wanted, when=wanted.when or _usual_time(provider))

        change, _ = await self._send(org_id, command_at, key, subscription_id=subscription_id)
        return change

    async def preview(
        self,
        org_id: str,
        subscription_id: str | None,
        *,
        plan_id: str | None,
        quantity: int | None,
        prorate: bool,
        when: ChangeTime | None,
        payment: ChangePayment,
    ) -> ChangePreview:
        """What a change would cost, of the subscription that the change would mean."""
        customer, stored = await self._meant(org_id, "preview_change", subscription_id)
        return await self._providers[customer.provider].preview_change(
            stored.external_subscription_id,
            plan_id=plan_id,
            quantity=quantity,
            prorate=prorate,
            when=when,
            payment=payment,
        )

    async def cancel_scheduled_change(
        self, org_id: str, subscription_id: str | None, key: str | None
    ) -> BillingSubscription:
        """Take back what is scheduled. Returns what is stored afterwards."""
        command = CancelScheduledChange()
        _, stored = await self._send(
            org_id, lambda _provider: command, key, subscription_id=subscription_id, prefer=_has_scheduled_change
        )
        return stored

    async def extend_trial(
        self, org_id: str, wanted: ExtendTrial, subscription_id: str | None, key: str | None
    ) -> BillingSubscription:
        """Let a trial last longer. Returns what is stored afterwards."""
        _, stored = await self._send(
            org_id, lambda _provider: wanted, key, subscription_id=subscription_id, prefer=_is_trialing
        )
        return stored

    async def pause(self, org_id: str, subscription_id: str | None, key: str | None) -> BillingSubscription:
        """Stop billing a subscription. Returns what is stored afterwards."""
        command = PauseSubscription()
        _, stored = await self._send(
            org_id, lambda _provider: command, key, subscription_id=subscription_id, prefer=_is_billed
        )
        return stored

    async def resume(self, org_id: str, subscription_id: str | None, key: str | None) -> BillingSubscription:
        """Bill a paused subscription again. Returns what is stored afterwards."""
        command = ResumeSubscription()
        _, stored = await self._send(
            org_id, lambda _provider: command, key, subscription_id=subscription_id, prefer=is_paused
        )
        return stored

    async def bill(self, org_id: str, subscription_id: str | None, key: str | None) -> BillingSubscription:
        """Collect what a subscription owes. Returns what is stored afterwards."""
        command = BillOutstanding()
        _, stored = await self._send(
            org_id, lambda _provider: command, key, subscription_id=subscription_id, prefer=owes
        )
        return stored

    async def set_payment_method(
        self, customer: BillingCustomer, stored: BillingSubscription, wanted: SetPaymentMethod, key: str
    ) -> BillingSubscription:
        """Choose what pays a certain subscription. Returns what is stored afterwards."""
        _, after = await self._send_to(customer, stored, wanted, key)
        return after

    async def _send(
        self,
        org_id: str,
        command_at: Callable[[BaseProvider], SubscriptionCommand[R]],
        key: str | None,
        *,
        subscription_id: str | None,
        prefer: Callable[[BillingSubscription], bool] = _any,
    ) -> tuple[R, BillingSubscription]:
        """Send it for the subscription that it was begun for, else for the one that it means. Returns what is stored, too.

        Args:
            org_id: whose subscription it is.
            command_at: what to send, at a provider.
            key: the caller's idempotency key.
            subscription_id: which one was named.
            prefer: what it can mean; see :func:`~.choosing.the_one`.
        """
        begun = None if key is None else await self._begun(org_id, command_at, key, subscription_id)
        if begun is not None:
            customer, stored = await self._begun_for(begun.row.provider, begun.command)
            answer = await self._log.repeat(self._providers[customer.provider], begun)
            return answer, await self.observe_again(customer, stored)
        operation = command_at(next(iter(self._providers.values()))).operation
        customer, stored = await self._meant(org_id, operation, subscription_id, prefer)
        return await self._send_to(customer, stored, command_at(self._providers[customer.provider]), key)

    async def _send_to(
        self, customer: BillingCustomer, stored: BillingSubscription, command: SubscriptionCommand[R], key: str | None
    ) -> tuple[R, BillingSubscription]:
        """Send it for a certain subscription, unless it is in effect already. Returns what is stored afterwards, too."""
        aimed = attrs.evolve(command, subscription_id=stored.external_subscription_id)
        answer = await self._log.run(
            self._providers[customer.provider],
            aimed,
            customer.org_id,
            key or new_key(),
            look_first=aimed.seems_in_effect(stored),
        )
        return answer, await self.observe_again(customer, stored)

    async def _begun(
        self,
        org_id: str,
        command_at: Callable[[BaseProvider], SubscriptionCommand[R]],
        key: str,
        subscription_id: str | None,
    ) -> Entry[SubscriptionCommand[R]] | None:
        """What the caller's key was used for before.

        Raises:
            IdempotencyMismatch: something else, or another subscription.
        """
        for name, provider in self._providers.items():
            begun = await self._log.begun([name], key, org_id, command_at(provider))
            if begun is not None and subscription_id not in {None, begun.command.subscription_id}:
                message = (
                    "this idempotency key was used before for another subscription: a new operation needs a new key"
                )
                operation = begun.command.operation
                raise IdempotencyMismatch(message, provider=name, operation=operation, idempotency_key=key)
            if begun is not None:
                return begun
        return None

    async def _meant(
        self,
        org_id: str,
        operation: str,
        subscription_id: str | None,
        prefer: Callable[[BillingSubscription], bool] = _any,
    ) -> tuple[BillingCustomer, BillingSubscription]:
        stored = await self._customers.subscriptions(org_id)
        meant = the_one(stored, operation, subscription_id, prefer=prefer)
        customer = await self._store.get_customer_by_id(meant.customer_id)
        if customer is None:
            raise no_subscription(operation)
        return customer, meant

    async def _begun_for(
        self, provider: str, command: SubscriptionCommand[Any]
    ) -> tuple[BillingCustomer, BillingSubscription]:
        stored = await self._store.get_subscription(provider, command.subscription_id)
        customer = await self._store.get_customer_by_id(stored.customer_id) if stored is not None else None
        if stored is None or customer is None:
            raise no_subscription(command.operation)
        return customer, stored

    async def observe_again(self, customer: BillingCustomer, stored: BillingSubscription) -> BillingSubscription:
        """Read after the change: an answer to a write has no place in the order of tickets."""
        seen = await self._pipeline.observe(customer.provider, customer, stored.external_subscription_id)
        return seen or stored

    # --- reading again -------------------------------------------------------------------------------------------

    async def sync(self, org_id: str, subscription_id: str | None) -> BillingSubscription | None:
        """Read what the provider says now, for one of the organisation's subscriptions, or for all, and store it.

        Raises:
            NotFound: it has none of this id.
        """
        if subscription_id is not None:
            customer, stored = await self._meant(org_id, "sync_subscription", subscription_id)
            return await self.observe_again(customer, stored)
        for customer in await self._customers.known(org_id):
            await self.sync_customer(customer)
        return await self.one(org_id)

    async def sync_customer(self, customer: BillingCustomer) -> None:
        """Read all that the provider says of a customer's subscriptions, and store it."""
        provider = self._providers[customer.provider]
        listed: set[str] = set()
        if {Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS} <= provider.capabilities:
            ticket = await self._store.next_ticket()
            for each in reversed(await self._replaced.listed(customer)):
                listed.add(each.id)
                owner = (await self._attributor.listed_owner(customer, each)).customer
                if owner is not None and owner.id == customer.id:
                    await self._pipeline.store(customer.provider, customer, each, ticket)
        for stored in await self._store.list_subscriptions(customer.id):
            if stored.external_subscription_id not in listed and Capability.SUBSCRIPTIONS in provider.capabilities:
                await self.observe_again(customer, stored)


def _is_billed(subscription: BillingSubscription) -> bool:
    return not is_paused(subscription)


def _is_trialing(subscription: BillingSubscription) -> bool:
    return subscription.status is SubscriptionStatus.TRIALING


def _has_scheduled_change(subscription: BillingSubscription) -> bool:
    return subscription.scheduled_change is not None


def _usual_time(provider: BaseProvider) -> ChangeTime | None:
    """When the provider makes a change, if nothing is said about that."""
    if Capability.CHANGE_NOW in provider.capabilities:
        return "now"
    return "period_end" if Capability.CHANGE_AT_PERIOD_END in provider.capabilities else None


def _keeps_paid_period(provider: BaseProvider) -> bool:
    """Whether canceling now comes to the same as canceling at the end of the period, which the provider cannot do."""
    return provider.access_until_period_end and Capability.CANCEL_AT_PERIOD_END not in provider.capabilities
