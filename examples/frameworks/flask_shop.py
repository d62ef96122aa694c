"""A shop with Flask: blocking, on sqlite3. ``python flask_shop.py``, then http://127.0.0.1:8000/."""

import os
import sys
from pathlib import Path

from flask import Flask, Response, redirect, request

from paylattice import EventContext, WebhookEvent
from paylattice.errors import Conflict
from paylattice.sync import BillingService, create_provider

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "repositories")]

import embedded
from sqlite_repository import SQLiteRepository

ADDRESS = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")
ORG = "org_1"  # the logged-in organisation, from your session

app = Flask(__name__)
provider = create_provider(os.environ.get("PAYMENT_PROVIDER", "memory"))
embedded.stock(provider.wrapped)
repository = SQLiteRepository(os.environ.get("SHOP_DATABASE", "shop.db"))
repository.create_tables()
billing = BillingService(provider, repository)
welcomed: list[str | None] = []


@billing.on("subscription.active")
def welcome(event: WebhookEvent, context: EventContext) -> None:
    welcomed.append(context.customer.org_id if context.customer else None)


@app.get("/")
def home() -> str:
    access = billing.access(ORG)
    return f"<p>Access: {access.reason}</p><form method=post action=/checkout><button>Subscribe</button></form>"


@app.post("/checkout")
def checkout() -> Response:
    try:
        session = billing.start_checkout(
            ORG,
            os.environ.get("PLAN", embedded.PLAN),
            email="ada@example.com",
            name="Ada Lovelace",
            success_url=f"{ADDRESS}/",
            cancel_url=f"{ADDRESS}/",
        )
    except Conflict:  # there is a subscription: change_plan() changes it
        return redirect("/", 303)  # type: ignore[return-value]  # werkzeug's response is Flask's here
    page = f"/customer/{session.id}" if provider.get_provider_name() == "memory" else session.url
    return redirect(page or "/", 303)  # type: ignore[return-value]  # the same


@app.get("/customer/<session_id>")
def customer(session_id: str) -> Response:
    """The embedded provider's page: the customer pays, and the provider's webhooks come in."""
    embedded.subscribe(provider.wrapped, session_id, f"{ADDRESS}/webhooks/{provider.get_provider_name()}")
    return redirect("/", 303)  # type: ignore[return-value]  # the same


@app.post("/webhooks/<name>")
def webhook(name: str) -> tuple[str, int]:
    reply = billing.respond(name, request.get_data(), request.headers)  # BEFORE request.form, or the body is gone
    return str(reply.outcome or ""), reply.status


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(ADDRESS.rpartition(":")[2]), threaded=True)
