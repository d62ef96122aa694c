"""A hosted checkout and its status."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..frozen import FrozenMap
from .base import NOTHING, Model, string_map

__all__ = ["CheckoutSession", "CheckoutStatus", "OpenCheckout"]


class CheckoutStatus(StrEnum):
    """Where a hosted checkout is. ``PENDING``: completed by the customer, the money is still under way."""

    OPEN = "open"
    PENDING = "pending"
    COMPLETE = "complete"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@attrs.frozen
class CheckoutSession(Model):
    """A page of the provider where the customer pays or subscribes.

    Args:
        id: the provider's id.
        url: where to send the customer; None once it is no longer open.
        customer_id: the customer that it was made for.
        metadata: the application's own words.
        status: see :class:`CheckoutStatus`.
        subscription_id: the subscription that came of it.
        payment_id: the payment that came of it.
        expires_at: UTC; None where the provider does not say.
        raw_status: the provider's own word for the status.
        reference: what the provider's events call it by, where that is not its id.
    """

    id: str
    url: str | None = attrs.field(default=None, repr=False)
    customer_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    status: CheckoutStatus = CheckoutStatus.OPEN
    subscription_id: str | None = None
    payment_id: str | None = None
    expires_at: datetime | None = None
    raw_status: str | None = None
    reference: str | None = None


class OpenCheckout(CheckoutSession):
    """A checkout session whose page is open, so that a redirect to its ``url`` needs no check. Otherwise it is the session.

    :meth:`paylattice.BillingService.start_checkout` answers it.
    """

    __slots__ = ()
    url: str

    @classmethod
    def of(cls, session: CheckoutSession) -> "OpenCheckout | None":
        """The session, if its page is open."""
        if session.url is None:
            return None
        return cls(**{each.name: getattr(session, each.name) for each in attrs.fields(CheckoutSession)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CheckoutSession) and _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return super().__hash__()


def _compared(session: CheckoutSession) -> list[object]:
    return [getattr(session, each.name) for each in attrs.fields(CheckoutSession) if each.eq]
