"""The objects that the stand-in sends have no field that Stripe's do not have."""

from typing import Any, get_args, get_origin

import pytest
import stripe

from paylattice import Money
from paylattice.providers.stripe.config import API_VERSION
from paylattice.testing.standins.stripe import world

from .support import Shop

KINDS: dict[str, type] = {
    "balance_transaction": stripe.BalanceTransaction,
    "billing.meter": stripe.billing.Meter,
    "billing.meter_event": stripe.billing.MeterEvent,
    "billing_portal.session": stripe.billing_portal.Session,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "price": stripe.Price,
    "product": stripe.Product,
    "refund": stripe.Refund,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
}


@pytest.fixture(scope="module")
def lived_in() -> Shop:
    """An account in which everything has happened."""
    shop = Shop("blocking")
    shop.server.add_plan("calls", Money(5, "USD"), metered=True)
    shop.server.add_plan("max", Money(4900, "USD"))
    subscription = shop.subscription()
    metered = shop.run(shop.provider.get_subscription(shop.subscription("calls")))
    assert metered is not None
    shop.run(shop.provider.create_usage_record(metered.items[0].id, 3))
    shop.run(shop.provider.change_subscription(subscription, plan_id="max"))
    shop.run(shop.provider.pause_subscription(subscription))
    customer = str(shop.server.objects("customer")[0]["id"])
    shop.run(shop.provider.create_billing_portal_session(customer, "https://app.test"))
    shop.run(shop.provider.create_checkout_session(customer, "max", "https://a.test", "https://b.test"))
    (intent, *_) = shop.server.objects("payment_intent")
    shop.run(shop.provider.refund_payment(str(intent["id"])))
    return shop


def strays(data: dict[str, Any], kind: type, path: str = "") -> list[str]:
    """The fields that the SDK's class has not, at any depth that has a class of its own."""
    names = {field: name for name, field in getattr(kind, "_field_remappings", {}).items()}
    hints = {field: hint for one in kind.__mro__ for field, hint in vars(one).get("__annotations__", {}).items()}
    found = []
    for name, value in data.items():
        if names.get(name, name) not in hints:
            found.append(f"{path}{name}")
            continue
        for inner in classes_in(hints[names.get(name, name)]):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and "object" not in one:
                    found += strays(one, inner, f"{path}{name}.")
    return found


def classes_in(hint: Any) -> list[type]:
    if get_origin(hint) is not None:
        return [one for part in get_args(hint) for one in classes_in(part)][:1]
    return [hint] if isinstance(hint, type) and issubclass(hint, stripe.StripeObject) else []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_field_is_invented(lived_in: Shop, kind: str) -> None:
    objects = lived_in.server.objects(kind)
    assert objects
    for found in objects:
        assert strays(dict(found), KINDS[kind]) == []
        assert found["object"] == kind
    if kind == "invoice":
        for line in (line for found in objects for line in found["lines"]["data"]):  # type: ignore[index]
            assert strays(line, stripe.InvoiceLineItem) == []


def test_an_invented_field_would_be_noticed() -> None:
    assert strays({"id": "cus_1", "shoe_size": 43}, stripe.Customer) == ["shoe_size"]
    assert strays({"recurring": {"aggregate_usage": "sum"}}, stripe.Price) == ["recurring.aggregate_usage"]


def test_the_stand_in_keeps_its_own_fields_to_itself(lived_in: Shop) -> None:
    for kind in KINDS:
        for found in lived_in.server.objects(kind):
            assert [name for name in found if name.startswith("_")] == []


def test_periods_stand_on_the_items_and_an_invoice_names_its_subscription_in_its_parent(lived_in: Shop) -> None:
    subscription = lived_in.server.objects("subscription")[0]
    assert "current_period_end" not in subscription
    assert "current_period_end" in subscription["items"]["data"][0]  # type: ignore[index]
    invoice = lived_in.server.objects("invoice")[0]
    assert "subscription" not in invoice
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]  # type: ignore[index]


def test_the_stand_in_speaks_the_version_of_the_provider() -> None:
    assert world.API_VERSION == API_VERSION
