"""The sandbox: a stand-in with pages, on 127.0.0.1."""

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

from ..standins import PayPalStandIn, SquareStandIn, StandIn, StripeStandIn
from ..standins.loopback import serving
from ..standins.messages import Answer, Call
from ..standins.relocation import Relocation
from .actions import Actions
from .checkout import act, bank_page, checkout_page
from .dashboard import dashboard_page
from .desks import Desk, Page, texts
from .outbox import Outbox
from .paypal import PayPalDesk
from .square import SquareDesk
from .stripe import StripeDesk

__all__ = ["Sandbox"]

_ROOT = "/_"
_PAGES = "/_/page"
_BACK = ("success_url", "return_url", "redirect_url")
_GIVEN_UP = ("cancel_url",)
_HTML: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Sandbox:
    """A stand-in that a person can use: it serves the provider's API, the pages that people are sent to, and a dashboard.

    It listens on 127.0.0.1 alone. Pages need no script. ``/_`` is the dashboard.

    Args:
        stand_in: the provider.
        webhook: the URL of your application that webhooks are posted to; None: they wait.

    Raises:
        ValueError: there are no pages for this stand-in, or the URL is none.
    """

    def __init__(self, stand_in: StandIn[Any, Any, Any], webhook: str | None = None) -> None:
        self.stand_in = stand_in
        self.desk: Desk = _desk(stand_in)
        self.outbox: Outbox = Outbox(stand_in, webhook)
        self._actions = Actions(stand_in, self.outbox)
        self._base = ""
        self._relocation = Relocation((), "")
        self._returns: dict[str, tuple[str | None, str | None]] = {}
        self._pages: dict[str, tuple[str, str]] = {}

    @contextmanager
    def serve(self, port: int = 0) -> Generator[str]:
        """Serve until the end of the block, which gets the base URL.

        Args:
            port: 0: a free one.

        Raises:
            OSError: the port is taken.
        """
        with serving(self, port) as base:
            self._base = base
            self._relocation = Relocation(self.desk.hosts, f"{base}{_PAGES}")
            self.stand_in.relocate(self._relocation)
            self.stand_in.served_at(base)
            poster = threading.Thread(target=self.outbox.run, daemon=True)
            poster.start()
            self.outbox.wake()
            try:
                yield base
            finally:
                self.outbox.close()
                poster.join()
                self.stand_in.relocate(None)
                self.stand_in.served_at(None)

    def environment(self) -> Mapping[str, str]:
        """The variables with which an application uses the sandbox while it serves."""
        return self.desk.environment(self._base)

    def handle(self, call: Call) -> Answer:
        """Answer a request: of the API, or for a page."""
        if call.path != _ROOT and not call.path.startswith(f"{_ROOT}/"):
            answer = self.stand_in.handle(call)
            self._remember(call, answer)
            self.outbox.wake()
            return answer
        if not self._is_ours(call):
            return Answer(403, _HTML, b"This page is for the browser on this machine.\n")
        try:
            return self._person(call)
        finally:
            self.outbox.wake()

    # --- what a person asks for -----------------------------------------------------------------------------------

    def _person(self, call: Call) -> Answer:
        fields = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
        if call.path.startswith(f"{_ROOT}/do/") and call.method == "POST":
            return self._do(call.path.removeprefix(f"{_ROOT}/do/"), fields)
        if call.path.startswith(f"{_PAGES}/"):
            return self._page(call, fields)
        if call.path in {_ROOT, f"{_ROOT}/"} and call.method == "GET":
            told = dict(parse_qsl(call.query))
            bad = told.get("bad") == "1"
            return Answer(200, _HTML, dashboard_page(self.desk, self.outbox, self._base, told.get("told", ""), bad=bad))
        return Answer(404, _HTML, b"There is no such page. The dashboard is at /_\n")

    def _do(self, name: str, fields: Mapping[str, str]) -> Answer:
        try:
            return _seen_at(f"{_ROOT}?told={quote(self._actions.do(name, fields))}")
        except ValueError as error:
            return _seen_at(f"{_ROOT}?told={quote(str(error))}&bad=1")

    def _page(self, call: Call, fields: Mapping[str, str]) -> Answer:
        address = call.path + (f"?{call.query}" if call.query else "")
        page = self._page_at(address)
        if page is None:
            return Answer(404, _HTML, checkout_page(self.desk, _UNKNOWN, address))
        if call.method != "POST":
            return Answer(200, _HTML, checkout_page(self.desk, page, address))
        back, given_up = self._returns.get(page.id, (None, None))
        if fields.get("do") == "leave":
            return _seen_at(given_up or back or f"{_ROOT}?told={quote('The customer gave up')}")
        if fields.get("do") == "bank":
            return Answer(200, _HTML, bank_page(page, address))
        try:
            declined = act(self.desk, self._actions, page, fields)
        except (ValueError, AttributeError) as error:
            return Answer(200, _HTML, checkout_page(self.desk, page, address, str(error), bad=True))
        if declined:
            return Answer(200, _HTML, checkout_page(self.desk, page, address, declined, bad=True))
        done = back and page.kind == "checkout"
        told = f"{_ROOT}?told={quote('Done')}"
        return _seen_at(self.desk.returned(page, back) if done and back is not None else back or told)

    def _page_at(self, address: str) -> Page | None:
        known = self._pages.get(address)
        original = self._relocation.original(f"{self._base}{address}")
        found = self.desk.find(known[0]) if known else self.desk.find_at(original)
        if found is not None and known is None:
            self._pages[address] = (found.id, found.kind)
        if found is None or known is None or known[1] != "change":
            return found
        return Page(found.id, "Agree to the change", "", found.status, open=True, kind="change")

    # --- what the API tells of pages ------------------------------------------------------------------------------

    def _remember(self, call: Call, answer: Answer) -> None:
        """Keep which object a page belongs to, and where its payer returns."""
        if f"{_PAGES}/".encode() not in answer.body:
            return
        told = _json(answer.body)
        named = (_first(told, ("id",)), *reversed(call.path.split("/")))
        identifier = next((each for each in named if each and self.desk.find(each) is not None), None)
        if identifier is None:
            return
        asked = _json(call.body) or dict(parse_qsl(call.body.decode("utf-8", "replace")))
        if call.writes:
            self._returns[identifier] = (_first(asked, _BACK), _first(asked, _GIVEN_UP))
        for text in texts(told):
            if text.startswith(f"{self._base}{_PAGES}/"):
                kind = "change" if "/subscriptions/update?" in text else "checkout"
                self._pages.setdefault(text.removeprefix(self._base), (identifier, kind))

    def _is_ours(self, call: Call) -> bool:
        """Whether a browser on this machine asks, and none that another site's page leads by the nose."""
        host = urlsplit(self._base)
        if call.headers.get("host") not in {host.netloc, f"localhost:{host.port}"}:
            return False
        origin = call.headers.get("origin")
        return not call.writes or origin in {None, f"http://{call.headers['host']}"}


_UNKNOWN = Page("", "There is no such page", "", "unknown", open=False)
_DESKS: Mapping[type[StandIn[Any, Any, Any]], type[Desk]] = {
    StripeStandIn: StripeDesk,
    PayPalStandIn: PayPalDesk,
    SquareStandIn: SquareDesk,
}


def _desk(stand_in: StandIn[Any, Any, Any]) -> Desk:
    for kind, desk in _DESKS.items():
        if isinstance(stand_in, kind):
            return desk(stand_in)
    message = f"the sandbox has no pages for {type(stand_in).__name__}"
    raise ValueError(message)


def _seen_at(address: str) -> Answer:
    return Answer(303, {"Location": address, "Cache-Control": "no-store"}, b"")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _first(value: Any, names: tuple[str, ...]) -> str | None:
    """The first text under one of the names, from the outside in."""
    if not isinstance(value, dict):
        return None
    row = cast("dict[str, Any]", value)
    for name in names:
        if isinstance(row.get(name), str):
            return str(row[name])
    found = (_first(each, names) for each in row.values())
    return next((each for each in found if each is not None), None)
