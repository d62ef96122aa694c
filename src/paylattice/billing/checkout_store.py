"""Billing's checkouts, stored: the newest one of a product has its place, and what its session says is written once."""

from datetime import datetime

import attrs

from ..models import CheckoutSession, CheckoutStatus
from .records import BillingCheckout, CheckoutNews, CheckoutState
from .records.checkouts import CHECKOUTS_BY_ORG, CHECKOUTS_BY_PROVIDER, CHECKOUTS_BY_SESSION, CHECKOUTS_BY_STATE
from .repository import Tx
from .rows import PAGE, Rows

__all__ = ["CheckoutStore"]


class CheckoutStore(Rows[Tx]):
    """Reads and writes checkouts. :class:`~.store.Store` has the other records."""

    async def get_checkout(self, org_id: str, product: str, *, tx: Tx | None = None) -> BillingCheckout | None:
        """Get the organisation's newest checkout for the product."""
        return await self.repository.get(BillingCheckout, {"org_id": org_id, "place": product}, tx=tx)

    async def get_checkout_by_key(self, provider: str, key: str, *, tx: Tx | None = None) -> BillingCheckout | None:
        """Get the checkout that was begun under the key."""
        return await self.repository.get(BillingCheckout, {"provider": provider, "key": key}, tx=tx)

    async def get_checkout_by_id(self, checkout_id: str) -> BillingCheckout | None:
        """Get a checkout by its record's own id."""
        return await self.repository.get(BillingCheckout, {"id": checkout_id})

    async def get_checkout_by_session(
        self, provider: str, session_id: str, *, tx: Tx | None = None
    ) -> BillingCheckout | None:
        """Get the checkout with the provider's id of its session."""
        values: dict[str, object] = {"provider": provider, "session_id": session_id}
        return next(iter(await self._page(BillingCheckout, CHECKOUTS_BY_SESSION, values, None, 1, tx)), None)

    async def get_checkout_of(
        self, provider: str, subscription_id: str, *, tx: Tx | None = None
    ) -> BillingCheckout | None:
        """Get the checkout that is known to have brought the subscription."""
        key = {"provider": provider, "external_subscription_id": subscription_id}
        return await self.repository.get(BillingCheckout, key, tx=tx)

    async def list_checkouts_in(
        self,
        provider: str,
        state: CheckoutState,
        *,
        after: BillingCheckout | None = None,
        limit: int = PAGE,
        tx: Tx | None = None,
    ) -> list[BillingCheckout]:
        """List a page of the provider's checkouts in a state, in the order in which they were begun."""
        values: dict[str, object] = {"provider": provider, "state": state}
        return await self._page(BillingCheckout, CHECKOUTS_BY_STATE, values, after, limit, tx)

    async def list_checkouts(self, org_id: str, *, tx: Tx | None = None) -> list[BillingCheckout]:
        """List all checkouts of the organisation, in the order in which they were begun."""
        return await self._all(BillingCheckout, CHECKOUTS_BY_ORG, {"org_id": org_id}, tx)

    async def list_oldest_checkouts(
        self, provider: str, *, after: BillingCheckout | None = None, limit: int = PAGE, tx: Tx | None = None
    ) -> list[BillingCheckout]:
        """List a page of the provider's checkouts, in the order in which they were begun."""
        return await self._page(BillingCheckout, CHECKOUTS_BY_PROVIDER, {"provider": provider}, after, limit, tx)

    async def note_session(
        self, provider: str, key: str, session: CheckoutSession | None, *, now: datetime, tx: Tx | None = None
    ) -> BillingCheckout | None:
        """Write what the provider says of a checkout's session; None: it has no such session.

        A subscription that another checkout has brought is not written: that one was first.

        Returns:
            The checkout as it is then; as it was, if a newer version of paylattice wrote it. None: there is none under the key.
        """

        async def note(own: Tx) -> BillingCheckout | None:
            stored = await self._locked(provider, key, own)
            if stored is None or stored.state is CheckoutState.UNKNOWN:
                return stored
            seen = stored.seen_as(session, now=now)
            if attrs.evolve(seen, updated_at=stored.updated_at) == stored:
                return stored
            if await self.repository.update(seen, tx=own) or session is None:
                return seen
            waits = attrs.evolve(session, subscription_id=None, status=CheckoutStatus.PENDING)
            seen = stored.seen_as(waits, now=now)
            await self.repository.update(seen, tx=own)
            return seen

        return await (self.transact(note) if tx is None else note(tx))

    async def replace_checkout(
        self, checkout: BillingCheckout, *, now: datetime, tx: Tx | None = None
    ) -> BillingCheckout | None:
        """Take the place of a checkout for another one; None if it has it no more, or a newer version wrote it."""

        async def replace(own: Tx) -> BillingCheckout | None:
            stored = await self._locked(checkout.provider, checkout.key, own)
            if stored is None or stored.place is None or stored.state is CheckoutState.UNKNOWN:
                return None
            replaced = stored.after(CheckoutNews.REPLACED, now=now)
            await self.repository.update(replaced, tx=own)
            return replaced

        return await (self.transact(replace) if tx is None else replace(tx))

    async def strip_checkout(self, checkout: BillingCheckout, *, now: datetime) -> None:
        """Take the address of its page out of a checkout."""

        async def strip(own: Tx) -> None:
            stored = await self._locked(checkout.provider, checkout.key, own)
            if stored is not None and stored.url is not None:
                await self.repository.update(attrs.evolve(stored, url=None, updated_at=now), tx=own)

        await self.transact(strip)

    async def delete_checkout(self, checkout: BillingCheckout, *, tx: Tx | None = None) -> None:
        """Delete a checkout, if it is still there."""
        await self.repository.delete(checkout, tx=tx)

    async def _locked(self, provider: str, key: str, tx: Tx) -> BillingCheckout | None:
        return await self.repository.get(BillingCheckout, {"provider": provider, "key": key}, lock=True, tx=tx)
