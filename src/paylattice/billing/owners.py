"""The owner of a subscription where its customer id proves nothing, and whether its terms are what billing asked for.

At most providers only the holder of the secret key writes a subscription's customer. Not at all of them: PayPal's browser code
makes subscriptions with what is public (the client id), and writes customer id, plan, quantity and prices as it likes; Square
books a purchase on the profile of whatever phone number the buyer types. There, the operation log decides the owner: a checkout
that billing started, or an assignment by the application (:meth:`~paylattice.BillingService.assign_subscription`). Everything
else waits, grants nothing, and is reported.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Generic

import attrs

from ..models import Subscription
from ..provider import BaseProvider
from ..redaction import redact
from ..transport.primitives import mutex
from .commands import (
    AssignSubscription,
    Authorize,
    ChangeSubscription,
    Charge,
    CreateCustomer,
    CreateSubscription,
    StartCheckout,
    readable_command_of,
)
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState
from .repository import Tx
from .store import Store

__all__ = ["Admission", "Owners", "RefusalReason", "RefusedSubscription"]

_log = logging.getLogger("paylattice")
_PAGE = 100
_MOST_PAGES = 20
_REMEMBERED = 1024
_CHECKOUTS = frozenset({StartCheckout.kind, CreateSubscription.kind})
_DECIDE_THE_OWNER = _CHECKOUTS | {AssignSubscription.kind}
_TAKE_MONEY = frozenset({Charge.kind, Authorize.kind})
_MAKE_SOMETHING = _CHECKOUTS | _TAKE_MONEY | {CreateCustomer.kind}
_ASK_FOR_TERMS = _DECIDE_THE_OWNER | {ChangeSubscription.kind}


_Terms = (StartCheckout, CreateSubscription, ChangeSubscription, AssignSubscription)


class RefusalReason(StrEnum):
    """Why a subscription grants nothing."""

    NO_CHECKOUT = "no_checkout"
    """It carries an organisation's customer id, and no checkout that billing started is known to have made it."""
    OTHER_PLAN = "other_plan"
    """It is for another plan than was asked for."""
    OTHER_QUANTITY = "other_quantity"
    """It is for another quantity than was asked for."""
    OTHER_TERMS = "other_terms"
    """It has prices, cycles, fees or taxes of its own, in place of the plan's."""


_EXPLANATIONS: Mapping[RefusalReason, str] = {
    RefusalReason.NO_CHECKOUT: "no checkout that billing started is known to have made it",
    RefusalReason.OTHER_PLAN: "it is for another plan than was asked for",
    RefusalReason.OTHER_QUANTITY: "it is for another quantity than was asked for",
    RefusalReason.OTHER_TERMS: "it has prices or terms of its own, in place of the plan's",
}


@attrs.frozen
class RefusedSubscription:
    """A subscription that grants nothing: billing did not start it, or did not ask for its terms. For alerts.

    :meth:`~paylattice.BillingService.assign_subscription` accepts it, as it then is; otherwise cancel it at the provider.

    Args:
        provider: the provider's name.
        subscription_id: the provider's id of it.
        reason: why it is refused.
        org_id: the organisation that would own it. Empty: it may have been bought on the pages of several: ask who bought it.
    """

    provider: str
    subscription_id: str
    reason: RefusalReason
    org_id: str

    def __str__(self) -> str:
        advice = "Cancel it at the provider, or accept it with assign_subscription()"
        if not self.org_id:
            advice = (
                "Several organisations have a page on which it may have been bought: ask at the provider who bought it"
            )
        name = redact(self.subscription_id)
        return f"a subscription at {self.provider} ({name}) grants nothing: {_EXPLANATIONS[self.reason]}. {advice}"


@attrs.frozen
class Admission:
    """What of a subscription's state may be stored.

    Args:
        subscription: the state to store; None: none of it.
        refused: why not all of it.
    """

    subscription: Subscription | None
    refused: RefusalReason | None = None


