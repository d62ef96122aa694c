"""The transport of aiohttp, for event loops that make many calls at once: ``pip install paylattice[aiohttp]``."""

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from ..construction import check_methods
from .asynchronous import AsyncHTTPTransport, AsyncOptions
from .base import Remaining
from .exchange import Body, NoAnswer, encoded
from .failures import Meaning, no_answer
from .messages import Request, Response
from .surroundings import Proxies, default_tls, tls_context

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AiohttpTransport"]

_UNSENDABLE = frozenset({"InvalidURL", "NonHttpUrlClientError"})
_MEANINGS = (
    Meaning(frozenset({"ConnectionTimeoutError"}), "could not connect in time", sent=False),
    Meaning(frozenset({"ClientConnectorError", "ClientHttpProxyError"}), "could not connect", sent=False),
    Meaning(frozenset({"TimeoutError"}), "the answer did not come in time", sent=True),
    Meaning(frozenset({"ContentEncodingError"}), "the answer's compression is broken", sent=True),
    Meaning(frozenset({"ClientError", "HttpProcessingError", "OSError"}), "the connection broke", sent=True),
)


class AiohttpTransport(AsyncHTTPTransport["aiohttp.ClientSession"]):
    """Sends with ``aiohttp.ClientSession``. One object serves several event loops, one after the other or at once.

    Transports on one event loop share their connections, and nothing else.

    Args:
        session: yours, for the loop that it belongs to; left open by ``aclose()``. It must neither keep cookies nor raise
            for a status.
        options: ``timeouts``, ``retry``, ``observers``, as of :class:`~paylattice.transport.AsyncTransport`.
    """

    def __init__(self, *, session: "aiohttp.ClientSession | None" = None, **options: Unpack[AsyncOptions]) -> None:
        super().__init__(session, **options)
        if session is not None:
            check_methods("AiohttpTransport(session=...)", session, ("request",), "an aiohttp.ClientSession")
        self._proxies: Proxies | None = None

    def _new_client(self) -> "aiohttp.ClientSession":
        import aiohttp  # noqa: PLC0415 - only who sends pays for it

        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls_context(default_tls)), cookie_jar=aiohttp.DummyCookieJar()
        )
        # it would repeat a PUT or DELETE that has no key
        session._retry_connection = False  # pyright: ignore[reportPrivateUsage]  # there is no other way; a test knows
        return session

    async def _close(self, client: "aiohttp.ClientSession") -> None:
        await client.close()

    async def _ask(
        self, client: "aiohttp.ClientSession", request: Request, timeouts: Remaining, body: Body
    ) -> Response:
        import aiohttp  # noqa: PLC0415 - only who sends pays for it
        import yarl  # noqa: PLC0415 - comes with aiohttp

        url, headers, content = encoded(request)
        if self._proxies is None:
            self._proxies = Proxies()
        async with client.request(
            request.method,
            yarl.URL(url, encoded=True),
            headers=headers,
            data=content,
            proxy=self._proxies.of(url),
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=timeouts.connect + timeouts.read,  # the wait for a free connection, too
                sock_connect=timeouts.connect,
                sock_read=timeouts.read,
            ),
        ) as answer:
            async for part in answer.content.iter_any():
                body.add(part)
            return body.response(answer.status, answer.raw_headers)

    def _no_answer(self, failure: Exception) -> NoAnswer:
        broken = failure.__cause__  # an undecodable body is reported as a broken payload
        if isinstance(broken, Exception) and type(broken).__name__ == "ContentEncodingError":
            failure = broken
        return no_answer(failure, ("aiohttp",), _MEANINGS, _UNSENDABLE)
