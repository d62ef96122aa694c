"""What httpx raises, in the words of this package."""

import httpx

from ..errors import ConfigurationError
from .base import NoAnswer

__all__ = ["no_answer"]


def no_answer(exc: Exception) -> NoAnswer:
    """What the exception says about the attempt: above all, whether the request may have left.

    Raises:
        ConfigurationError: the request could not even be built.
    """
    match exc:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return NoAnswer("could not connect in time", sent=False)
        case httpx.ConnectError() | httpx.ProxyError():
            return NoAnswer("could not connect", sent=False)
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
            message = "the request cannot be built: check the base URL and the credentials for stray characters"
            raise ConfigurationError(message)
        case httpx.TimeoutException() | TimeoutError():
            return NoAnswer("the answer did not come in time", sent=True)
        case httpx.DecodingError():
            return NoAnswer("the answer's compression is broken", sent=True)
        case httpx.RequestError() | httpx.StreamError():
            return NoAnswer("the connection broke", sent=True)
        case RuntimeError():
            return NoAnswer("the HTTP client is closed, or its event loop is gone", sent=True, lasting=True)
        case _:
            return NoAnswer(f"the HTTP client failed with {type(exc).__name__}", sent=True, lasting=True)
