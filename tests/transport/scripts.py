"""Clients of the other HTTP libraries that are told their answers in the words of httpx."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

Script = Callable[[httpx.Request], httpx.Response]


# --- aiohttp -----------------------------------------------------------------------------------------------------


class ScriptedSession:
    """Stands for an ``aiohttp.ClientSession``."""

    closed = False

    def __init__(self, script: Script) -> None:
        self.script = script

    @asynccontextmanager
    async def request(self, method: str, url: Any, *, headers: Any, data: Any, **options: Any) -> AsyncIterator[Any]:
        assert options["allow_redirects"] is False
        try:
            limits = {"connect": options["timeout"].sock_connect, "read": options["timeout"].sock_read}
            told = httpx.Request(method, str(url), headers=headers, content=data, extensions={"timeout": limits})
            answer = self.script(told)
            try:
                yield ScriptedAnswer(answer)
            finally:
                await answer.aclose()
        except httpx.HTTPError as failure:
            told = in_aiohttp(failure)
            raise told from told.__cause__


class ScriptedAnswer:
    """Stands for an ``aiohttp.ClientResponse``."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.raw_headers = answer.headers.raw
        self.answer = answer
        self.content = self

    async def iter_any(self) -> AsyncIterator[bytes]:
        try:
            async for part in self.answer.aiter_bytes():
                yield part
        except httpx.HTTPError as failure:
            told = in_aiohttp(failure)
            raise told from told.__cause__


def in_aiohttp(failure: httpx.HTTPError) -> Exception:
    """What aiohttp raises there."""
    import aiohttp
    from aiohttp.http_exceptions import ContentEncodingError

    if isinstance(failure, httpx.DecodingError):
        told = aiohttp.ClientPayloadError("400, message")
        told.__cause__ = ContentEncodingError("deflate")
        return told
    known: dict[type[Exception], Callable[[], Exception]] = {
        httpx.ConnectTimeout: lambda: aiohttp.ConnectionTimeoutError("x"),
        httpx.PoolTimeout: lambda: aiohttp.ConnectionTimeoutError("x"),
        httpx.ConnectError: lambda: aiohttp.ClientConnectorError(Connection(), OSError("x")),  # type: ignore[arg-type]
        httpx.ProxyError: lambda: aiohttp.ClientProxyConnectionError(Connection(), OSError("x")),  # type: ignore[arg-type]
        httpx.ReadTimeout: lambda: aiohttp.SocketTimeoutError("x"),
        httpx.WriteTimeout: lambda: TimeoutError("x"),
        httpx.ReadError: lambda: aiohttp.ClientOSError("x"),
        httpx.WriteError: lambda: aiohttp.ClientOSError("x"),
        httpx.CloseError: lambda: aiohttp.ClientPayloadError("x"),
        httpx.RemoteProtocolError: lambda: aiohttp.ServerDisconnectedError("x"),
        httpx.LocalProtocolError: lambda: aiohttp.InvalidURL("x"),
        httpx.UnsupportedProtocol: lambda: aiohttp.NonHttpUrlClientError("x"),
    }
    return known[type(failure)]()


class Connection:
    """Stands for the key of a connection."""

    host, port, ssl, is_ssl = "api.example", 443, True, True


def scripted_aiohttp(script: Script) -> Any:
    return ScriptedSession(script)


# --- urllib3 -----------------------------------------------------------------------------------------------------


class Raw(io.RawIOBase):
    """A body in pieces, for urllib3."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.parts = iter(answer.stream)

    def read1(self, _: int = -1) -> bytes:
        try:
            return next(self.parts, b"")
        except httpx.HTTPError as failure:
            raise in_urllib3(failure) from None

    read = read1  # type: ignore[assignment]

    def close(self) -> None:
        self.answer.close()
        super().close()


class ScriptedManager:
    """Stands for a ``urllib3.PoolManager``."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def urlopen(self, method: str, url: str, *, body: Any, headers: Any, **options: Any) -> Any:
        import urllib3

        assert (options["redirect"], options["retries"]) == (False, False)
        try:
            limits = {"connect": options["timeout"].connect_timeout, "read": options["timeout"].read_timeout}
            told = httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": limits})
            answer = self.script(told)
        except httpx.HTTPError as failure:
            raise in_urllib3(failure) from None
        named = urllib3.HTTPHeaderDict([(name.decode(), value.decode()) for name, value in answer.headers.raw])
        return urllib3.HTTPResponse(Raw(answer), headers=named, status=answer.status_code, preload_content=False)


def in_urllib3(failure: httpx.HTTPError) -> Exception:
    """What urllib3 raises there."""
    from urllib3 import exceptions

    pool: Any = None
    known: dict[type[Exception], Callable[[], Exception]] = {
        httpx.ConnectTimeout: lambda: exceptions.ConnectTimeoutError("x"),
        httpx.PoolTimeout: lambda: exceptions.EmptyPoolError(pool, "x"),
        httpx.ConnectError: lambda: exceptions.NewConnectionError(pool, "x"),
        httpx.ProxyError: lambda: exceptions.ProxyError("x", OSError("x")),
        httpx.ReadTimeout: lambda: exceptions.ReadTimeoutError(pool, "", "x"),
        httpx.WriteTimeout: lambda: exceptions.TimeoutError("x"),
        httpx.ReadError: lambda: exceptions.ProtocolError("x", OSError("x")),
        httpx.WriteError: lambda: exceptions.ProtocolError("x", OSError("x")),
        httpx.CloseError: lambda: exceptions.ProtocolError("x", OSError("x")),
        httpx.RemoteProtocolError: lambda: exceptions.ProtocolError("x"),
        httpx.LocalProtocolError: lambda: exceptions.LocationParseError("x"),
        httpx.UnsupportedProtocol: lambda: exceptions.URLSchemeUnknown("x"),
    }
    return known[type(failure)]()


def scripted_urllib3(script: Script) -> Any:
    return ScriptedManager(script)


# --- httpx2 ------------------------------------------------------------------------------------------------------


def scripted_httpx2(script: Script, *, awaited: bool) -> Any:
    """A transport of httpx2."""
    import httpx2

    class Body(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __init__(self, answer: httpx.Response) -> None:
            self.answer = answer

        def __iter__(self) -> Any:
            try:
                yield from self.answer.stream
            except httpx.HTTPError as failure:
                raise getattr(httpx2, type(failure).__name__)("x") from None

        async def __aiter__(self) -> Any:
            try:
                async for part in self.answer.stream:
                    yield part
            except httpx.HTTPError as failure:
                raise getattr(httpx2, type(failure).__name__)("x") from None

        def close(self) -> None:
            self.answer.close()

        async def aclose(self) -> None:
            await self.answer.aclose()

    def answered(request: httpx2.Request) -> httpx2.Response:
        told = httpx.Request(
            request.method,
            str(request.url),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        try:
            answer = script(told)
        except httpx.HTTPError as failure:
            raise getattr(httpx2, type(failure).__name__)("x", request=request) from None
        return httpx2.Response(answer.status_code, headers=answer.headers.raw, stream=Body(answer))

    async def answered_async(request: httpx2.Request) -> httpx2.Response:
        return answered(request)

    return httpx2.MockTransport(answered_async if awaited else answered)
