"""How a provider that breaks a promise gets a test class of its own: over the embedded provider, or over the example plugin."""

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
import pytest
from paylattice_acme import AcmeConfig, AcmeProvider
from paylattice_acme.testing import FakeAcme

from paylattice import CheckoutSession
from paylattice.idempotency import new_key
from paylattice.provider import BaseProvider
from paylattice.providers.memory import InMemoryProvider
from paylattice.testing import ProviderConformance
from paylattice.testing.conformance.provider.webhooks import WebhookChecks
from paylattice.transport import AsyncTransport

from .test_memory_provider import MemoryHooks

K = TypeVar("K", bound=type[BaseProvider])
DOUBLES: dict[str, set[str]] = {}
"""The name of each test class, and the checks that must fail for it: these and no others."""


class AcmeHooks(ProviderConformance):
    """The example plugin's own test class, for another provider class."""

    kind: type[AcmeProvider]

    @pytest.fixture
    def mode(self) -> str:
        return "async"

    plan_id = "plan_pro"

    @pytest.fixture
    def provider(self) -> AcmeProvider:
        self.acme = FakeAcme()
        config = AcmeConfig(api_key="key_conformance_1", webhook_secret="hook_secret_1")
        return self.kind(config, transport=AsyncTransport(transport=httpx.MockTransport(self.acme)))

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.acme.complete_checkout(session.id)

    def effects(self, provider: BaseProvider) -> int:
        return self.acme.effects

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery("hook_secret_1")

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery("hook_secret_1", age=3600)

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery("hook_secret_1", age=-3600)

    def webhook_secret(self, provider: BaseProvider) -> str:
        return "hook_secret_1"


class MemoryDouble(MemoryHooks):
    """The embedded provider's test class, for another provider class."""

    kind: type[InMemoryProvider]

    @pytest.fixture
    def mode(self) -> str:
        return "async"

    @pytest.fixture
    def provider(self) -> InMemoryProvider:
        return self.made(self.kind)


def caught_by(*checks: str, operations: str = "create_customer get_customer", **said: object) -> Callable[[K], K]:
    """Make a test class for the double, in the double's module.

    The checks of webhooks are left out where none of them is meant to fail: they would only take their time.

    Args:
        checks: those that must fail, without ``test_``; no others may.
        operations: which the checks of single operations are run for.
        **said: what the test class says about the provider.
    """

    def register(kind: K) -> K:
        name = f"Test{kind.__name__}"
        hooks = AcmeHooks if issubclass(kind, AcmeProvider) else MemoryDouble
        meant = {f"test_{check}" for check in checks}
        about_webhooks = {check for check in vars(WebhookChecks) if check.startswith("test_")}
        left_out = set() if meant & about_webhooks else about_webhooks
        checks_of_one = {
            check: None if check in left_out else narrowed(getattr(hooks, check), operations.split())
            for check in dir(hooks)
            if check.startswith("test_")
        }
        made = type(name, (hooks,), {"kind": kind, **checks_of_one, **said})
        made.__module__ = kind.__module__
        setattr(sys.modules[kind.__module__], name, made)
        DOUBLES[name] = meant
        return kind

    return register


def narrowed(check: Any, operations: list[str]) -> Any:
    """The check, for the calls of these operations only, if it is run for each call."""
    marks: list[pytest.Mark] = []
    for mark in getattr(check, "pytestmark", []):
        if mark.args[0] != "call":
            marks.append(mark)
            continue
        calls = [call for call in mark.args[1] if call.name in operations]
        if not calls:
            return None  # pytest collects it no more
        marks.append(pytest.mark.parametrize("call", calls, ids=str).mark)
    if marks == getattr(check, "pytestmark", []):
        return check

    @functools.wraps(check)
    def narrow(self: object, *args: object, **kwargs: object) -> object:
        return check(self, *args, **kwargs)

    narrow.pytestmark = marks  # type: ignore[attr-defined]
    return narrow


def through(name: str, change: Callable[[Any], object], *, of: type = InMemoryProvider) -> Any:
    """The operation with another answer."""
    original = getattr(of, name)

    @functools.wraps(original)
    async def call(self: object, *args: object, **kwargs: object) -> object:
        return change(await original(self, *args, **kwargs))

    return call


def without_key(name: str, key: Callable[[], str] = new_key) -> Any:
    """The operation under another key than the caller's."""
    original = getattr(InMemoryProvider, name)

    @functools.wraps(original)
    async def call(self: object, *args: object, **kwargs: object) -> object:
        return await original(self, *args, **{**kwargs, "idempotency_key": key()})

    return call


def unguarded(kind: type, **methods: Callable[..., object]) -> None:
    """Put methods into the class that the guard of ``BaseProvider`` does not see."""
    for name, method in methods.items():
        setattr(kind, name, method)
