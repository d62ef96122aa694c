"""Every tenant has its own keys: explicit config objects, no global state, no environment.

Run it: ``uvicorn per_tenant_credentials:app``.
"""

from fastapi import FastAPI, HTTPException, Request

from paylattice import create_provider
from paylattice.errors import WebhookError
from paylattice.providers.stripe import StripeConfig

app = FastAPI()
KEYS = {
    "t1": StripeConfig(secret_key="sk_test_1", webhook_secret="whsec_1"),
    "t2": StripeConfig(secret_key="sk_test_2", webhook_secret="whsec_2"),
}


@app.post("/t/{tenant}/webhooks/stripe")  # one endpoint URL per tenant: the secret is known before parsing
async def webhook(tenant: str, request: Request) -> dict[str, str]:
    if tenant not in KEYS:
        raise HTTPException(404)
    async with create_provider("stripe", config=KEYS[tenant]) as stripe:
        try:
            event = await stripe.parse_webhook(await request.body(), request.headers)
        except WebhookError as exc:
            raise HTTPException(400, "bad webhook") from exc
    return {"type": event.type}
