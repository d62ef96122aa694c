"""Flask (sync): a webhook endpoint. PAYMENT_PROVIDER picks the provider. Run it: ``flask --app flask_app run``."""

from flask import Flask, request

from paylattice.sync import BillingService, InMemoryRepository, create_provider

app = Flask(__name__)
billing = BillingService(create_provider(), InMemoryRepository())


@app.post("/webhooks/<provider>")
def webhook(provider: str) -> tuple[str, int]:
    reply = billing.respond(provider, request.get_data(), request.headers)  # BEFORE request.form, or the body is gone
    return "", reply.status
