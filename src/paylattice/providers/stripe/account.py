"""The operations on the account at Stripe, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...models import BrowserSettings, Plan
from ...provider import BaseProvider
from .api import StripeAPI
from .plans import Plans

if TYPE_CHECKING:
    from stripe import StripeClient

__all__ = ["Account"]


class Account(BaseProvider):
    """What can be done with the account itself. :class:`StripeProvider` makes the parts that do it."""

    _api: StripeAPI
    _plans: Plans

    def browser_settings(self) -> BrowserSettings:
        """What Stripe.js needs: the publishable key, and the connected account."""
        settings = self._api.config
        settings.require("publishable_key")
        return BrowserSettings(
            provider=self.get_provider_name(),
            sdk_url="https://js.stripe.com/v3/",
            public_key=settings.publishable_key or "",
            account_id=settings.account,
            livemode=settings.livemode,
        )

    async def get_plan(self, plan_id: str) -> Plan | None:
        """The price, ``price_...``; None if there is none."""
        return await self._plans.find(plan_id)

    async def list_plans(self) -> list[Plan]:
        """All active recurring prices of active products."""
        return await self._plans.all()

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, object]:
        """Call any endpoint of Stripe's API, for the account and with the API version of the settings.

        Every ``POST`` has a key, yours or one of its own. Files have another host at Stripe, and are not sent from here: see
        :meth:`sdk`.
        """
        return await self._api.call(method, path, params, idempotency_key)

    def sdk(self) -> "StripeClient":
        """Return Stripe's official client for this configuration, for its types and for what a native request cannot send.

        It sends through the provider's transport, with its timeouts and retries, for the configured account and API version.
        Its answers and its errors are Stripe's own (``stripe.StripeError``); where no answer comes, you get this library's.
        Await the methods that end in ``_async``; with a provider of :mod:`paylattice.sync`, call the others. The client logs
        what it sends at level DEBUG.

        Raises:
            ConfigurationError: the SDK is not installed.
        """
        return self._api.client()
