"""A checkout as a state: the page where an organisation subscribes, and what has become of it.

Everything that changes the state of a checkout is one row of :data:`TRANSITIONS`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Self

import attrs

from ...models import CheckoutSession, CheckoutStatus
from ..tables import Index, Table, UniqueKey

__all__ = [
    "CHECKOUTS",
    "CHECKOUTS_BY_ORG",
    "CHECKOUTS_BY_PROVIDER",
    "CHECKOUTS_BY_SESSION",
    "CHECKOUTS_BY_STATE",
    "TRANSITIONS",
    "BillingCheckout",
    "CheckoutNews",
    "CheckoutState",
]


class CheckoutState(StrEnum):
    """Where a checkout is."""

    OPEN = "open"
    """Its page can be paid, or is about to be opened."""
    PENDING = "pending"
    """It was paid, and the money is under way."""
    COMPLETE = "complete"
    """It was paid."""
    EXPIRED = "expired"
    """Its page was closed without a payment."""
    REPLACED = "replaced"
    """The organisation has opened another page since. If this one is paid, too, it has brought a second subscription."""
    UNKNOWN = "unknown"
    """A newer version of paylattice has written it, and only that version goes on with it."""

    @classmethod
    def _missing_(cls, value: object) -> "CheckoutState":  # noqa: ARG003 - as Enum declares it
        return cls.UNKNOWN


class CheckoutNews(StrEnum):
    """What becomes known of a checkout. The first four are what its provider says."""

    OPEN = "open"
    PENDING = "pending"
    COMPLETE = "complete"
    EXPIRED = "expired"
    REPLACED = "replaced"
    """Another page takes its place."""


_S, _N = CheckoutState, CheckoutNews
_PAID = {_N.PENDING: _S.PENDING, _N.COMPLETE: _S.COMPLETE}

TRANSITIONS: Mapping[CheckoutState, Mapping[CheckoutNews, CheckoutState]] = MappingProxyType(
    {
        _S.OPEN: {**_PAID, _N.EXPIRED: _S.EXPIRED, _N.REPLACED: _S.REPLACED},
        _S.PENDING: {_N.COMPLETE: _S.COMPLETE, _N.EXPIRED: _S.EXPIRED},  # a page that was paid before it is no mistake
        _S.COMPLETE: {},
        _S.EXPIRED: {**_PAID, _N.REPLACED: _S.REPLACED},  # what was paid is paid, whatever was thought before
        _S.REPLACED: {},  # also if it is paid: that it was replaced decides which subscription is the second one
        _S.UNKNOWN: {},
    }
)
"""What each news makes of each state. What is not in the table changes nothing: it is old, or makes no difference."""

_CLOCKS_DIFFER_BY = timedelta(days=1)
"""At the most, this one and a provider's."""


