"""Visits an example shop over real HTTP, in a process of its own: ``python visitor.py fastapi_shop 8123``.

The shop serves on the port from a thread, so that the visitor can also be its provider: deliver webhooks twice, late, forged.
"""

import asyncio
import importlib
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from types import ModuleType
from typing import Any

SHOPS = Path(__file__).parents[2] / "examples" / "frameworks"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Where a checkout leads is for the visitor to see."""


def serve(name: str, shop: ModuleType, port: int) -> Callable[[], object]:
    """Serve the shop from a thread. Returns what stops it."""
    if name == "fastapi_shop":
        import uvicorn

        server = uvicorn.Server(uvicorn.Config(shop.app, host="127.0.0.1", port=port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the shop did not start"
            time.sleep(0.01)

        def stop() -> None:
            server.should_exit = True
            thread.join(10)

        return stop
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Nothing."""

    application = shop.application if name == "django_shop" else shop.app
    wsgi = make_server("127.0.0.1", port, application, server_class=Server, handler_class=Quiet)
    threading.Thread(target=wsgi.serve_forever, daemon=True).start()
    return wsgi.shutdown


def a_handler_that_raises(billing: Any, provider: Any, embedded: ModuleType, hook: str) -> None:
    """Its delivery is answered with 500, and applied when it comes again."""
    broken = True

    @billing.on("customer.updated")  # type: ignore[untyped-decorator]  # a module that is found by its name
    def fails(event: object, context: object) -> None:
        if broken:
            message = "the application's own"
            raise RuntimeError(message)

    [customer_id] = provider._world.store.customers
    asyncio.run(provider.update_customer(customer_id, name="Grace Hopper"))
    [changed] = provider.deliveries()
    assert embedded.post(changed, hook) == 500
    broken = False
    assert embedded.post(changed, hook) == 200


def main(name: str, port: int) -> None:
    os.environ |= {"PAYMENT_PROVIDER": "memory", "SHOP_URL": f"http://127.0.0.1:{port}"}
    sys.path.insert(0, str(SHOPS))
    shop = importlib.import_module(name)
    embedded = importlib.import_module("embedded")
    stop = serve(name, shop, port)
    address, hook = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/webhooks/memory"
    opener = urllib.request.build_opener(NoRedirect)

    def get(path: str) -> str:
        with urllib.request.urlopen(address + path, timeout=10) as answer:
            return str(answer.read().decode())

    def post(path: str) -> str | None:
        try:
            answer: HTTPResponse = opener.open(urllib.request.Request(address + path, b""), timeout=10)
        except urllib.error.HTTPError as redirect:
            assert redirect.code in {302, 303}, redirect.code
            return redirect.headers["Location"]
        return answer.headers["Location"]

    provider = shop.app.state.provider if name == "fastapi_shop" else shop.provider.wrapped
    welcomed = shop.app.state.welcomed if name == "fastapi_shop" else shop.welcomed
    try:
        assert "no_subscription" in get("/")
        session_id = str(post("/checkout")).rpartition("/")[2]
        provider.complete_checkout(session_id)
        waiting = list(provider.deliveries())
        forged = waiting[-1].payload.replace(b"1", b"2", 1) + b" "
        assert embedded.post(waiting[-1], hook, forged) == 400, "a forgery is answered with 400"
        assert "no_subscription" in get("/"), "a forgery changes nothing"
        random.Random(1).shuffle(waiting)
        assert [embedded.post(each, hook) for each in waiting * 2] == [200] * len(waiting) * 2
        assert "active" in get("/")
        assert welcomed == ["org_1"], "the handler ran once, however often it was told"
        assert post("/checkout") == "/", "who has a subscription is not sold a second one"
        assert embedded.post(waiting[0], hook.replace("memory", "nobody")) == 400, (
            "a stranger's URL is no failure of ours"
        )

        a_handler_that_raises(
            shop.app.state.billing if name == "fastapi_shop" else shop.billing, provider, embedded, hook
        )
        provider.decline_next_payment()
        provider.advance(months=1)
        waiting = list(provider.deliveries())
        for each in reversed(waiting):  # the newest first
            assert embedded.post(each, hook) == 200
        assert any(word in get("/") for word in ("grace", "past_due"))
        provider.advance(days=3)
        for each in provider.deliveries():
            assert embedded.post(each, hook) == 200
        assert "grace" not in get("/")
        assert welcomed == ["org_1", "org_1"]
        print(f"{name}: ok")
    finally:
        stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
