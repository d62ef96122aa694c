"""The operations on the account at PayPal, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ...models import BrowserSettings, Plan
from ...provider import BaseProvider
from .api import PayPalAPI
from .plans import Plans

__all__ = ["Account"]


class Account(BaseProvider):
    """What can be done with the account itself. :class:`PayPalProvider` makes the parts that do it."""

    _api: PayPalAPI
    _plans: Plans

    def browser_settings(self) -> BrowserSettings:
        """What PayPal's JavaScript needs. Add ``&currency=`` to the address, and what else its page says.

        https://developer.paypal.com/sdk/js/configuration/
        """
        settings = self._api.config
        settings.require("client_id")
        client_id = settings.client_id or ""
        return BrowserSettings(
            provider=self.get_provider_name(),
            sdk_url=f"https://www.paypal.com/sdk/js?client-id={quote(client_id, safe='')}&components=buttons,card-fields",
            public_key=client_id,
            livemode=settings.livemode,
        )

    async def get_plan(self, plan_id: str) -> Plan | None:
        """The plan, ``P-...``; None if there is none."""
        return await self._plans.find(plan_id)

    async def list_plans(self) -> list[Plan]:
        """All active plans."""
        return await self._plans.all()

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, object]:
        """Call any endpoint of PayPal's API, with an access token of the settings.

        Not every endpoint of PayPal's honours an idempotency key: the reference says which. Without one, a write is sent once.
        """
        return await self._api.call(method, path, params, idempotency_key)
