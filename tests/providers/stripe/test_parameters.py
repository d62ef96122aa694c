"""Every parameter that the provider sends is one that the installed SDK knows.

The SDK's own types are the description of the API version that it pins: an upgrade that drops a parameter is noticed here.
"""

import re
import sys
import typing
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

import pytest
import stripe

if int(stripe.VERSION.partition(".")[0]) < 16:
    pytest.skip("the SDK's types describe an earlier version of the API", allow_module_level=True)

import stripe.params as sdk
import typing_extensions

from paylattice import Money
from paylattice.providers.stripe import StripeProvider
from tests.kit import NOW

from .samples import (
    customer,
    intent,
    invoice,
    item,
    meter,
    metered_item,
    payment_method,
    price,
    refund,
    session,
    subscription,
)
from .support import World, listing

Call = Callable[[StripeProvider], Coroutine[Any, Any, Any]]
OK, NO = "https://app.test/ok", "https://app.test/no"
USD = Money(400, "USD")
META = {"org": "1"}
SCHEDULE = "/v1/subscription_schedules/sub_sched_1"
PLANNED = {
    "id": "sub_sched_1",
    "status": "active",
    "current_phase": {"start_date": 1, "end_date": 2},
    "phases": [
        {
            "start_date": 1,
            "end_date": 2,
            "trial_end": 2,
            "default_tax_rates": ["txr_1"],
            "discounts": [{"coupon": "C"}],
            "default_payment_method": "pm_1",
            "automatic_tax": {"enabled": True},
            "items": [{"price": "price_pro", "quantity": 1, "tax_rates": ["txr_1"], "metadata": {"a": "b"}}],
        },
        {"start_date": 2, "end_date": 3, "items": [{"price": "price_max", "quantity": 1}]},
    ],
}
SUB, PI = "/v1/subscriptions/sub_1", "/v1/payment_intents/pi_1"
flexible = {"billing_mode": {"type": "flexible"}}
paused_collection = {"pause_collection": {"behavior": "void"}}

