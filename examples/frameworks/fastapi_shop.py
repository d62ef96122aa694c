"""A shop with FastAPI: async, in memory or on PostgreSQL. ``python fastapi_shop.py``, then http://127.0.0.1:8000/."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from paylattice import BillingService, EventContext, InMemoryRepository, WebhookEvent, create_provider
from paylattice.errors import Conflict

sys.path.insert(0, str(Path(__file__).parent))

import embedded

ADDRESS = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")
ORG = "org_1"  # the logged-in organisation, from your session


async def repository(stack: AsyncExitStack) -> Any:
    """In memory; with DATABASE_URL on PostgreSQL."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        return InMemoryRepository()
    from sqlalchemy import MetaData
    from sqlalchemy.ext.asyncio import create_async_engine

    from paylattice.repositories.sqlalchemy import SQLAlchemyRepository, include_metadata

    engine = create_async_engine(url)
    stack.push_async_callback(engine.dispose)
    tables = include_metadata(MetaData())  # your application's own MetaData, and Alembic makes the tables
    async with engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    return SQLAlchemyRepository(engine)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        provider = create_provider(os.environ.get("PAYMENT_PROVIDER", "memory"))
        embedded.stock(provider)
        billing = await stack.enter_async_context(BillingService(provider, await repository(stack)))

        @billing.on("subscription.active")
        async def welcome(event: WebhookEvent, context: EventContext) -> None:
            app.state.welcomed.append(context.customer.org_id if context.customer else None)

        app.state.billing, app.state.provider, app.state.welcomed = billing, provider, []
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def home() -> HTMLResponse:
    access = await app.state.billing.access(ORG)
    return HTMLResponse(
        f"<p>Access: {access.reason}</p><form method=post action=/checkout><button>Subscribe</button></form>"
    )


@app.post("/checkout")
async def checkout() -> RedirectResponse:
    try:
        session = await app.state.billing.start_checkout(
            ORG,
            os.environ.get("PLAN", embedded.PLAN),
            email="ada@example.com",
            name="Ada Lovelace",
            success_url=f"{ADDRESS}/",
            cancel_url=f"{ADDRESS}/",
        )
    except Conflict:  # there is a subscription: change_plan() changes it
        return RedirectResponse("/", status_code=303)
    page = f"/customer/{session.id}" if app.state.provider.get_provider_name() == "memory" else session.url
    return RedirectResponse(page or "/", status_code=303)


@app.get("/customer/{session_id}")
async def customer(session_id: str) -> RedirectResponse:
    """The embedded provider's page: the customer pays, and the provider's webhooks come in."""
    name = app.state.provider.get_provider_name()
    await asyncio.to_thread(embedded.subscribe, app.state.provider, session_id, f"{ADDRESS}/webhooks/{name}")
    return RedirectResponse("/", status_code=303)


@app.post("/webhooks/{provider}")
async def webhook(provider: str, request: Request) -> Response:
    reply = await app.state.billing.respond(provider, await request.body(), request.headers)  # never the parsed JSON
    return Response(reply.outcome, reply.status)  # a duplicate is a 200, too; what is not 200 is delivered again


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(ADDRESS.rpartition(":")[2]))
