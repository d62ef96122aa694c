"""The operations on the account at the embedded provider, in the order of the protocol; the provider has the others."""

from ...models import BrowserSettings, Plan
from ...provider import BaseProvider
from .api import Calls
from .world import World

__all__ = ["Account"]


class Account(BaseProvider):
    """What can be done with the account itself. :class:`InMemoryProvider` makes the parts that do it."""

    _calls: Calls
    _world: World

    def browser_settings(self) -> BrowserSettings:
        """There is no script: any token that begins with ``tok_`` is one."""
        return BrowserSettings(provider=self.get_provider_name(), sdk_url=None, public_key="memory", livemode=False)

    async def get_plan(self, plan_id: str) -> Plan | None:
        """Return the plan, or None if it does not exist."""
        return self._calls.read(lambda: self._world.store.plans.get(plan_id))

    async def list_plans(self) -> list[Plan]:
        """All plans."""
        return self._calls.read(lambda: list(self._world.store.plans.values()))