# the type of the SDK's parameters, the request it is for, the call, and what the other requests find
CASES: list[tuple[Any, tuple[str, str], Call, dict[tuple[str, str], Any]]] = [
    (sdk.CustomerCreateParams, ("POST", "/v1/customers"), lambda p: p.create_customer("a@b.test", "A", META), {}),
    (
        sdk.CustomerUpdateParams,
        ("POST", "/v1/customers/cus_1"),
        lambda p: p.update_customer("cus_1", email="a@b.test", name="A", metadata=META),
        {},
    ),
    (
        sdk.checkout.SessionCreateParams,
        ("POST", "/v1/checkout/sessions"),
        lambda p: p.create_checkout_session("cus_1", "price_pro", OK, NO, META, quantity=2, trial_days=3),
        {("GET", "/v1/prices/price_pro"): price()},
    ),
    (
        sdk.checkout.SessionCreateParams,
        ("POST", "/v1/checkout/sessions"),
        lambda p: p.create_payment_session(
            USD, OK, NO, customer_id="cus_1", description="D", metadata=META, capture=False
        ),
        {},
    ),
    (
        sdk.billing_portal.SessionCreateParams,
        ("POST", "/v1/billing_portal/sessions"),
        lambda p: p.create_billing_portal_session("cus_1", OK),
        {},
    ),
    (sdk.CustomerListParams, ("GET", "/v1/customers"), lambda p: p.list_customers(after="cus_1", limit=7), {}),
    (sdk.SubscriptionListParams, ("GET", "/v1/subscriptions"), lambda p: p.list_subscriptions("cus_1"), {}),
    (
        sdk.SubscriptionItemListParams,
        ("GET", "/v1/subscription_items"),
        lambda p: p.get_subscription("sub_1"),
        {("GET", SUB): subscription(items={"data": [item()], "has_more": True})},
    ),
    (
        sdk.SubscriptionCancelParams,
        ("DELETE", SUB),
        lambda p: p.cancel_subscription("sub_1", reason="R"),
        {("GET", SUB): subscription()},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.cancel_subscription("sub_1", at_period_end=True, reason="R"),
        {("GET", SUB): subscription()},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.uncancel_subscription("sub_1"),
        {("GET", SUB): subscription(cancel_at_period_end=True, cancel_at=1)},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.uncancel_subscription("sub_1"),
        {("GET", SUB): subscription(cancel_at=1)},
    ),
    (
        sdk.SubscriptionCreateParams,
        ("POST", "/v1/subscriptions"),
        lambda p: p.create_subscription(
            "cus_1",
            "price_pro",
            payment_method_id="pm_1",
            quantity=2,
            trial_end=datetime.fromtimestamp(NOW, UTC),
            metadata=META,
        ),
        {("GET", "/v1/prices/price_pro"): price()},
    ),
    (
        sdk.SubscriptionCreateParams,
        ("POST", "/v1/subscriptions"),
        lambda p: p.create_subscription("cus_1", "price_pro", start_at=datetime.fromtimestamp(NOW, UTC)),
        {("GET", "/v1/prices/price_pro"): price()},
    ),
    (
        sdk.checkout.SessionCreateParams,
        ("POST", "/v1/checkout/sessions"),
        lambda p: p.create_checkout_session("cus_1", "price_pro", OK, NO, start_at=datetime.fromtimestamp(NOW, UTC)),
        {("GET", "/v1/prices/price_pro"): price()},
    ),
    (
        sdk.InvoiceListParams,
        ("GET", "/v1/invoices"),
        lambda p: p.bill_outstanding("sub_1"),
        {("GET", SUB): subscription(), ("POST", "/v1/invoices/in_1/pay"): invoice()},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.set_payment_method("sub_1", "pm_1"),
        {},
    ),
    (
        sdk.checkout.SessionCreateParams,
        ("POST", "/v1/checkout/sessions"),
        lambda p: p.create_setup_session("cus_1", OK, NO, META),
        {},
    ),
    (
        sdk.PaymentMethodAttachParams,
        ("POST", "/v1/payment_methods/pm_1/attach"),
        lambda p: p.save_payment_method("cus_1", "pm_1"),
        {},
    ),
    (
        sdk.CustomerUpdateParams,
        ("POST", "/v1/customers/cus_1"),
        lambda p: p.set_default_payment_method("cus_1", "pm_1"),
        {},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.change_subscription("sub_1", plan_id="price_max", quantity=2),
        {("GET", SUB): subscription(), ("GET", "/v1/prices/price_max"): price(id="price_max")},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.change_subscription("sub_1", quantity=2, payment="first"),
        {("GET", SUB): subscription()},
    ),
    (
        sdk.SubscriptionScheduleReleaseParams,
        ("POST", "/v1/subscription_schedules/sub_sched_1/release"),
        lambda p: p.change_subscription("sub_1", quantity=2),
        {
            ("GET", SUB): subscription(schedule="sub_sched_1"),
            ("POST", SUB): subscription(),
            ("GET", SCHEDULE): PLANNED,
        },
    ),
    (
        sdk.InvoiceCreatePreviewParams,
        ("POST", "/v1/invoices/create_preview"),
        lambda p: p.preview_change("sub_1", plan_id="price_max", quantity=2),
        {("GET", SUB): subscription(currency="usd"), ("GET", "/v1/prices/price_max"): price(id="price_max")},
    ),
    (
        sdk.InvoiceCreatePreviewParams,
        ("POST", "/v1/invoices/create_preview"),
        lambda p: p.preview_change("sub_1", plan_id="price_year", when="period_end"),
        {
            ("GET", SUB): subscription(currency="usd"),
            ("GET", "/v1/prices/price_year"): price(id="price_year", recurring={"interval": "year"}),
        },
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.extend_trial("sub_1", datetime.fromtimestamp(NOW, UTC)),
        {("GET", SUB): subscription(status="trialing", trial_end=NOW - 86400)},
    ),
    (
        sdk.SubscriptionScheduleReleaseParams,
        ("POST", f"{SCHEDULE}/release"),
        lambda p: p.cancel_scheduled_change("sub_1"),
        {("GET", SUB): (subscription(schedule="sub_sched_1"), subscription()), ("GET", SCHEDULE): PLANNED},
    ),
    (
        sdk.SubscriptionScheduleCreateParams,
        ("POST", "/v1/subscription_schedules"),
        lambda p: p.change_subscription("sub_1", quantity=2, when="period_end"),
        {
            ("GET", SUB): (subscription(), subscription()),
            ("GET", "/v1/prices/price_pro"): price(),
            ("POST", SCHEDULE): PLANNED,
        },
    ),
    (
        sdk.SubscriptionScheduleModifyParams,
        ("POST", SCHEDULE),
        lambda p: p.change_subscription("sub_1", quantity=2, when="period_end"),
        {
            ("GET", SUB): (subscription(), subscription()),
            ("GET", "/v1/prices/price_pro"): price(),
            ("POST", "/v1/subscription_schedules"): PLANNED,
        },
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.pause_subscription("sub_1"),
        {("GET", SUB): subscription()},
    ),
    (
        sdk.SubscriptionUpdateParams,
        ("POST", SUB),
        lambda p: p.resume_subscription("sub_1"),
        {("GET", SUB): subscription(**paused_collection)},
    ),
    (
        sdk.SubscriptionPauseParams,
        ("POST", f"{SUB}/pause"),
        lambda p: p.pause_subscription("sub_1"),
        {("GET", SUB): subscription(**flexible)},
    ),
    (
        sdk.SubscriptionResumeParams,
        ("POST", f"{SUB}/resume"),
        lambda p: p.resume_subscription("sub_1"),
        {("GET", SUB): subscription(status="paused")},
    ),
    (
        sdk.billing.MeterEventCreateParams,
        ("POST", "/v1/billing/meter_events"),
        lambda p: p.create_usage_record("si_calls", 5, datetime.fromtimestamp(NOW, UTC)),
        {
            ("GET", "/v1/subscription_items/si_calls"): metered_item(),
            ("GET", SUB): subscription(),
            ("GET", "/v1/billing/meters/mtr_1"): meter(),
        },
    ),
    (
        sdk.InvoiceListParams,
        ("GET", "/v1/invoices"),
        lambda p: p.get_invoices("cus_1", subscription_id="sub_1"),
        {},
    ),
    (sdk.InvoiceRetrieveParams, ("GET", "/v1/invoices/in_1"), lambda p: p.get_invoice("in_1"), {}),
    (sdk.InvoicePayParams, ("POST", "/v1/invoices/in_1/pay"), lambda p: p.pay_invoice("in_1", "pm_1"), {}),
    (sdk.InvoiceVoidInvoiceParams, ("POST", "/v1/invoices/in_1/void"), lambda p: p.void_invoice("in_1"), {}),
    (sdk.PaymentIntentRetrieveParams, ("GET", PI), lambda p: p.get_payment("pi_1"), {}),
    (
        sdk.PaymentIntentCaptureParams,
        ("POST", f"{PI}/capture"),
        lambda p: p.capture_payment("pi_1", USD),
        {("GET", PI): intent()},
    ),
    (sdk.PaymentIntentCancelParams, ("POST", f"{PI}/cancel"), lambda p: p.cancel_payment("pi_1"), {}),
    (
        sdk.PaymentIntentCreateParams,
        ("POST", "/v1/payment_intents"),
        lambda p: p.create_payment(
            Money(1000, "USD"),
            customer_id="cus_1",
            payment_method_id="pm_1",
            capture=False,
            description="D",
            metadata=META,
        ),
        {},
    ),
    (
        sdk.PaymentIntentCreateParams,
        ("POST", "/v1/payment_intents"),
        lambda p: p.create_payment(Money(1000, "USD"), token="ctoken_1"),
        {},
    ),
    (
        sdk.PaymentIntentCreateParams,
        ("POST", "/v1/payment_intents"),
        lambda p: p.create_payment(Money(1000, "USD"), customer_id="cus_1", token="pm_1"),
        {},
    ),
    (
        sdk.RefundCreateParams,
        ("POST", "/v1/refunds"),
        lambda p: p.refund_payment("pi_1", USD, "duplicate"),
        {("GET", PI): intent()},
    ),
    (
        sdk.RefundCreateParams,
        ("POST", "/v1/refunds"),
        lambda p: p.refund_payment("pi_1", USD, "other words"),
        {("GET", PI): intent()},
    ),
    (
        sdk.CustomerPaymentMethodListParams,
        ("GET", "/v1/customers/cus_1/payment_methods"),
        lambda p: p.get_payment_methods("cus_1"),
        {},
    ),
    (
        sdk.PaymentMethodDetachParams,
        ("POST", "/v1/payment_methods/pm_1/detach"),
        lambda p: p.remove_payment_method("pm_1"),
        {},
    ),
    (sdk.PriceRetrieveParams, ("GET", "/v1/prices/price_pro"), lambda p: p.get_plan("price_pro"), {}),
    (sdk.PriceListParams, ("GET", "/v1/prices"), lambda p: p.list_plans(), {}),
    (
        sdk.EventListParams,
        ("GET", "/v1/events"),
        lambda p: p.list_events(datetime.fromtimestamp(NOW, UTC)),
        {},
    ),
]
ANSWERS: dict[str, Any] = {
    "/v1/invoices/create_preview": invoice(),
    "POST /v1/customers": customer(),
    "/v1/customers/cus_1": customer(),
    "/v1/checkout/sessions": session(),
    "/v1/billing_portal/sessions": {"id": "bps_1", "url": "https://billing.stripe.com/x"},
    SUB: subscription(),
    "POST /v1/subscriptions": subscription(),
    f"{SUB}/pause": subscription(),
    "/v1/subscription_schedules": PLANNED,
    SCHEDULE: PLANNED,
    f"{SCHEDULE}/release": PLANNED,
    f"{SUB}/resume": subscription(),
    PI: intent(),
    f"{PI}/capture": intent(),
    f"{PI}/cancel": intent(),
    "/v1/payment_intents": intent(),
    "/v1/refunds": refund(),
    "/v1/billing/meter_events": {"object": "billing.meter_event"},
    "/v1/payment_methods/pm_1/attach": payment_method(customer="cus_1"),
    "/v1/payment_methods/pm_1/detach": payment_method(customer=None),
    "/v1/prices/price_pro": price(),
    "/v1/invoices": listing(invoice()),
    "/v1/invoices/in_1": invoice(),
    "/v1/invoices/in_1/pay": invoice(),
    "/v1/invoices/in_1/void": invoice(status="void"),
}


