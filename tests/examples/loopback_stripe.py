"""As much of Stripe as the FastAPI example needs, on 127.0.0.1: a customer, a paid checkout, a subscription."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "customer": "cus_1",
    "status": "active",
    "created": 1_790_000_000,
    "metadata": {},
    "items": {
        "object": "list",
        "has_more": False,
        "data": [
            {
                "id": "si_1",
                "quantity": 1,
                "price": {"id": "price_pro", "recurring": {"usage_type": "licensed"}},
                "current_period_start": 1_790_000_000,
                "current_period_end": 1_792_592_000,
            }
        ],
    },
}


class LoopbackStripe(ThreadingHTTPServer):
    """Counts the customers that it was asked to create."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.customers = 0
        self.forms: list[dict[str, list[str]]] = []
        self.subscription = dict(SUBSCRIPTION)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackStripe

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/v1/prices/price_pro":
            self.reply({"id": "price_pro", "object": "price", "recurring": {"usage_type": "licensed"}})
        elif path == "/v1/checkout/sessions/cs_1":
            self.reply({**self.session(), "status": "complete", "payment_status": "paid", "subscription": "sub_1"})
        elif path == "/v1/subscriptions/sub_1":
            self.reply(self.server.subscription)
        else:
            self.reply({"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "id"}}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = parse_qs(body)
        self.server.forms.append(form)
        if self.path == "/v1/customers":
            self.server.customers += 1
            self.reply({"id": "cus_1", "object": "customer", "email": form["email"][0], "metadata": {}})
        elif self.path == "/v1/checkout/sessions":
            self.reply({**self.session(), "status": "open", "url": "https://checkout.stripe.test/c/pay/cs_1"})
        else:
            self.reply({"error": {"type": "invalid_request_error"}}, 404)

    def session(self) -> dict[str, object]:
        return {"id": "cs_1", "object": "checkout.session", "customer": "cus_1", "mode": "subscription", "metadata": {}}

    def reply(self, data: object, status: int = 200) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", "req_loopback")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def running() -> Iterator[LoopbackStripe]:
    """The server, until the end of the block."""
    server = LoopbackStripe()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
