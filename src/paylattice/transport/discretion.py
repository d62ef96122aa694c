"""Keeps HTTP libraries from logging the URLs of the requests that are sent from here: their queries may hold personal data.

httpx and httpx2 log every request with its whole URL at level INFO, urllib3 at DEBUG. Records about other requests of the
application are not touched; those about the ones from here are dropped, and the logger ``paylattice`` has its own line for
each attempt.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["discreet"]

_LOGGERS = ("httpx", "httpx2", "urllib3.connectionpool")

_sending: ContextVar[bool] = ContextVar("paylattice_sending", default=False)


class _Discreet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _sending.get()


_DISCREET = _Discreet()


@contextmanager
def discreet() -> Generator[None, None, None]:
    """Inside, no HTTP library logs a URL."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_DISCREET)
    token = _sending.set(True)
    try:
        yield
    finally:
        _sending.reset(token)