def unwrapped(hint: Any) -> list[Any]:
    """The types that a hint allows, without Optional, NotRequired and Literal."""
    origin = get_origin(hint)
    if origin in {typing.NotRequired, typing_extensions.NotRequired, typing.Required}:
        return unwrapped(get_args(hint)[0])
    if origin in {typing.Union, type(int | str)}:
        return [one for part in get_args(hint) for one in unwrapped(part)]
    return [hint]


def resolved(hint: Any, module: str) -> Any:
    """The SDK writes some hints as text inside NotRequired: read them where they were written."""
    names = {**vars(typing), **vars(typing_extensions), **vars(sys.modules[module])}
    while isinstance(hint, str | typing.ForwardRef):
        words = hint if isinstance(hint, str) else hint.__forward_arg__
        hint = eval(words, names)
    return hint


def allows(hint: Any, keys: list[str], module: str) -> bool:
    """Whether the SDK's type has a place for the nested parameter."""
    for option in unwrapped(resolved(hint, module)):
        one = resolved(option, module)
        if one is not option:
            if allows(one, keys, module):
                return True
            continue
        if not keys:
            if one in {str, int, bool} or get_origin(one) is typing.Literal:
                return True
        elif typing_extensions.is_typeddict(one):
            found = one.__annotations__
            if keys[0] in found and allows(found[keys[0]], keys[1:], one.__module__):
                return True
        elif get_origin(one) is list and keys[0].isdigit():
            if allows(get_args(one)[0], keys[1:], module):
                return True
        elif get_origin(one) is dict and allows(get_args(one)[1], keys[1:], module):
            return True
    return False


