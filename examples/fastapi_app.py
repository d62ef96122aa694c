"""FastAPI (async): checkout, return page and webhook.

STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET come from the environment. Run it: ``uvicorn fastapi_app:app``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from paylattice import BillingService, EventContext, InMemoryRepository, WebhookEvent, create_provider


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with BillingService(create_provider("stripe"), InMemoryRepository()) as billing:

        @billing.on("subscription.past_due")
        async def dunning(event: WebhookEvent, context: EventContext) -> None:
            print("remind", context.customer and context.customer.org_id)

        app.state.billing = billing
        yield  # pooled connections close after this line


def get_billing(request: Request) -> BillingService:
    billing: BillingService = request.app.state.billing
    return billing


app = FastAPI(lifespan=lifespan)
Billing = Annotated[BillingService, Depends(get_billing)]


@app.post("/checkout/{plan_id}")
async def checkout(plan_id: str, billing: Billing) -> dict[str, str | None]:
    session = await billing.start_checkout(
        "org_1",
        plan_id,
        email="ada@example.com",
        success_url="https://app.test/ok?session_id={CHECKOUT_SESSION_ID}",
        cancel_url="https://app.test/no",
    )
    return {"url": session.url}


@app.get("/ok")
async def welcome(session_id: str, billing: Billing) -> dict[str, str | None]:
    subscription = await billing.confirm_return(session_id, org_id="org_1")  # the browser often beats the webhook
    return {"status": str(subscription.status) if subscription else None}


@app.post("/webhooks/{provider}")
async def webhook(provider: str, request: Request, billing: Billing) -> Response:
    reply = await billing.respond(provider, await request.body(), request.headers)  # raw bytes, never the parsed JSON
    return Response(reply.outcome, reply.status)  # 200 for a duplicate, too; else it comes again
