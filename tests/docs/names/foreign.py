"""What the pages mention and does not belong to this project, each with the reason why it cannot be looked up."""

import re
from collections.abc import Mapping

SQL = frozenset(
    re.findall(
        r"\w+",
        """
        last_insert_id
        select from where and or not null on conflict do nothing returning insert into values update set case when then else
        end create table index sequence unique references primary key with as join left true exists for order by limit offset
        text json jsonb bigint timestamptz generated always identity nextval coalesce cache count max
        """,
    )
)
"""The words of SQL, and of PostgreSQL's types."""

SPANS: Mapping[str, str] = {
    "429": "an HTTP status",
    "DELETE": "an HTTP method",
    "Host": "an HTTP header",
    "POST /webhooks/...": "the application's own route",
    "/customer/...": "a route of the examples",
    "/customer/<session>": "a route of the examples",
    "READ COMMITTED": "SQL's name of an isolation level",
    "IntegrityError": "of every database library",
    "atomic()": "of Django",
    "@csrf_exempt": "of Django",
    "ATOMIC_REQUESTS": "a setting of Django",
    "request.body": "of Django",
    "await request.body()": "of Starlette",
    "request.get_data()": "of Flask",
    "request.form": "of Flask",
    "request.headers": "of every web framework",
    "json.dumps(request.json())": "what an application should not do",
    'f"refund-{order.id}"': "an application's own key",
    "select": "SQL",
    "offset": "SQL",
    "cache": "SQL",
    "{CHECKOUT_SESSION_ID}": "what Stripe replaces",
    "v1.billing.meter.error_report_triggered": "an event of Stripe that nothing reads",
    "stripe:payout.paid": "an event of Stripe that has no shared name",
    "stripe:<type>": "events of Stripe that have no shared name",
    "send_invoice": "a way of Stripe's to collect",
    "rk_test_": "a beginning of Stripe's keys",
    "localhost": "a host",
    "example.com": "a host that nobody has",
    ".test": "a domain that nobody has",
    "main": "a word of Square for a location",
    "\\u0000": "a character in JSON",
    "max(ticket) + 1": "SQL that would be wrong",
    "~/.config/stripe/telemetry_id": "a file of Stripe's package",
    "acks_late=True": "a setting of Celery",
    "task_reject_on_worker_lost=True": "a setting of Celery",
    "raise Retry": "of arq",
    "INVOICES_READ": "a permission at Square",
    "shop.db": "a file that an example makes",
    "shop-django.db": "a file that an example makes",
    't=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>">': "the form of a header",
    "acme:<its own name>": "the provider of the guide",
    "payment_failure_threshold": "a field of PayPal's plans, set in its dashboard",
    "total_cycles": "a field of PayPal's plans, set in its dashboard",
    "construct_event": "of Stripe's package",
    "bigint": "a type of PostgreSQL",
    "jsonb": "a type of PostgreSQL",
    "timestamptz": "a type of PostgreSQL",
    "fastapi uvicorn": "packages to install",
    "sqlalchemy[asyncio] psycopg[binary]": "packages to install",
    "celery[redis]": "a package to install",
    "SELECT ... FOR UPDATE": "SQL",
    "UPDATE ... WHERE ... AND state <> 'done'": "SQL",
    "0-9a-f-": "characters",
    "2026-01-31T12:00:00Z": "a time",
    "+0000 UTC": "a time zone",
    ".5": "a number",
    "NaN": "a number in JSON",
    "/customers/cus_1": "a path at no provider",
    "class AcmeAPI(JSONAPI[AcmeConfig])": "the API of the guide",
    "run(provider.wrapped.its_own_method(...))": "a method that a provider may have",
    '[project.entry-points."paylattice.providers"]': "a table of a pyproject.toml",
    "Paylattice-Signature: t=<unix seconds>,v1=<hex>": "the form of a header",
    "t=<seconds>,v1=<hex>[,v1=<hex>...]": "the form of a header",
    "<t>.<body>": "what a signature covers",
    "<transmission id>|<transmission time>|<webhook id>|<CRC-32 of the raw body, unsigned, decimal>": "what PayPal signs",
    "dispute.state.changed": "an event of Square that nothing reads",
    "rk_test_...": "a key of Stripe",
    "STRIPE_LOG=debug": "a variable that Stripe's package reads",
    "stripe listen": "a command of Stripe's",
    "async with lock:": "how a lock is used",
    "min(cap, base * 2**(n-1))": "a formula",
    "http_error": "a reason that Square gives",
    "ssl_error": "a reason that Square gives",
    "other_error": "a reason that Square gives",
    "classic": "a billing mode of Stripe",
}
"""Whole spans."""

MODULES = frozenset({"certifi", "vcr", "asyncpg"})
"""Packages of others, which need not be installed where the tests run."""

NAMES: Mapping[str, str] = {
    "app": "the application",
    "request": "the request, of a web framework",
    "engine": "of a database library",
    "outbox": "a table of the application",
    "queue": "the application's",
    "order": "the application's",
    "connection": "of a database library",
    "row": "of a database library",
    "page_somebody": "the application's",
    "YourRepository": "the application's",
    "MyRepository": "the application's",
    "subscription_from": "the application's",
    "CLAIM": "the application's",
    "HTTPException": "of FastAPI",
    "Request": "of FastAPI",
    "event_from": "the provider's author's",
    "message": "read from the application's queue",
    "body": "the request's",
    "headers": "the request's",
}
"""Names in code that are defined nowhere on their page."""