@attrs.frozen
class BillingCheckout:
    """A page where an organisation subscribes.

    Unique: ``(org_id, place)`` where there is a place: of the checkouts of an organisation for one product, only the newest has
    it, and only that one can be open. And ``(provider, key)``. And ``(provider, external_subscription_id)`` where that is
    known: a subscription belongs to one checkout.

    Args:
        id: this record's own id, made of the provider and the key.
        org_id: the application's id of who pays.
        product: what it sells: empty for the one product of the organisation; with ``allow_second``, the plan.
        plan_id: the provider's id of the plan.
        provider: the provider's name.
        key: the key of its row in the operation log, which says the terms.
        ticket: its place in the order in which checkouts were begun.
        created_at: UTC.
        updated_at: UTC.
        state: see :class:`CheckoutState`.
        place: ``product``, as long as this is the newest checkout for it; None: another one has taken its place.
        session_id: the provider's id of the session; None: it has not been opened yet, or never was.
        url: the page; None: it is not open any more.
        expires_at: when the page closes, or was first seen closed; UTC. None: it is open, and the provider does not say.
        external_subscription_id: the provider's id of the subscription that it brought, once that is known.
    """

    id: str
    org_id: str
    product: str
    plan_id: str
    provider: str
    key: str
    ticket: int
    created_at: datetime
    updated_at: datetime
    state: CheckoutState = attrs.field(default=CheckoutState.OPEN, converter=CheckoutState)
    place: str | None = None
    session_id: str | None = None
    url: str | None = attrs.field(default=None, repr=False)
    expires_at: datetime | None = None
    external_subscription_id: str | None = None

    def after(self, news: CheckoutNews, *, now: datetime) -> Self:
        """This checkout after the news: the only way in which its state changes.

        Args:
            news: what became known.
            now: UTC.
        """
        state = TRANSITIONS[self.state].get(news, self.state)
        place = None if news is CheckoutNews.REPLACED else self.place
        url = self.url if state is CheckoutState.OPEN else None
        return attrs.evolve(self, state=state, place=place, url=url, updated_at=now)

    def seen_as(self, session: CheckoutSession | None, *, now: datetime) -> Self:
        """This checkout after its session was read; None: the provider has no such session.

        Args:
            session: as the provider says.
            now: UTC.
        """
        if session is None:
            return self.after(CheckoutNews.EXPIRED, now=now)
        closed_at = now if session.status is CheckoutStatus.EXPIRED else None
        known = attrs.evolve(
            self,
            session_id=session.id,
            url=session.url if self.state is CheckoutState.OPEN else None,
            updated_at=now,
            expires_at=session.expires_at or self.expires_at or closed_at,
            external_subscription_id=self.external_subscription_id or session.subscription_id,
        )
        news = None if session.status is CheckoutStatus.UNKNOWN else CheckoutNews(session.status)
        return known if news is None else known.after(news, now=now)

    def as_claimed(self, session: CheckoutSession) -> CheckoutSession:
        """The session with the subscription that this checkout has brought, and not with one that another checkout has.

        What it has brought stays so, also if the provider can tell it only with evidence that is not there any more.
        """
        mine = self.external_subscription_id
        if session.subscription_id == mine or self.state is CheckoutState.UNKNOWN:
            return session
        if mine is not None:
            return attrs.evolve(session, subscription_id=mine, status=CheckoutStatus.COMPLETE, url=None)
        return attrs.evolve(session, subscription_id=None, status=CheckoutStatus.PENDING)

    def may_be_left_open(self, *, now: datetime) -> bool:
        """Whether it was replaced, and its page may be open all the same: some providers close none.

        Args:
            now: UTC.
        """
        is_over = self.expires_at is not None and now - self.expires_at > _CLOCKS_DIFFER_BY
        return self.state is CheckoutState.REPLACED and self.session_id is not None and not is_over


_OLDEST_FIRST = ("ticket", "id")
CHECKOUTS_BY_ORG = Index("by_org", ("org_id",), order=_OLDEST_FIRST)
CHECKOUTS_BY_PROVIDER = Index("by_provider", ("provider",), order=_OLDEST_FIRST)
CHECKOUTS_BY_SESSION = Index("by_session", ("provider", "session_id"), order=_OLDEST_FIRST)
CHECKOUTS_BY_STATE = Index("by_state", ("provider", "state"), order=_OLDEST_FIRST)

_STAYS = frozenset({"id", "product", "plan_id", "provider", "key", "ticket", "created_at"})

CHECKOUTS = Table(
    "billing_checkouts",
    BillingCheckout,
    primary_key=("id",),
    unique_keys=(
        UniqueKey("place", ("org_id", "place")),
        UniqueKey("key", ("provider", "key")),
        UniqueKey("subscription", ("provider", "external_subscription_id")),
    ),
    indexes=(CHECKOUTS_BY_ORG, CHECKOUTS_BY_PROVIDER, CHECKOUTS_BY_SESSION, CHECKOUTS_BY_STATE),
    updatable=tuple(field.name for field in attrs.fields(BillingCheckout) if field.name not in _STAYS),
)
