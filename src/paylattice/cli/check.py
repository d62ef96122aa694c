"""``python -m paylattice check``."""

import os
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, cast

from ..adapting import as_provider
from ..config import ProviderConfig
from ..driving import run
from ..errors import ConfigurationError, PaymentError
from ..operations import Capability
from ..provider import BaseProvider
from ..registry import DEFAULT, VARIABLE, ProviderClass, discover

__all__ = ["check"]

_UNKNOWN = 2


class _Found(Protocol):
    @property
    def works(self) -> bool: ...

    @property
    def ways(self) -> Sequence[str]: ...

    @property
    def findings(self) -> Sequence[str]: ...


class _TriesWebhooks(Protocol):
    """A provider that can try out whether it could verify webhooks."""

    def check_webhooks(self, cert_url: str | None) -> Coroutine[Any, Any, _Found]: ...


def check(name: str | None, cert_url: str | None = None) -> int:
    """Say whether a provider is configured, setting by setting, without showing a secret; 0 if it can be used.

    Args:
        name: the provider; None: the one that the environment names.
        cert_url: the address of a certificate that signed a delivery, for providers that sign with certificates.
    """
    named = os.environ.get(VARIABLE, "").strip()
    wanted = name or named or DEFAULT
    if name is None:
        print(f"{VARIABLE} is {f'{named!r}' if named else f'not set, so the provider is {DEFAULT!r}'}")
    entry = discover().get(wanted)
    if entry is None:
        print(f"there is no provider {wanted!r}. Known: {', '.join(discover()) or 'none'}")
        return _UNKNOWN
    loaded = entry.load()
    settings: object = getattr(loaded, "config_class", None)
    if not isinstance(settings, type) or not issubclass(settings, ProviderConfig):
        print(f"{wanted}  ({entry.origin})  has no settings")
        return 0
    _settings(settings)
    try:
        config = settings.from_env()
        provider = as_provider(loaded(config))
    except ConfigurationError as error:
        print(f"{wanted}  NOT configured: {error.message}")
        return 1
    print(f"{wanted}  configured  {_mode(config)}  {'  '.join(_mark(provider, each) for each in Capability)}")
    return 0 if _verifies(loaded, config, cert_url) else 1


def _verifies(provider: ProviderClass, config: ProviderConfig, cert_url: str | None) -> bool:
    """Let a provider that has a way to do so try out whether it could verify webhooks, and say what it finds."""
    if not hasattr(provider, "check_webhooks"):
        return True
    from ..transport import BlockingTransport, RetryPolicy, Timeouts  # noqa: PLC0415 - only who sends pays for it

    transport = BlockingTransport(retry=RetryPolicy(attempts=1), timeouts=Timeouts(connect=5, read=10, total=15))
    tried = cast("_TriesWebhooks", provider(config, transport=transport))
    try:
        found = run(tried.check_webhooks(cert_url))
    except PaymentError as error:
        print(f"    webhooks  NOT verified: {error.message}")
        return False
    finally:
        run(transport.aclose())
    for finding in found.findings:
        print(f"    {finding}")
    proven = f"can be verified by {' and '.join(found.ways)}" if found.works else "NOT proven to be verified"
    print(f"    webhooks  {proven}")
    return found.works


def _mode(config: ProviderConfig) -> str:
    """Whether real money moves, in the provider's own word for it."""
    environment = getattr(config, "environment", None)
    if isinstance(environment, str):
        return environment
    live = getattr(config, "livemode", None)
    return {True: "live", False: "test"}.get(live, "") if isinstance(live, bool) else ""


def _mark(provider: BaseProvider, capability: Capability) -> str:
    words = capability.replace("_", " ")
    return f"{words} ✓" if capability in provider.capabilities else f"{words} ✗ (UnsupportedOperation)"


def _settings(config: type[ProviderConfig]) -> None:
    for setting in config.settings():
        if os.environ.get(setting.variable, "").strip():
            state = "set"
        else:
            state = (
                f"MISSING: needed to {setting.purpose}" if setting.required else f"not set: needed to {setting.purpose}"
            )
        print(f"    {setting.variable:<28} {state}")
