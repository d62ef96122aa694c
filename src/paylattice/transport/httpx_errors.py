"""What httpx and httpx2 raise, in the words of this package. The two have the same names for it."""

from ..errors import ConfigurationError
from .base import NoAnswer
from .library import defined_by

__all__ = ["no_answer"]

_UNSENDABLE = frozenset({"UnsupportedProtocol", "InvalidURL", "LocalProtocolError"})

_MEANINGS: tuple[tuple[frozenset[str], str, bool], ...] = (
    (frozenset({"ConnectTimeout", "PoolTimeout"}), "could not connect in time", False),
    (frozenset({"ConnectError", "ProxyError"}), "could not connect", False),
    (frozenset({"TimeoutException", "TimeoutError"}), "the answer did not come in time", True),
    (frozenset({"DecodingError"}), "the answer's compression is broken", True),
    (frozenset({"RequestError", "StreamError"}), "the connection broke", True),
)
"""Names of an error and of its bases -> what happened, and whether the request may have left. The first that fits counts."""


def no_answer(exc: Exception) -> NoAnswer:
    """What the exception says about the attempt: above all, whether the request may have left.

    Raises:
        ConfigurationError: the request could not even be built.
    """
    names = {cls.__name__ for cls in type(exc).__mro__ if defined_by(cls) or cls is TimeoutError}
    if names & _UNSENDABLE:
        message = "the request cannot be built: check the base URL and the credentials for stray characters"
        raise ConfigurationError(message)
    for meant, reason, sent in _MEANINGS:
        if names & meant:
            return NoAnswer(reason, sent=sent)
    if isinstance(exc, RuntimeError):
        return NoAnswer("the HTTP client is closed, or its event loop is gone", sent=True, lasting=True)
    return NoAnswer(f"the HTTP client failed with {type(exc).__name__}", sent=True, lasting=True)
