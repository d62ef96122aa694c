"""``python -m paylattice check``."""

import os
from collections.abc import Coroutine, Mapping, Sequence
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
_MONEY: Mapping[bool | None, str] = {
    True: "is real: these are live credentials",
    False: "is not real: these are test credentials",
    None: "is real or not: the settings do not tell",
}


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
    """Say whether a provider is configured, setting by setting and purpose by purpose, without showing a secret.

    0: calls can be made and webhooks verified. 1: one of them cannot. 2: there is no such provider.

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
    missing = [each.variable for each in settings.settings() if each.webhooks and not _is_set(each.variable)]
    try:
        config = settings.from_env()
        provider = as_provider(loaded(config))
    except ConfigurationError as error:
        print(f"{wanted}  NOT configured: {error.message}")
        return 1
    what = "configured for calls alone" if missing else "configured"
    print(f"{wanted}  {what}  {_mode(config)}  {'  '.join(_mark(provider, each) for each in Capability)}")
    print("    calls     can be made")
    print(f"    money     {_MONEY[_livemode(config)]}")
    if missing:
        print(f"    webhooks  NOT verified: every delivery will be refused. Set {' and '.join(missing)}")
        return 1
    if hasattr(loaded, "check_webhooks"):
        return 0 if _verifies(loaded, config, cert_url) else 1
    if any(each.webhooks for each in settings.settings()):
        print("    webhooks  can be verified")
    return 0


def _verifies(provider: ProviderClass, config: ProviderConfig, cert_url: str | None) -> bool:
    """Let a provider that has a way to do so try out whether it could verify webhooks, and say what it finds."""
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
    return {True: "live", False: "test", None: ""}[_livemode(config)]


def _livemode(config: ProviderConfig) -> bool | None:
    live: object = getattr(config, "livemode", None)
    return live if isinstance(live, bool) else None


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable, "").strip())


def _mark(provider: BaseProvider, capability: Capability) -> str:
    words = capability.replace("_", " ")
    return f"{words} ✓" if capability in provider.capabilities else f"{words} ✗ (UnsupportedOperation)"


def _settings(config: type[ProviderConfig]) -> None:
    for setting in config.settings():
        if _is_set(setting.variable):
            state = "set"
        else:
            state = (
                f"MISSING: needed to {setting.purpose}" if setting.required else f"not set: needed to {setting.purpose}"
            )
        print(f"    {setting.variable:<28} {state}")
    for variable in config.strangers(os.environ):
        print(f"    {variable:<28} unknown: it is set, and no setting of this provider")
