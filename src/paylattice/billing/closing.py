"""Ending everything that an organisation pays for, at all providers, and saying what could not be ended.

Each subscription is ended by a command of its own. So a crash in the middle leaves none in doubt, and repeating it ends the
rest. The page that is open is closed first, as a payment on it would begin a new subscription. What a page that was just paid
has brought is ended with the rest, whether its webhook has come or not. And so is what was begun without a page, and whose
answer was lost: the scheduled job would begin it later.
"""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..errors import Conflict, PaymentError
from ..idempotency import sub_key
from ..operations import Capability
from ..provider import BaseProvider
from .checkouts import Checkouts, OpenPage
from .choosing import is_not_ending
from .commands import CancelSubscription, CreateSubscription
from .customers import Customers, not_configured
from .entries import entry_of
from .operation_log import OperationLog
from .records import BillingSubscription
from .repository import Tx
from .subscriptions import Subscriptions

__all__ = ["Closing", "EndedSubscriptions", "NotEnded"]


@attrs.frozen
class NotEnded:
    """What could not be ended, or could not be looked for.

    Args:
        provider: where.
        subscription_id: the provider's id of the subscription. None: the provider could not be asked which there are, or a
            page stays open there, or was paid and its subscription has not come yet.
        error: the class of the error.
        message: what it says, and what to do.
        transient: whether repeating it may succeed: the provider was down, too busy, or out of reach, or has not made the
            subscription yet that was just paid.
    """

    provider: str
    subscription_id: str | None
    error: str
    message: str
    transient: bool

    @classmethod
    def of(cls, provider: str, subscription_id: str | None, error: PaymentError) -> "NotEnded":
        """What an error kept from ending."""
        return cls(provider, subscription_id, type(error).__name__, error.message, error.retryable)

    @classmethod
    def of_page(cls, page: OpenPage) -> "NotEnded":
        """A page that stays open, or whose subscription cannot be ended."""
        return cls.of(page.provider, page.subscription_id, page.error)


@attrs.frozen
class EndedSubscriptions:
    """What became of an organisation's subscriptions.

    Args:
        ended: those that were ended now.
        ending: those that are set to end, from now or from before: ``cancel_at`` says when.
        not_ended: what could not be ended. Repeat it where ``transient``; look at the others yourself.
    """

    ended: tuple[BillingSubscription, ...] = ()
    ending: tuple[BillingSubscription, ...] = ()
    not_ended: tuple[NotEnded, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that goes on."""
        return not self.not_ended


class Closing(Generic[Tx]):
    """Ends all subscriptions of an organisation.

    Args:
        providers: by name.
        customers: whose subscriptions there are.
        subscriptions: ends them, one by one.
        checkouts: closes the page that is open, and stores what was bought on it.
        log: knows what was begun without a page.
    """

    def __init__(
        self,
        providers: Mapping[str, BaseProvider],
        customers: Customers[Tx],
        subscriptions: Subscriptions[Tx],
        checkouts: Checkouts[Tx],
        log: OperationLog[Tx],
    ) -> None:
        self._log = log
        self._checkouts = checkouts
        self._providers = providers
        self._customers = customers
        self._subscriptions = subscriptions

    async def cancel_all(
        self, org_id: str, wanted: CancelSubscription, key: str | None, *, at_the_latest: bool = False
    ) -> EndedSubscriptions:
        """End all subscriptions, also those that only the provider knows.

        Args:
            org_id: whose.
            wanted: how; it names no subscription.
            key: the caller's idempotency key; each subscription gets one that is made of it.
            at_the_latest: whether one that cannot be ended at once is set to end with its period.
        """
        ended: list[BillingSubscription] = []
        ending: list[BillingSubscription] = []
        pages = await self._checkouts.close(org_id)
        failed = [*map(NotEnded.of_page, pages), *await self._settle(org_id), *await self._read_all(org_id)]
        for each in await self._customers.subscriptions(org_id):
            if each.status.is_terminal:
                continue
            if wanted.at_period_end and not is_not_ending(each):
                ending.append(each)
                continue
            try:
                after = await self._end(each, wanted, key, at_the_latest=at_the_latest)
            except PaymentError as error:
                failed.append(NotEnded.of(each.provider, each.external_subscription_id, error))
                continue
            if after.status.is_terminal:
                ended.append(after)
            elif is_not_ending(after):
                failed.append(_goes_on(after))
            else:
                ending.append(after)
        failed += await self._out_of_reach(org_id, wanted)
        return EndedSubscriptions(tuple(ended), tuple(ending), tuple(failed))

    async def _out_of_reach(self, org_id: str, wanted: CancelSubscription) -> list[NotEnded]:
        """What goes on at providers that the service does not have, or not any more, as far as it is stored."""
        return [
            NotEnded.of(
                customer.provider, each.external_subscription_id, not_configured(customer.provider, wanted.kind)
            )
            for customer in await self._customers.elsewhere(org_id)
            for each in await self._customers.subscriptions_of(customer)
            if is_not_ending(each) or not (each.status.is_terminal or wanted.at_period_end)
        ]

    async def _settle(self, org_id: str) -> list[NotEnded]:
        """Find out what was begun without a page: what there is, is ended with the rest, and no more is sent."""
        failed: list[NotEnded] = []
        for row in await self._log.open_of(org_id, self._providers, CreateSubscription.kind):
            try:
                await self._log.give_up(self._providers[row.provider], entry_of(row))
            except PaymentError as error:
                failed.append(NotEnded.of(row.provider, row.external_id, error))
        return failed

    async def _read_all(self, org_id: str) -> list[NotEnded]:
        """Store what the providers know, so that nothing is left out. Returns who could not be asked."""
        failed: list[NotEnded] = []
        for customer in await self._customers.known(org_id):
            try:
                await self._subscriptions.sync_customer(customer)
            except PaymentError as error:
                failed.append(NotEnded.of(customer.provider, None, error))
        return failed

    async def _end(
        self, stored: BillingSubscription, wanted: CancelSubscription, key: str | None, *, at_the_latest: bool
    ) -> BillingSubscription:
        own = None if key is None else sub_key(key, f"{stored.provider} {stored.external_subscription_id}")
        provider = self._providers[stored.provider]
        if at_the_latest and not wanted.at_period_end and Capability.CANCEL_NOW not in provider.capabilities:
            if not is_not_ending(stored):
                return stored
            wanted = attrs.evolve(wanted, at_period_end=True)
        return await self._subscriptions.end(stored, wanted, own)


def _goes_on(stored: BillingSubscription) -> NotEnded:
    message = (
        "its provider says that the subscription goes on: somebody resumed it since this key ended it, or the provider has "
        "not ended it yet. Look at it again, or use another key"
    )
    return NotEnded(stored.provider, stored.external_subscription_id, Conflict.__name__, message, transient=False)
