"""Reading checkout sessions: what their provider says of them, and that a subscription belongs to one of them only.

Some of what is known comes from a buyer's browser. It never leads to what is another session's: see :meth:`Sessions.read`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..arguments import is_id
from ..frozen import FrozenMap
from ..models import CheckoutSession
from ..provider import BaseProvider
from .records import BillingCheckout, CheckoutState
from .repository import Tx
from .rows import PAGE
from .store import Store

__all__ = ["NO_EVIDENCE", "ReadSession", "Sessions"]

NO_EVIDENCE: Mapping[str, str] = FrozenMap()
_MAY_BE_PAID = (CheckoutState.OPEN, CheckoutState.PENDING, CheckoutState.REPLACED, CheckoutState.EXPIRED)
_MOST_PAGES = 10
_MOST_IDS = 20
_MOST_CLAIMED = 5
"""How many subscriptions of other sessions a session may name before it is taken at its word that its own is not there yet."""


@attrs.frozen
class ReadSession:
    """A session that was read.

    Args:
        session: what the provider says, with the subscription that is the session's own; None: there is no such session.
        checkout: the record of it, as it is now; None: there is none.
    """

    session: CheckoutSession | None
    checkout: BillingCheckout | None


class Sessions(Generic[Tx]):
    """Reads sessions, and writes what becomes known of their checkouts.

    Args:
        store: where the checkouts are.
        providers: by name.
        clock: the time, aware.
    """

    def __init__(self, store: Store[Tx], providers: Mapping[str, BaseProvider], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._providers = providers
        self._clock = clock

    async def read(
        self, provider: str, session_id: str, key: str | None, evidence: Mapping[str, str] = NO_EVIDENCE
    ) -> ReadSession:
        """Read a session. One that names another session's subscription is read again without that one.

        What the evidence says of another session's order is left out: the buyer of this one can have copied it.

        Args:
            provider: the provider's name.
            session_id: the provider's id of the session.
            key: the key of its checkout; None: none is known.
            evidence: what the page where the buyer came back, or an event, says besides.
        """
        there = self._providers[provider]
        claimed: list[str] = []
        evidence = await self._own(provider, key, evidence)
        alone = bool(evidence) and not there.preserves_customer and await self._is_alone(provider, key)
        while True:
            session = await there.read_checkout(session_id, evidence=evidence, claimed=tuple(claimed), alone=alone)
            if key is None:
                return ReadSession(session, None)
            noted = await self._store.note_session(provider, key, session, now=self._clock())
            if session is None or noted is None:
                return ReadSession(session, noted)
            named = session.subscription_id
            if named is None or noted.external_subscription_id is not None or len(claimed) >= _MOST_CLAIMED:
                return ReadSession(noted.as_claimed(session), noted)
            if named in claimed:
                return ReadSession(noted.as_claimed(session), noted)
            claimed.append(named)

    async def _own(self, provider: str, key: str | None, evidence: Mapping[str, str]) -> Mapping[str, str]:
        """The evidence without what another session is known by; and not more of it than a URL has a reason to hold."""
        ids = list(dict.fromkeys(value for value in evidence.values() if is_id(value)))
        others = set(ids[_MOST_IDS:])
        for value in ids[:_MOST_IDS]:
            rows = await self._store.list_operations(provider, reference=value, limit=1)
            rows += await self._store.list_operations(provider, external_id=value, limit=1)
            if any(row.key != key for row in rows):
                others.add(value)
        return FrozenMap({name: value for name, value in evidence.items() if value not in others})

    async def _is_alone(self, provider: str, key: str | None) -> bool:
        """Whether no other organisation has, or had since, a page for the same plan that has brought nothing."""
        mine = None if key is None else await self._store.get_checkout_by_key(provider, key)
        if mine is None:
            return False
        for state in _MAY_BE_PAID:
            last: BillingCheckout | None = None
            for _ in range(_MOST_PAGES):
                page = await self._store.list_checkouts_in(provider, state, after=last)
                if any(_is_rival(each, mine) for each in page):
                    return False
                if len(page) < PAGE:
                    break
                last = page[-1]
            else:
                return False  # there are more than are looked through
        return True


def _is_rival(other: BillingCheckout, mine: BillingCheckout) -> bool:
    return (
        other.org_id != mine.org_id
        and other.plan_id == mine.plan_id
        and other.session_id is not None
        and other.external_subscription_id is None
        and (other.expires_at is None or other.expires_at >= mine.created_at)
    )
