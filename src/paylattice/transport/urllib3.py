"""The transport of urllib3, for threads: ``pip install paylattice[urllib3]``."""

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from typing_extensions import Unpack

from ..construction import check_methods
from .base import Remaining
from .blocking import BlockingHTTPTransport, BlockingOptions
from .discretion import discreet
from .exchange import Body, NoAnswer, encoded
from .failures import Meaning, no_answer
from .messages import Request, Response
from .surroundings import Proxies, default_tls, tls_context

if TYPE_CHECKING:
    import urllib3

__all__ = ["Urllib3Transport"]

_PIECE = 65_536
_CONNECTIONS = 100
_UNSENDABLE = frozenset({"LocationValueError", "InvalidHeader"})
_MEANINGS = (
    Meaning(
        frozenset({"NewConnectionError", "ProxyError", "SSLCertVerificationError"}), "could not connect", sent=False
    ),
    Meaning(frozenset({"ConnectTimeoutError", "EmptyPoolError"}), "could not connect in time", sent=False),
    Meaning(frozenset({"TimeoutError"}), "the answer did not come in time", sent=True),
    Meaning(frozenset({"DecodeError"}), "the answer's compression is broken", sent=True),
    Meaning(frozenset({"HTTPError", "OSError"}), "the connection broke", sent=True),
)


class _Managers:
    """urllib3 has a manager of pools for each proxy, and one for what needs none."""

    def __init__(self) -> None:
        self._proxies = Proxies()
        self._by_proxy: dict[str | None, urllib3.PoolManager] = {}

    def of(self, url: str) -> "urllib3.PoolManager":
        proxy = self._proxies.of(url)
        found = self._by_proxy.get(proxy)
        return self._by_proxy.setdefault(proxy, _manager(proxy)) if found is None else found

    def clear(self) -> None:
        for manager in self._by_proxy.values():
            manager.clear()


class Urllib3Transport(BlockingHTTPTransport["_Managers | urllib3.PoolManager"]):
    """Sends with ``urllib3.PoolManager``, in the calling thread. One object serves many threads.

    Transports of one process share their connections, and nothing else.

    Args:
        manager: yours; left open by ``aclose()``.
        options: ``timeouts``, ``retry``, ``observers``, as of :class:`~paylattice.transport.BlockingTransport`.
    """

    def __init__(self, *, manager: "urllib3.PoolManager | None" = None, **options: Unpack[BlockingOptions]) -> None:
        if manager is not None:
            check_methods("Urllib3Transport(manager=...)", manager, ("urlopen",), "a urllib3.PoolManager")
        super().__init__(manager, **options)

    def _new_client(self) -> "_Managers | urllib3.PoolManager":
        return _Managers()

    def _close(self, client: "_Managers | urllib3.PoolManager") -> None:
        client.clear()

    def _ask(
        self, client: "_Managers | urllib3.PoolManager", request: Request, timeouts: Remaining, body: Body
    ) -> Response:
        import urllib3  # noqa: PLC0415 - only who sends pays for it

        url, headers, content = encoded(request)
        manager = client.of(url) if isinstance(client, _Managers) else client
        with discreet():
            answer = manager.urlopen(
                request.method,
                url,
                redirect=False,
                body=content,
                headers=headers,
                retries=False,
                timeout=urllib3.Timeout(connect=timeouts.connect, read=timeouts.read),
                pool_timeout=timeouts.read,
                preload_content=False,
            )
        try:
            while part := answer.read1(_PIECE, decode_content=True):
                body.add(part)
        except BaseException:
            answer.close()  # what is left of the answer must not be the next one's
            answer.release_conn()  # closed, back to its place: a pool whose places are all lost connects to nobody
            raise
        answer.release_conn()
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
        return body.response(answer.status, raw)

    def _no_answer(self, failure: Exception) -> NoAnswer:
        cause = failure.args[0] if type(failure).__name__ == "SSLError" and failure.args else None
        return no_answer(cause if isinstance(cause, OSError) else failure, ("urllib3", "ssl"), _MEANINGS, _UNSENDABLE)


def _manager(proxy: str | None) -> "urllib3.PoolManager":
    import urllib3  # noqa: PLC0415 - only who sends pays for it

    tls = tls_context(default_tls)
    if proxy is None:
        return urllib3.PoolManager(maxsize=_CONNECTIONS, block=True, ssl_context=tls)
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return urllib3.ProxyManager(
        parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        maxsize=_CONNECTIONS,
        block=True,
        ssl_context=tls,
        proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None,
    )
