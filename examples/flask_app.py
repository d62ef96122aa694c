"""Flask (sync): a webhook endpoint. PAYMENT_PROVIDER picks the provider. Run it: ``flask --app flask_app run``."""

from flask import Flask, request

from paylattice.errors import VerificationUnavailable, WebhookError
from paylattice.sync import BillingService, InMemoryRepository, create_provider

app = Flask(__name__)
billing = BillingService(create_provider(), InMemoryRepository())


@app.post("/webhooks/<provider>")
def webhook(provider: str) -> tuple[str, int]:
    try:  # get_data() BEFORE request.form, or the body is gone
        billing.handle_webhook(provider, request.get_data(), request.headers)
    except VerificationUnavailable:
        return "try again", 503
    except WebhookError:
        return "bad signature", 400
    return "", 200