class Owners(Generic[Tx]):
    """Knows the owners of subscriptions, and the terms that billing asked for, by the operation log.

    Args:
        store: where the operation log is.
        providers: by name.
        on_refused: told of every subscription that is refused, once in this process for each reason. What it raises is
            logged and otherwise ignored.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        on_refused: Callable[[RefusedSubscription], None] | None = None,
    ) -> None:
        self._store = store
        self._providers = providers
        self._on_refused = on_refused
        self._reported: OrderedDict[RefusedSubscription, None] = OrderedDict()
        self._lock = mutex()
        self.proving: frozenset[str] = frozenset(name for name, each in providers.items() if _proves_owner(each))
        """The providers at which the customer id in a subscription and its events proves its owner."""

    async def owner_of(self, provider: str, subscription_id: str) -> BillingCustomer | None:
        """The owner of a subscription that is not stored: of its checkout, or of its last assignment."""
        decided = await self._asked(provider, subscription_id, _DECIDE_THE_OWNER)
        if decided:
            return await self._store.get_customer(decided[-1].org_id, provider)
        checkout = await self._store.get_checkout_of(provider, subscription_id)
        return None if checkout is None else await self._store.get_customer(checkout.org_id, provider)

    async def owner_of_payment(self, provider: str, payment_ids: Iterable[str]) -> BillingCustomer | None:
        """The owner of a payment that billing asked for, by any of its ids."""
        for payment_id in payment_ids:
            for each in await self._pages(provider, payment_id):
                if each.operation in _TAKE_MONEY:
                    return await self._store.get_customer(each.org_id, provider)
        return None

    async def owner_without_assignment(self, provider: str, subscription: Subscription) -> BillingCustomer | None:
        """The owner of a subscription that is not stored, assignments apart: by its checkout, or its customer."""
        started = await self._asked(provider, subscription.id, _CHECKOUTS)
        if started:
            return await self._store.get_customer(started[0].org_id, provider)
        checkout = await self._store.get_checkout_of(provider, subscription.id)
        if checkout is not None:
            return await self._store.get_customer(checkout.org_id, provider)
        if subscription.customer_id is None or provider not in self.proving:
            return None
        return await self._store.get_customer_by_external_id(provider, subscription.customer_id)

    async def asked_to_start_at(self, provider: str, subscription_id: str) -> datetime | None:
        """When a subscription was asked to charge first, if later than at once; None: at once, or the log does not tell."""
        asked = await self._asked(provider, subscription_id, _CHECKOUTS)
        checkout = await self._store.get_checkout_of(provider, subscription_id)
        row = None if checkout is None else await self._store.get_operation(provider, checkout.key)
        commands = [readable_command_of(each) for each in (*asked, *([] if row is None else [row]))]
        started = (each for each in commands if isinstance(each, StartCheckout | CreateSubscription))
        return next((each.start_at for each in started if each.start_at is not None), None)

    async def is_anything_under_way(self, provider: str) -> bool:
        """Whether something was sent that makes a customer, a payment or a subscription, and its outcome is not known yet."""
        begun = await self._store.list_operations(provider, state=OperationState.OPEN, limit=_PAGE)
        return len(begun) == _PAGE or any(each.operation in _MAKE_SOMETHING for each in begun)

    async def may_be_under_way(self, provider: str, org_id: str) -> bool:
        """Whether a checkout of the organisation has begun, and its outcome is not known yet."""
        begun = await self._store.list_operations(provider, state=OperationState.OPEN, limit=_PAGE)
        return any(each.operation in _CHECKOUTS and each.org_id == org_id for each in begun)

    async def admitted(self, provider: str, subscription: Subscription) -> Admission:
        """What of a subscription's state may be stored, if its owner is known.

        Where the buyer's browser can have made it otherwise than was asked for, or changed it since, only that it has ended
        is stored, with what was granted before.
        """
        if not self._providers[provider].browser_makes_subscriptions:
            return Admission(subscription)
        stored = await self._store.get_subscription(provider, subscription.id)
        asked = await self._asked(provider, subscription.id, _ASK_FOR_TERMS)
        refused = _deviation(subscription, asked, stored)
        if refused is None:
            return Admission(subscription)
        if stored is None or not subscription.status.is_terminal:
            return Admission(None, refused)
        return Admission(_ended(subscription, stored), refused)

    def report(self, refused: RefusedSubscription) -> None:
        """Report a refusal: in the log, and to the application; once."""
        with self._lock:
            if refused in self._reported:
                return
            self._reported[refused] = None
            while len(self._reported) > _REMEMBERED:
                self._reported.popitem(last=False)
        _log.warning("%s", refused)
        if self._on_refused is None:
            return
        try:
            self._on_refused(refused)
        except Exception:  # noqa: BLE001 - it is the application's code, and only watches
            _log.exception("the observer of refused subscriptions failed")

    async def _asked(self, provider: str, subscription_id: str, kinds: frozenset[str]) -> list[BillingOperation]:
        """The commands about the subscription, the first first: its checkout, then all others."""
        session_id = self._providers[provider].checkout_session_of(subscription_id)
        found: list[BillingOperation] = []
        for name in dict.fromkeys((session_id, subscription_id)):
            if name is not None:
                found += await self._pages(provider, name)
        return [each for each in found if each.operation in kinds and each.state is not OperationState.FAILED]

    async def _pages(self, provider: str, external_id: str) -> list[BillingOperation]:
        found: list[BillingOperation] = []
        last: BillingOperation | None = None
        for _ in range(_MOST_PAGES):
            page = await self._store.list_operations(provider, external_id=external_id, after=last, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                break
            last = page[-1]
        return found


def _deviation(
    subscription: Subscription, asked: Sequence[BillingOperation], stored: BillingSubscription | None
) -> RefusalReason | None:
    """Why the terms of a subscription are not those that billing asked for; None: they are.

    A change counts as asked for from the moment that it is recorded, and what was there before it still does: the payer
    may agree later, or never.
    """
    commands = [readable_command_of(each) for each in asked]
    terms = [each for each in commands if isinstance(each, _Terms)]
    plans = {each.plan_id for each in terms}
    quantities = {each.new_quantity if isinstance(each, ChangeSubscription) else each.quantity for each in terms}
    overridden = any(isinstance(each, AssignSubscription) and each.plan_overridden for each in terms)
    if stored is not None and not any(
        each.operation in _DECIDE_THE_OWNER for each in asked
    ):  # the operation log has forgotten
        plans.add(stored.plan_id)
        quantities.add(1 if stored.quantity is None else stored.quantity)
    if subscription.plan_id is not None and subscription.plan_id not in plans:
        return RefusalReason.OTHER_PLAN
    if (1 if subscription.quantity is None else subscription.quantity) not in quantities:
        return RefusalReason.OTHER_QUANTITY
    return RefusalReason.OTHER_TERMS if subscription.plan_overridden and not overridden else None


def _ended(subscription: Subscription, stored: BillingSubscription) -> Subscription:
    """The subscription as ended, with what it granted while its terms were those that billing asked for."""
    return attrs.evolve(
        subscription,
        plan_id=stored.plan_id,
        quantity=stored.quantity,
        current_period_start=stored.current_period_start,
        current_period_end=stored.current_period_end,
        trial_end=stored.trial_end,
        paid_through=stored.paid_through,
        cancel_at=_earlier(subscription.cancel_at, stored.cancel_at or stored.current_period_end),
    )


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier one; None if either is not known: then nothing is granted."""
    return min(one, other) if one is not None and other is not None else None


def _proves_owner(provider: BaseProvider) -> bool:
    proves = provider.customer_id_is_proof and not provider.browser_makes_subscriptions
    return proves and provider.preserves_customer
