"""What the embedded provider can do and, for the rest, why not and what to do instead."""

from collections.abc import Mapping

from ...frozen import FrozenMap
from ...operations import Capability, UnsupportedReason

__all__ = ["CAPABILITIES", "UNSUPPORTED"]

CAPABILITIES: frozenset[Capability] = frozenset(Capability) - {Capability.NATIVE_REQUESTS}
UNSUPPORTED: Mapping[Capability, UnsupportedReason] = FrozenMap(
    {
        Capability.NATIVE_REQUESTS: UnsupportedReason(
            "The embedded provider runs in your process: it has no API.",
            "To test your own native requests, give the provider that you use in production a stand-in: "
            "StripeProvider(config, transport=AsyncTransport(transport=StripeStandIn().transport())).",
        ),
    }
)
