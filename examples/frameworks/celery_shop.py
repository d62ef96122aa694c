"""A shop with Celery: the web process verifies a delivery and queues it; a worker applies it.

``celery -A celery_shop:queue worker`` and ``python celery_shop.py``, with a broker at CELERY_BROKER_URL.

The event travels as JSON. A task is acknowledged when it is done: a worker that dies with an event in hand does
not lose it, the broker hands it to another one, and the unique key of events lets it count once.
"""

import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, Task
from flask import Flask, Response, redirect, request

from paylattice import event_from_json, event_to_json
from paylattice.errors import (
    Conflict,
    InvalidRequest,
    MalformedPayload,
    RateLimited,
    VerificationUnavailable,
    WebhookError,
)
from paylattice.sync import BillingService, create_provider

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "repositories")]

import embedded
from sqlite_repository import SQLiteRepository

ADDRESS = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")
ORG = "org_1"  # the logged-in organisation, from your session

queue = Celery("shop", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"))
queue.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": int(os.environ.get("SHOP_VISIBILITY_TIMEOUT", "3600"))},
)
provider = create_provider(os.environ.get("PAYMENT_PROVIDER", "memory"))
embedded.stock(provider.wrapped)
repository = SQLiteRepository(os.environ.get("SHOP_DATABASE", "shop.db"))
repository.create_tables()
repository.close()  # Celery forks its workers from here, and no connection may cross a fork
# the embedded provider lives in one process: the worker's does not know the web process's subscriptions
billing = BillingService(provider, repository, refetch=provider.get_provider_name() != "memory")
app = Flask(__name__)


@queue.task(bind=True, max_retries=20)
def apply(self: "Task[Any, Any]", message: str) -> str:
    try:
        return str(billing.apply_event(event_from_json(message)))
    except MalformedPayload:  # not an event, and never will be: let it fail, and look at it
        raise
    except Exception as exc:  # the provider, the database, a handler: the provider got its 200, so the worker retries
        raise self.retry(exc=exc, countdown=min(2**self.request.retries, 600)) from exc


@queue.task(bind=True, max_retries=8)
def record_usage(self: "Task[Any, Any]", org_id: str, quantity: int) -> None:
    try:  # the task's id is the idempotency key: a retry counts once
        billing.record_usage(org_id, quantity, idempotency_key=str(self.request.id))
    except InvalidRequest:  # retrying does not help: look at it
        raise
    except Exception as exc:
        wait = exc.retry_after if isinstance(exc, RateLimited) else None
        raise self.retry(exc=exc, countdown=wait or 30) from exc


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
    try:
        event = billing.parse_webhook(name, request.get_data(), request.headers)
    except VerificationUnavailable:
        return "try again", 503
    except WebhookError:
        return "bad signature", 400
    apply.delay(event_to_json(event))  # if the broker is down this raises: 500, and the provider delivers again
    return "queued", 200


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(ADDRESS.rpartition(":")[2]), threaded=True)
