"""An application with its own Stripe code: a column for the customer's id, and Stripe's SDK. The guide begins here."""

import os
import sqlite3
from functools import cache

import stripe

SCHEMA = "create table if not exists orgs (id text primary key, email text not null, stripe_customer_id text unique)"
PLAN = "price_pro"


def connect(path: str) -> sqlite3.Connection:
    """The application's own table."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(SCHEMA)
    return db


@cache
def client() -> stripe.StripeClient:
    """Stripe, or its stand-in at ``STRIPE_API_BASE``."""
    base = os.environ.get("STRIPE_API_BASE", "https://api.stripe.com")
    return stripe.StripeClient(os.environ["STRIPE_SECRET_KEY"], base_addresses={"api": base})


def customer_of(db: sqlite3.Connection, org_id: str) -> str:
    """The organisation's customer, created when it is first needed."""
    email, customer_id = db.execute("select email, stripe_customer_id from orgs where id = ?", (org_id,)).fetchone()
    if customer_id is None:
        customer_id = client().raw_request("post", "/v1/customers", email=email).data["id"]
        db.execute("update orgs set stripe_customer_id = ? where id = ?", (customer_id, org_id))
    return str(customer_id)


def checkout(db: sqlite3.Connection, org_id: str) -> str:
    """The page where the organisation subscribes."""
    asked = {
        "mode": "subscription",
        "customer": customer_of(db, org_id),
        "line_items": [{"price": PLAN, "quantity": 1}],
        "success_url": "https://app.example/thanks",
        "cancel_url": "https://app.example/plans",
    }
    return str(client().raw_request("post", "/v1/checkout/sessions", **asked).data["id"])


def subscription_of(db: sqlite3.Connection, org_id: str) -> dict[str, object] | None:
    """The organisation's subscription: a request to Stripe each time."""
    listed = client().raw_request("get", "/v1/subscriptions", customer=customer_of(db, org_id), status="active").data
    return next(iter(listed["data"]), None)


def may_use(db: sqlite3.Connection, org_id: str) -> bool:
    """Whether the organisation may use the product."""
    return subscription_of(db, org_id) is not None


def cancel(db: sqlite3.Connection, org_id: str) -> None:
    """End the subscription with its period."""
    found = subscription_of(db, org_id)
    if found is not None:
        client().raw_request("post", f"/v1/subscriptions/{found['id']}", cancel_at_period_end=True)
