"""PayPal: a delivery with a known certificate, and one GET against httpx and PayPal's own package."""

import base64
import json
from datetime import UTC, datetime
from zlib import crc32

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from measure import Row, alternate
from paypalserversdk.configuration import Environment, Server
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from paylattice import Money, sync
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.testing import Delivery, PayPalStandIn
from paylattice.transport import BlockingTransport

__all__ = ["WEBHOOK", "calls", "paid_renewal", "provider_of", "webhooks"]

WEBHOOK = "0EH40505U7160970P"
PATH = "/v1/billing/subscriptions/I-BENCH0000001"


def webhooks() -> list[Row]:
    server = PayPalStandIn(webhook_id=WEBHOOK)
    hook = paid_renewal(server)
    body, headers = hook.payload, {name.lower(): value for name, value in hook.headers.items()}
    client = httpx.Client(transport=server.transport())
    certificate = client.get(headers["paypal-cert-url"]).content
    key = load_pem_x509_certificate(certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    known = key
    provider = provider_of(server)
    sent, moment = headers["paypal-transmission-id"], headers["paypal-transmission-time"]
    signature = base64.b64decode(headers["paypal-transmission-sig"])

    def bare() -> object:
        known.verify(signature, f"{sent}|{moment}|{WEBHOOK}|{crc32(body)}".encode(), PKCS1v15(), SHA256())
        return json.loads(body)

    spent = alternate(
        {"bare": bare, "paylattice": lambda: sync.run(provider.parse_webhook(body, headers))}, rounds=15, repeat=300
    )
    what = f"PayPal webhook of {len(body) / 1000:.1f} KB: CPU against RSA verification + json.loads"
    return [Row(what, spent["paylattice"] / spent["bare"], 1.3, False)]


def provider_of(server: PayPalStandIn) -> PayPalProvider:
    config = PayPalConfig(
        client_id="standin", client_secret="standin-secret", webhook_id=WEBHOOK, trust_store=server.trust_store
    )
    return PayPalProvider(config, transport=BlockingTransport(transport=server.transport()))


def paid_renewal(server: PayPalStandIn) -> Delivery:
    server.add_plan("P-PRO", Money(1900, "USD"))
    page = "https://app.test"
    session = sync.run(provider_of(server).create_checkout_session("cus_1", "P-PRO", page, page))
    server.complete_checkout(session.id)
    return next(hook for hook in server.deliveries(at=datetime.now(UTC)) if b"PAYMENT.SALE.COMPLETED" in hook.payload)


def calls(base: str) -> list[Row]:
    config = PayPalConfig(client_id="a", client_secret="b", base_url=base)
    client = httpx.Client(headers={"Authorization": "Bearer token"})
    credentials = ClientCredentialsAuthCredentials(o_auth_client_id="a", o_auth_client_secret="b")
    sdk = PaypalServersdkClient(client_credentials_auth_credentials=credentials)
    sdk.config.environments[Environment.SANDBOX][Server.DEFAULT] = base
    with sync.create_provider("paypal", config=config) as ours:
        spent = alternate(
            {
                "bare": lambda: json.loads(client.get(base + PATH).content),
                "paylattice": lambda: ours.get_subscription("I-BENCH0000001"),
                "sdk": lambda: sdk.subscriptions.get_subscription({"id": "I-BENCH0000001"}),
            },
            rounds=9,
            repeat=100,
        )
    client.close()
    return [
        Row("PayPal, one GET, sync: CPU against httpx + json.loads", spent["paylattice"] / spent["bare"], 1.5, False),
        Row("PayPal, one GET, sync: CPU against its package", spent["paylattice"] / spent["sdk"], 1, False),
    ]