@pytest.mark.parametrize(("params", "request_", "call", "others"), CASES)
def test_every_parameter_is_one_of_the_sdk(
    params: Any, request_: tuple[str, str], call: Call, others: dict[tuple[str, str], Any]
) -> None:
    world = World("blocking")
    for route, answer in others.items():
        world.on(*route, *(answer if isinstance(answer, tuple) else (answer,)))
    world.on(*request_, ANSWERS.get(" ".join(request_)) or ANSWERS.get(request_[1], listing()))
    world.run(call(world.provider))
    (sent,) = [one for one in world.server.seen if (one.method, one.path) == request_]
    names = {**sent.form, **sent.query}
    if request_[1] not in {f"{SUB}/resume", "/v1/payment_methods/pm_1/detach"}:  # these take the defaults
        assert names
    unknown = [name for name in names if not allows(params, re.findall(r"[^\[\]]+", name), params.__module__)]
    assert unknown == []


def test_a_parameter_that_the_sdk_lacks_would_be_noticed() -> None:
    module = sdk.PaymentIntentCreateParams.__module__
    assert allows(sdk.PaymentIntentCreateParams, ["automatic_payment_methods", "enabled"], module)
    assert not allows(sdk.PaymentIntentCreateParams, ["payment_method_types", "0"], module)
    assert not allows(sdk.PaymentIntentCreateParams, ["automatic_payment_methods", "enable"], module)
    assert not allows(sdk.PaymentIntentCreateParams, ["automatic_payment_methods"], module)


def test_every_operation_that_sends_parameters_is_among_the_cases() -> None:
    from paylattice.operations import OPERATIONS

    code = {name for _, _, call, _ in CASES for name in call.__code__.co_names}
    without = {"get_customer", "delete_customer", "get_checkout_session", "expire_checkout_session", "request"}
    assert set(OPERATIONS) - code == without
