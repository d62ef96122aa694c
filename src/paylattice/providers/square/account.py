"""The operations on the account at Square, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping, Sequence

from ...errors import ConfigurationError
from ...models import BrowserSettings, Plan
from ...provider import BaseProvider
from .api import SquareAPI
from .config import MAIN
from .plans import Plans

__all__ = ["Account"]


class Account(BaseProvider):
    """What can be done with the account itself. :class:`SquareProvider` makes the parts that do it."""

    _api: SquareAPI
    _plans: Plans

    def browser_settings(self) -> BrowserSettings:
        """What the Web Payments SDK needs: the application id and the location.

        Raises:
            ConfigurationError: one of them is missing; or the location is ``main``, and no request has told yet which one that
                is.
        """
        settings = self._api.config
        settings.require("application_id", "location_id")
        known = self._api.known_location
        if known is None and settings.location_id == MAIN:
            message = "a page needs the location's own id: set SQUARE_LOCATION_ID to it, in place of 'main'"
            raise ConfigurationError(message, provider=self.get_provider_name())
        host = "web.squarecdn.com" if settings.livemode else "sandbox.web.squarecdn.com"
        return BrowserSettings(
            provider=self.get_provider_name(),
            sdk_url=f"https://{host}/v1/square.js",
            public_key=settings.application_id or "",
            location_id=settings.location_id if known is None else known.id,
            livemode=settings.livemode,
        )

    async def get_plan(self, plan_id: str) -> Plan | None:
        """The plan variation; None if there is none."""
        return await self._plans.find(plan_id)

    async def list_plans(self) -> list[Plan]:
        """All plan variations that can be subscribed to at the location."""
        return await self._plans.all()

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, object]:
        """Call any endpoint of Square's API.

        A key goes into the body, where most of Square's endpoints that make something take it. Without one, a write is sent
        once.
        """
        return await self._api.call(method, path, params, idempotency_key)
