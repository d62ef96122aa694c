"""The pages of checkouts: read at their provider, closed there, and stored as what they have become.

Of an organisation's checkouts for one product, the newest one has the place, by a unique key. Whoever wants another page takes
the place in the transaction that records what is sent. So two workers at once open one page, also at two providers, and a
process that dies leaves a page that the next one finds and finishes.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..errors import ConfigurationError, InvalidRequest, NotFound, PaymentError
from ..idempotency import mark_of, sub_key
from ..models import CheckoutSession, Subscription
from ..operations import Capability
from ..provider import BaseProvider
from .commands import StartCheckout, readable_command_of
from .entries import Entry, entry_of
from .operation_log import OperationLog
from .record_ids import checkout_record_id
from .records import BillingCheckout, BillingCustomer, BillingOperation, CheckoutState, OperationState
from .repository import Tx
from .sessions import Sessions
from .store import Store

__all__ = ["Page", "Pages", "PlaceTaken"]

_NEVER_OPENED = frozenset({OperationState.FAILED, OperationState.ABANDONED})
_FINAL = frozenset({CheckoutState.COMPLETE, CheckoutState.REPLACED})
_MOST_ASKED = 10
"""How many checkouts of an organisation are asked for a subscription, the newest first."""


class PlaceTaken(Exception):
    """Another worker has taken the place meanwhile."""


@attrs.frozen
class Page:
    """A checkout, and what its provider says of it.

    Args:
        checkout: the record.
        row: of the operation log; None: it is not kept any more.
        session: as it is at the provider; None: there is none.
    """

    checkout: BillingCheckout
    row: BillingOperation | None
    session: CheckoutSession | None

    @property
    def command(self) -> StartCheckout | None:
        """What the page was asked for with; None if that cannot be read."""
        command = None if self.row is None else readable_command_of(self.row)
        return command if isinstance(command, StartCheckout) else None

    def is_to_be_opened(self, provider: str, key: str) -> bool:
        """Whether it was begun under the key, and has not been opened yet: the provider could not be reached, say."""
        begun = (self.checkout.provider, self.checkout.key) == (provider, key) and self.session is None
        return begun and self.row is not None and self.row.state not in {OperationState.DONE, OperationState.ABANDONED}


class Pages(Generic[Tx]):
    """Reads and closes pages.

    Args:
        store: where the checkouts are.
        providers: by name.
        log: has sent what opened them.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._clock = clock
        self._sessions = Sessions(store, providers, clock)

    async def read(self, checkout: BillingCheckout) -> Page:
        """A page as it is now; opened now, if that was begun and not finished.

        Raises:
            ConfigurationError: a newer version of paylattice wrote the record, or what it was opened with.
            PaymentError: it cannot be found out now.
        """
        if checkout.state is CheckoutState.UNKNOWN:
            message = (
                "the organisation's checkout is in a state that this version of paylattice does not know: "
                "let the version that wrote it finish it"
            )
            raise ConfigurationError(message, provider=checkout.provider, operation="start_checkout")
        row = await self._store.get_operation(checkout.provider, checkout.key)
        provider = self._providers.get(checkout.provider)
        if provider is None:  # the service has it no more: nobody can ask
            return Page(checkout, row, None)
        session_id = checkout.session_id or (row.external_id if row is not None else None)
        if session_id is not None:
            read = await self._sessions.read(checkout.provider, session_id, checkout.key)
            return Page(read.checkout or checkout, row, read.session)
        if row is None or row.state in _NEVER_OPENED:
            return Page(checkout, row, None)
        session = await self._opened(provider, row)
        if session is None:
            return Page(checkout, row, None)
        noted = await self._store.note_session(checkout.provider, checkout.key, session, now=self._clock()) or checkout
        return Page(noted, row, noted.as_claimed(session))

    async def _opened(self, provider: BaseProvider, row: BillingOperation) -> CheckoutSession | None:
        """The page whose opening was begun; None if the provider refuses it."""
        entry = entry_of(row)
        if not isinstance(entry.command, StartCheckout):
            return None
        try:
            return await self._log.repeat(provider, Entry(row, entry.command))
        except (InvalidRequest, NotFound):
            return None

    async def close(self, checkout: BillingCheckout, session: CheckoutSession) -> CheckoutSession:
        """Close a page at its provider. Returns what the provider says of it then: it may have been paid.

        Raises:
            UnsupportedOperation: the provider closes none.
            PaymentError: it cannot be closed now.
        """
        key = sub_key(checkout.key, "close")
        closed = await self._providers[checkout.provider].expire_checkout_session(session.id, idempotency_key=key)
        await self._store.note_session(checkout.provider, checkout.key, closed, now=self._clock())
        return closed

    async def take(self, product: str, plan_id: str, before: BillingCheckout | None, row: BillingOperation) -> bool:
        """Insert the row of a page, and the checkout in the place of the one before. False: there is a row under its key.

        Raises:
            PlaceTaken: another worker has taken the place; nothing is written.
            Conflict: the organisation was transferred at this moment; nothing is written.
        """
        now = self._clock()
        checkout = BillingCheckout(
            id=checkout_record_id(row.provider, mark=mark_of(row.key)),
            org_id=row.org_id,
            product=product,
            plan_id=plan_id,
            provider=row.provider,
            key=row.key,
            ticket=row.ticket,
            created_at=now,
            updated_at=now,
            place=product,
        )

        async def insert(tx: Tx) -> bool:
            whose = {"org_id": row.org_id, "provider": row.provider}
            held = await self._store.repository.get(BillingCustomer, whose, lock=True, tx=tx)
            if held is None:  # else it is kept from a transfer until the end
                await self._store.refuse_transferred(row, tx=tx)
            if before is not None and await self._store.replace_checkout(before, now=now, tx=tx) is None:
                raise PlaceTaken
            if not await self._store.insert(checkout, tx=tx):
                raise PlaceTaken
            return await self._store.insert(row, tx=tx)

        return await self._store.transact(insert)

    async def learn(self, customer: BillingCustomer, subscription: Subscription) -> None:
        """Store which page has brought a subscription that begins.

        Raises:
            PaymentError: the provider cannot say it now.
        """
        name, provider = customer.provider, self._providers[customer.provider]
        if not subscription.status.is_current or Capability.CHECKOUT not in provider.capabilities:
            return
        known = await self._store.get_subscription(name, subscription.id)
        if known is not None and known.status.is_current:
            return
        for checkout in await self._asked(customer, subscription.id):
            try:
                noted = (await self._sessions.read(name, str(checkout.session_id), checkout.key)).checkout
            except PaymentError as error:
                if error.retryable:
                    raise
                continue  # this one will never be answered
            if noted is not None and noted.external_subscription_id == subscription.id:
                return

    async def _asked(self, customer: BillingCustomer, subscription_id: str) -> list[BillingCheckout]:
        """The checkouts that may have brought a subscription, the newest first; none, if it is known which one has."""
        session_id = self._providers[customer.provider].checkout_session_of(subscription_id)
        if session_id is not None:
            found = await self._store.get_checkout_by_session(customer.provider, session_id)
            begun = [] if found is None else [found]
        else:
            begun = [
                each for each in await self._store.list_checkouts(customer.org_id) if each.provider == customer.provider
            ]
        found_out = [each for each in begun if each.external_subscription_id == subscription_id]
        if found_out:  # at some providers already when the page is opened
            return [each for each in found_out if each.state not in _FINAL]
        unknown = [each for each in begun if each.session_id is not None and each.external_subscription_id is None]
        return unknown[::-1][:_MOST_ASKED]
