"""A stand-in server as an httpx transport: no socket, no thread, the same for both of httpx's clients."""

from typing import TYPE_CHECKING

from .messages import Answer, Answering, Call, Unanswered

if TYPE_CHECKING:
    import httpx
else:  # as the transports of the package choose, which is not known here
    try:
        import httpx
    except ModuleNotFoundError:
        import httpx2 as httpx

__all__ = ["StandInTransport"]


class StandInTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands requests to a stand-in server in this process.

    Args:
        server: which one.
    """

    def __init__(self, server: Answering) -> None:
        self._server = server

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of ``httpx.Client``."""
        return self._answered(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of ``httpx.AsyncClient``."""
        return self._answered(request, await request.aread())

    def _answered(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer: Answer | None = None
        connected = True
        try:
            answer = self._server.handle(Call(request.method, path, query, headers, body))
        except Unanswered as lost:
            connected = lost.connected
        if answer is None and connected:
            raise httpx.ReadError("the answer was lost, as the test asked for", request=request)
        if answer is None:
            raise httpx.ConnectError("the connection was refused, as the test asked for", request=request)
        patience = request.extensions.get("timeout", {}).get("read")
        if answer.delay and patience is not None and answer.delay > patience:
            raise httpx.ReadTimeout("the answer came too late, as the test asked for", request=request)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body, request=request)
