"""Pages: the provider's JavaScript on your own, and the provider's own page for customers."""

from typing import TYPE_CHECKING, Protocol

from .errors import UnsupportedOperation

if TYPE_CHECKING:
    from .models import BrowserSettings

__all__ = ["ProviderPages"]


class _Named(Protocol):
    """What has the name of a provider."""

    def get_provider_name(self) -> str: ...


class ProviderPages:
    """What a provider that has such pages overrides. :class:`paylattice.BaseProvider` inherits it."""

    def browser_settings(self: _Named) -> "BrowserSettings":
        """Return what your own page needs to start the provider's JavaScript. Sends nothing.

        Raises:
            ConfigurationError: a setting is missing; the error names it.
            UnsupportedOperation: the provider has no JavaScript.
        """
        raise UnsupportedOperation(
            reason="it has no JavaScript for your own page",
            alternative="send the customer to a hosted page: create_payment_session, or create_checkout_session",
            provider=self.get_provider_name(),
            operation="browser_settings",
        )

    async def customer_portal(self: _Named, customer_id: str, return_url: str) -> str:
        """Return the URL of the provider's own page where a customer manages subscriptions, cards and invoices.

        Billing calls this for :meth:`paylattice.BillingService.portal`. The default says that there is none.

        Args:
            customer_id: the provider's id of the customer.
            return_url: where the customer returns.

        Raises:
            UnsupportedOperation: the provider has no such page, or none that can be linked to.
        """
        raise UnsupportedOperation(
            reason="it has no page of its own where you can send a customer to manage a subscription",
            alternative="make one, of billing.subscriptions, change_plan, cancel and invoices",
            provider=self.get_provider_name(),
            operation="customer_portal",
        )
