"""Whatever a signed delivery says, it is refused with 400, or a database keeps it: never its own error, for days."""

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine
from sqlite_repository import SQLiteRepository

from paylattice import BillingService, WebhookOutcome, sync
from paylattice.errors import MalformedPayload
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository
from tests.postgres import PostgresServer

from .sqlalchemy_support import database

SECRET = "whsec_poison"
odd_texts = st.text(max_size=40) | st.text("\x00\ud800\udfff\U0001f600é'\"\\%{}", max_size=10)
odd_ids = (
    odd_texts | st.builds("x".__mul__, st.integers(250, 260)) | st.builds("\U0001f600".__mul__, st.integers(250, 260))
)
odd_numbers = st.integers() | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**31, 2**64])
odd_values = st.none() | st.booleans() | st.floats() | odd_numbers | odd_texts | st.lists(odd_texts, max_size=2)
bodies = st.fixed_dictionaries(
    {
        "id": odd_ids,
        "dedupe_key": odd_ids,
        "type": st.sampled_from(["subscription.updated", "invoice.paid"]) | odd_ids,
        "customer_id": st.just("cus_known") | odd_ids,
    },
    optional={
        "note": odd_values,
        "delivery_id": odd_ids,
        "subscription_id": odd_ids,
        "subscription": st.fixed_dictionaries(
            {"id": odd_ids, "customer_id": st.just("cus_known") | odd_ids, "status": st.just("active")},
            optional={
                "plan_id": odd_ids,
                "quantity": odd_numbers,
                "version": odd_numbers,
                "raw_status": odd_texts,
                "metadata": st.dictionaries(odd_texts, odd_texts, max_size=3),
            },
        ),
    },
)
EXAMPLES = [
    {"id": "a", "dedupe_key": "a", "type": "invoice.paid", "customer_id": "nobody", "note": "\x00"},
    {"id": "b", "dedupe_key": "b", "type": "invoice.paid", "customer_id": "nobody", "note": "\ud83d"},
    {"id": "c", "dedupe_key": "c", "type": "invoice.paid", "customer_id": "nobody", "note": float("nan")},
    {"id": "\x00", "dedupe_key": "\x00", "type": "invoice.paid", "customer_id": "nobody"},
    {"id": "d", "dedupe_key": "d" * 255, "type": "x" * 255, "customer_id": "\U0001f600" * 255, "note": 2**63 - 1},
]


def delivery(body: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    whole = {"created_at": "2026-11-01T10:00:00+00:00", "provider": "memory", "livemode": False, **body}
    payload = json.dumps(whole).encode()
    now = int(time.time())
    mac = hmac.new(SECRET.encode(), f"{now}.".encode() + payload, "sha256").hexdigest()
    return payload, {"Paylattice-Signature": f"t={now},v1={mac}"}


def provider() -> InMemoryProvider:
    return InMemoryProvider(MemoryConfig(webhook_secret=SECRET))


@pytest.fixture
def sqlite(tmp_path: Path) -> Generator[SQLiteRepository]:
    repository = SQLiteRepository(tmp_path / "billing.db")
    repository.create_tables()
    yield repository
    repository.close()


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Generator[str]:
    with database(postgres) as name:
        yield postgres.url(name, "psycopg")


checked = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@checked
@given(bodies)
@example(EXAMPLES[0])
@example(EXAMPLES[1])
@example(EXAMPLES[2])
@example(EXAMPLES[3])
@example(EXAMPLES[4])
def test_sqlite_keeps_what_is_not_refused(sqlite: SQLiteRepository, body: dict[str, Any]) -> None:
    billing = sync.BillingService(provider(), sqlite, refetch=False)
    payload, headers = delivery(body)
    try:
        outcome = billing.handle_webhook("memory", payload, headers)
    except MalformedPayload:
        return
    assert outcome in set(WebhookOutcome)


def test_postgresql_keeps_what_is_not_refused(postgresql: str) -> None:
    engine = create_async_engine(postgresql)
    billing = BillingService(provider(), SQLAlchemyRepository(engine), refetch=False)

    with asyncio.Runner() as runner:

        def once(call: Callable[[], Awaitable[WebhookOutcome]]) -> WebhookOutcome:
            async def main() -> WebhookOutcome:
                return await call()

            return runner.run(main())

        @checked
        @given(bodies)
        @example(EXAMPLES[0])
        @example(EXAMPLES[1])
        @example(EXAMPLES[2])
        @example(EXAMPLES[3])
        @example(EXAMPLES[4])
        def check(body: dict[str, Any]) -> None:
            payload, headers = delivery(body)
            try:
                outcome = once(lambda: billing.handle_webhook("memory", payload, headers))
            except MalformedPayload:
                return
            assert outcome in set(WebhookOutcome)

        try:
            check()
        finally:
            runner.run(engine.dispose())
