"""``httpx``, for what stands in for a provider: the library that the transports send with, which may be httpx2."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
else:
    from ..transport.library import library

    httpx = library()

__all__ = ["httpx"]
