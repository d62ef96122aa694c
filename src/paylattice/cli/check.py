"""``python -m paylattice check``."""

import os

from ..config import ProviderConfig
from ..errors import ConfigurationError
from ..operations import Capability
from ..provider import BaseProvider
from ..registry import DEFAULT, VARIABLE, discover

__all__ = ["check"]

_UNKNOWN = 2


def check(name: str | None) -> int:
    """Say whether a provider is configured, setting by setting, without showing a secret; 0 if it can be used."""
    named = os.environ.get(VARIABLE, "").strip()
    wanted = name or named or DEFAULT
    if name is None:
        print(f"{VARIABLE} is {f'{named!r}' if named else f'not set, so the provider is {DEFAULT!r}'}")
    entry = discover().get(wanted)
    if entry is None:
        print(f"there is no provider {wanted!r}. Known: {', '.join(discover()) or 'none'}")
        return _UNKNOWN
    loaded = entry.load()
    if not isinstance(loaded, type) or not issubclass(loaded, BaseProvider) or loaded.config_class is None:
        print(f"{wanted}  ({entry.origin})  has no settings")
        return 0
    _settings(loaded.config_class)
    try:
        config = loaded.config_class.from_env()
        provider = loaded(config)
    except ConfigurationError as error:
        print(f"{wanted}  NOT configured: {error.message}")
        return 1
    print(f"{wanted}  configured  {_mode(config)}  {'  '.join(_mark(provider, each) for each in Capability)}")
    return 0


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
