"""What every provider must keep, as tests that the author of a provider inherits."""

from .calls import Call
from .harness import ProviderHarness
from .hooks import ProviderHooks
from .suite import ProviderConformance
from .wire import SentRequest

__all__ = ["Call", "ProviderConformance", "ProviderHarness", "ProviderHooks", "SentRequest"]
