"""``python -m paylattice providers``."""

from collections.abc import Mapping, Set
from typing import Any, cast

from ..errors import ConfigurationError
from ..operations import Capability, UnsupportedReason
from ..registry import discover

__all__ = ["providers"]


def providers() -> int:
    """List the installed providers with what they can do; 1 if one of them cannot be loaded."""
    found = discover()
    broken = 0
    for entry in found.values():
        print(f"{entry.name}  ({entry.origin})")
        try:
            loaded = entry.load()
        except ConfigurationError as error:
            print(f"    cannot be used: {error.message}")
            broken += 1
            continue
        declared = getattr(loaded, "capabilities", frozenset[Capability]())
        if not isinstance(declared, Set):  # a property, as in the protocol, or what a function will return
            print("    can:  what it says when it is made")
            continue
        told: object = getattr(loaded, "unsupported", None)
        unsupported: Mapping[Capability, UnsupportedReason] = cast("Any", told) if isinstance(told, Mapping) else {}
        print(f"    can:  {', '.join(c for c in Capability if c in declared) or 'create customers, receive webhooks'}")
        for capability in Capability:
            if capability not in declared:
                missing = unsupported.get(capability)
                print(f"    not:  {capability}{f' - {missing.reason}' if missing else ''}")
    if not found:
        print("no providers: install paylattice with pip, so that its entry points exist")
    return 1 if broken or not found else 0
