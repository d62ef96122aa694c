"""Whose a subscription is where the customer id in it proves nothing, and whether it is what billing asked for.

At most providers only the holder of the secret key writes a subscription's customer. Not at all of them: PayPal's browser code
makes subscriptions with what is public (the client id), and writes customer id, plan, quantity and prices as it likes; Square
books what somebody buys on the profile of whatever phone number they type. There, a subscription belongs to an organisation by
what the journal knows: a checkout that billing started, or the application's own word
(:meth:`~paylattice.BillingService.assign_subscription`). Everything else waits, grants nothing, and is reported.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Generic

import attrs

from ..models import Subscription
from ..provider import BaseProvider
from ..redaction import redact
from ..transport.primitives import mutex
from .commands import AssignSubscription, ChangeSubscription, StartCheckout, readable_command_of
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState
from .repository import Tx
from .store import Store

__all__ = ["Admission", "Ownership", "RefusalReason", "RefusedSubscription"]

_log = logging.getLogger("paylattice")
_PAGE = 100
_MOST_PAGES = 20
_REMEMBERED = 1024
_CHECKOUTS = frozenset({StartCheckout.kind})
_DECIDE_THE_OWNER = frozenset({StartCheckout.kind, AssignSubscription.kind})
_ASK_FOR_TERMS = _DECIDE_THE_OWNER | {ChangeSubscription.kind}


class RefusalReason(StrEnum):
    """Why a subscription grants nothing."""

    NO_CHECKOUT = "no_checkout"
    """It carries an organisation's customer id, and no checkout that billing started is known to have brought it."""
    OTHER_PLAN = "other_plan"
    """It is for another plan than was asked for."""
    OTHER_QUANTITY = "other_quantity"
    """It is for another quantity than was asked for."""
    OTHER_TERMS = "other_terms"
    """It has prices, cycles, fees or taxes of its own, in place of the plan's."""


_SAID: Mapping[RefusalReason, str] = {
    RefusalReason.NO_CHECKOUT: "no checkout that billing started is known to have brought it",
    RefusalReason.OTHER_PLAN: "it is for another plan than was asked for",
    RefusalReason.OTHER_QUANTITY: "it is for another quantity than was asked for",
    RefusalReason.OTHER_TERMS: "it has prices or terms of its own, in place of the plan's",
}


@attrs.frozen
class RefusedSubscription:
    """A subscription that grants nothing: nobody asked for it, or for what it has become. For alerts.

    :meth:`~paylattice.BillingService.assign_subscription` accepts it, as it then is; otherwise cancel it at the provider.

    Args:
        provider: whose.
        subscription_id: the provider's id.
        reason: why.
        org_id: the organisation that it would be of.
    """

    provider: str
    subscription_id: str
    reason: RefusalReason
    org_id: str

    def __str__(self) -> str:
        return (
            f"a subscription at {self.provider} ({redact(self.subscription_id)}) grants nothing: {_SAID[self.reason]}. "
            "Cancel it at the provider, or accept it with assign_subscription()"
        )


@attrs.frozen
class Admission:
    """What of a subscription's state may be stored.

    Args:
        subscription: that; None: nothing of it.
        refused: why not all of it.
    """

    subscription: Subscription | None
    refused: RefusalReason | None = None


class Ownership(Generic[Tx]):
    """Knows what billing asked for, by the journal.

    Args:
        store: where the journal is.
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
        self._told: OrderedDict[RefusedSubscription, None] = OrderedDict()
        self._lock = mutex()

    def is_proven(self, provider: str) -> bool:
        """Whether the customer id in a subscription and its events proves whose it is."""
        there = self._providers[provider]
        proves = there.customer_id_is_proof and not there.browser_makes_subscriptions
        return proves and there.preserves_customer

    async def owner(self, provider: str, subscription_id: str) -> BillingCustomer | None:
        """Whose a subscription is that is not stored: who started its checkout, or whom the application gave it to last."""
        decided = await self._asked(provider, subscription_id, _DECIDE_THE_OWNER)
        return await self._store.get_customer(decided[-1].org_id, provider) if decided else None

    async def whose_by_itself(self, provider: str, subscription: Subscription) -> BillingCustomer | None:
        """Whose a subscription is that is not stored, without the application's word: by its checkout, or its customer."""
        started = await self._asked(provider, subscription.id, _CHECKOUTS)
        if started:
            return await self._store.get_customer(started[0].org_id, provider)
        if subscription.customer_id is None or not self.is_proven(provider):
            return None
        return await self._store.get_customer_by_external_id(provider, subscription.customer_id)

    async def may_be_under_way(self, provider: str, org_id: str) -> bool:
        """Whether a checkout of the organisation has begun, and what came of it is not known yet."""
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

    def tell(self, refused: RefusedSubscription) -> None:
        """Report a refusal: in the log, and to the application; once."""
        with self._lock:
            if refused in self._told:
                return
            self._told[refused] = None
            while len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        _log.warning("%s", refused)
        if self._on_refused is None:
            return
        try:
            self._on_refused(refused)
        except Exception:  # noqa: BLE001 - it is somebody else's code, and only watches
            _log.exception("the observer of refused subscriptions failed")

    async def _asked(self, provider: str, subscription_id: str, kinds: frozenset[str]) -> list[BillingOperation]:
        """What was asked for of the subscription, the first first: its checkout, then all else."""
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
    """What a subscription has that nobody asked for; None: nothing.

    A change counts as asked for from the moment that it was written down, and what was there before it still does: the payer
    may agree later, or never.
    """
    commands = [readable_command_of(each) for each in asked]
    terms = [each for each in commands if isinstance(each, StartCheckout | ChangeSubscription | AssignSubscription)]
    plans = {each.plan_id for each in terms}
    quantities = {each.quantity for each in terms}
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
    """That it has ended, with what it granted as long as it was what was asked for."""
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
