"""A small shop and a small browser: what a person at the sandbox sees and does."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin
from wsgiref.simple_server import WSGIRequestHandler, make_server

import attrs
import httpx
import pytest

from paylattice import Money, sync
from paylattice.testing import PayPalStandIn, SquareStandIn, StandIn, StripeStandIn
from paylattice.testing.sandbox import Sandbox

ORG = "org_1"
STAND_INS: Mapping[str, Callable[[str], Any]] = {
    "stripe": lambda webhook: StripeStandIn(),
    "paypal": lambda webhook: PayPalStandIn(),
    "square": lambda webhook: SquareStandIn(webhook_url=webhook),
}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


class Shop:
    """An application that sells one plan, and is told of everything at ``/webhooks/...``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.billing: sync.BillingService[Any] | None = None
        self.events: list[str] = []
        self.refuses = False
        self.returned: list[Mapping[str, str]] = []
        self.base = ""

    def __call__(self, environ: Mapping[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/webhooks/"):
            status = self._take(environ)
        else:
            self.returned.append({"path": path, **dict(parse_qsl(environ["QUERY_STRING"]))})
            status = 200
        start(f"{status} .", [("Content-Type", "text/plain")])
        return [b"thank you"]

    def _take(self, environ: Mapping[str, Any]) -> int:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        headers = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if self.billing is None or self.refuses:
            return 500
        reply = self.billing.respond(self.name, body, headers, url=f"{self.base}/webhooks/{self.name}")
        self.events.append(reply.outcome)
        return reply.status


@attrs.frozen
class Street:
    """The provider, the shop that sells through it, and the way between them."""

    name: str
    stand_in: StandIn[Any, Any, Any]
    box: Sandbox
    base: str
    shop: Shop
    billing: sync.BillingService[Any]

    def page(self, plan: str = "pro") -> str:
        """The address that the customer is sent to."""
        session = self.billing.start_checkout(
            ORG,
            plan,
            email="ada@example.com",
            success_url=f"{self.shop.base}/ok?session_id={{CHECKOUT_SESSION_ID}}"
            if self.name == "stripe"
            else f"{self.shop.base}/ok",
            cancel_url=f"{self.shop.base}/no",
        )
        assert session.url is not None
        return session.url


@contextmanager
def street(name: str) -> Generator[Street]:
    shop = Shop(name)
    server = make_server("127.0.0.1", 0, shop, handler_class=Quiet)  # type: ignore[arg-type]
    shop.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    webhook = f"{shop.base}/webhooks/{name}"
    stand_in = STAND_INS[name](webhook)
    stand_in.add_plan("pro", Money(1900, "USD"))
    box = Sandbox(stand_in, webhook)
    try:
        with box.serve() as base, environment(box.environment()):
            provider = sync.create_provider(name)
            with sync.BillingService(provider, sync.InMemoryRepository()) as billing:
                shop.billing = billing
                yield Street(name, stand_in, box, base, shop, billing)
                shop.billing = None
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def environment(variables: Mapping[str, str]) -> Generator[None]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        yield


class Forms(HTMLParser):
    """The forms of a page: each with its fields and the text of its button."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.text = ""
        self._in_button = self._in_style = False
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert tag != "script"
        if tag == "form":
            self.forms.append({"action": given["action"], "fields": {}, "button": ""})
        elif tag == "input":
            self.forms[-1]["fields"][given["name"]] = given["value"]
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option":
            self.forms[-1]["option"] = "selected" in given
        self._in_button = tag == "button" or (self._in_button and tag != "form")
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._in_button = False
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            return
        self.text += data + "\n"
        if self._in_button:
            self.forms[-1]["button"] += data
        elif self.forms and self.forms[-1].pop("option", False):
            self.forms[-1]["fields"][self._select] = data


class Browser:
    """A person: opens a page, reads it, presses a button."""

    def __init__(self) -> None:
        self.client = httpx.Client(timeout=20)
        self.address = ""
        self.page = ""

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def open(self, address: str) -> str:
        return self._show(self.client.get(address, follow_redirects=True))

    def press(self, button: str, nth: int = 0, **fields: str) -> str:
        forms = [each for each in Forms(self.page).forms if each["button"] == button]
        assert forms, f"no button {button!r} on {Forms(self.page).text}"
        form = forms[nth]
        address = urljoin(self.address, form["action"])
        origin = "/".join(self.address.split("/")[:3])
        answer = self.client.post(
            address, data={**form["fields"], **fields}, headers={"Origin": origin}, follow_redirects=True
        )
        return self._show(answer)

    def _show(self, answer: httpx.Response) -> str:
        self.address, self.page = str(answer.url), answer.text
        return Forms(self.page).text
