"""The transports of httpx2, httpx's maintained successor, where both are installed: ``pip install paylattice[httpx2]``."""

from .httpx import AsyncTransport, BlockingTransport

__all__ = ["AsyncHttpx2Transport", "BlockingHttpx2Transport"]


class AsyncHttpx2Transport(AsyncTransport):
    """:class:`~paylattice.transport.AsyncTransport` with ``httpx2.AsyncClient``."""

    _library = "httpx2"


class BlockingHttpx2Transport(BlockingTransport):
    """:class:`~paylattice.transport.BlockingTransport` with ``httpx2.Client``."""

    _library = "httpx2"
