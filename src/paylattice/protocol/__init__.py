"""The protocol of a provider: every operation, and what it promises at every provider. One file for each family of operations.

:class:`paylattice.BaseProvider` implements it, and makes writing a provider short.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from ..frames import clear_methods
from ..headers import Headers
from ..operations import OPERATIONS, Capability, UnsupportedReason
from .account import AccountOperations
from .checkout import CheckoutOperations
from .customers import CustomerOperations
from .events import EventOperations
from .invoices import InvoiceOperations
from .payment_methods import PaymentMethodOperations
from .payments import PaymentOperations
from .plans import PlanOperations
from .subscriptions import SubscriptionOperations

__all__ = ["Headers", "PaymentProvider"]


@runtime_checkable
class PaymentProvider(
    CustomerOperations,
    CheckoutOperations,
    SubscriptionOperations,
    InvoiceOperations,
    PaymentOperations,
    PaymentMethodOperations,
    PlanOperations,
    EventOperations,
    AccountOperations,
    Protocol,
):
    """The operations of a payment provider.

    All operations are coroutines; :mod:`paylattice.sync` has the same ones without ``await``. Each can raise
    :class:`~paylattice.errors.PaymentError`.

    Operations that write take ``idempotency_key``. The same key has one effect, **as long as the provider remembers the key**:
    ``provider.idempotency_lifetime``. After that, the same call charges or refunds a second time. With None, the library makes
    a key and keeps it for all retries of the call.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the provider can do."""
        ...

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What the provider cannot do, why, and what to do instead."""
        ...

    def get_provider_name(self) -> str:
        """The name under which the provider is registered."""
        ...

    async def aclose(self) -> None:
        """Close the provider's connections. You cannot use it afterwards."""
        ...


for _family in PaymentProvider.__bases__:
    clear_methods(_family, OPERATIONS.keys() | {"parse_webhook", "verify_webhook_signature"})
"""These methods refuse what a provider does not offer. Their frames must not show the arguments either."""
