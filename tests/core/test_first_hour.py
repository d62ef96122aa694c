"""The mistakes of a first hour: each is answered at once, by one of this library's errors, with the cure.

The first part is a table of mistakes that people make. The second one puts wrong values into every argument of every
public way in: whatever they are, no AttributeError or KeyError comes from the inside.
"""

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

import paylattice
from paylattice import (
    AccessPolicy,
    BillingService,
    Capability,
    InMemoryRepository,
    Money,
    PaymentProviderFactory,
    RetryPolicy,
    Timeouts,
    create_provider,
    errors,
    operation_key,
    sync,
)
from paylattice.billing.inputs import CHECKS
from paylattice.errors import ConfigurationError, InvalidRequest, MalformedPayload, PaymentError
from paylattice.operations import OPERATIONS
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.transport import AsyncTransport, BlockingTransport

OK, NO = "https://app.test/ok", "https://app.test/no"
PAGES: dict[str, Any] = {"success_url": OK, "cancel_url": NO}
STRIPE = StripeConfig(secret_key="sk_test_1")
NAIVE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PAYMENT_PROVIDER", "STRIPE_SECRET_KEY", "SQUARE_ACCESS_TOKEN", "PAYPAL_CLIENT_ID"):
        monkeypatch.delenv(variable, raising=False)


class Blocking:
    """A repository that somebody wrote without ``async``, for the async service."""


for _name in vars(paylattice.BillingRepository):
    if not _name.startswith("_"):
        exec(f"def {_name}(self, *args, **kwargs): return None\nsetattr(Blocking, {_name!r}, {_name})")


def shop() -> InMemoryProvider:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"))
    return provider


def billing(*, provider: Any = None, repository: Any = None, **options: Any) -> Any:
    given = shop() if provider is None else provider
    return BillingService(given, InMemoryRepository() if repository is None else repository, **options)


def checkout(**changes: Any) -> Any:
    wanted = {"org_id": "org", "plan_id": "pro", "email": "ada@example.com", **PAGES, **changes}
    return billing().start_checkout(**wanted)


async def org_of_request() -> str:
    return "org"


def signed() -> tuple[InMemoryProvider, Any]:
    provider = shop()
    asyncio.run(provider.create_customer("ada@example.com"))
    return provider, provider.deliveries()[0]


def delivered(payload: Callable[[bytes], Any], headers: Callable[[Any], Any] = dict) -> Any:
    provider, delivery = signed()
    return billing(provider=provider).handle_webhook("memory", payload(delivery.payload), headers(delivery.headers))


def written_anew(body: bytes) -> bytes:
    return json.dumps(json.loads(body), indent=2).encode()


async def asynchronous(*_: object) -> Any:
    return None


MISTAKES: list[tuple[str, Callable[[], Any], type[PaymentError], str]] = [
    # settings
    ("no keys at all", create_provider, ConfigurationError, r"needs STRIPE_SECRET_KEY .*as PAYMENT_PROVIDER is not set"),
    ("a misspelled provider", lambda: create_provider("strip"), ConfigurationError, "Did you mean 'stripe'"),
    ("a provider in capitals", lambda: create_provider("Stripe"), ConfigurationError, "Did you mean 'stripe'"),
    ("settings for a name", lambda: create_provider(STRIPE), ConfigurationError, r"create_provider\('stripe', config="),
    ("a class for a name", lambda: create_provider(StripeProvider), ConfigurationError, "the name of a provider"),
    ("a key for settings", lambda: create_provider("stripe", config="sk_1"), ConfigurationError, r"StripeConfig\(\.\.\.\)"),
    ("another's settings", lambda: create_provider("square", config=STRIPE), ConfigurationError, "takes SquareConfig"),
    ("a class of settings", lambda: StripeProvider(StripeConfig), ConfigurationError, "the class StripeConfig"),
    ("a misspelled setting", lambda: StripeConfig(secretkey="sk_test_1"), ConfigurationError, "mean 'secret_key'"),
    ("a publishable key", lambda: StripeConfig(secret_key="pk_test_1"), ConfigurationError, "is a publishable key"),
    ("a webhook secret", lambda: StripeConfig(secret_key="whsec_1"), ConfigurationError, "is a webhook secret"),
    ("a key to verify with", lambda: StripeConfig(webhook_secret="sk_test_1"), ConfigurationError, "starts with whsec_"),
    (
        "live and test together",
        lambda: StripeConfig(secret_key="sk_live_1", publishable_key="pk_test_1"),
        ConfigurationError,
        "not of the same mode",
    ),
    ("bytes for a secret", lambda: StripeConfig(secret_key=b"sk_test_1"), ConfigurationError, "STRIPE_SECRET_KEY"),
    ("a number for a secret", lambda: PayPalConfig(client_secret=5), ConfigurationError, "PAYPAL_CLIENT_SECRET"),
    ("a mode nobody knows", lambda: PayPalConfig(environment="staging"), ConfigurationError, "sandbox or live"),
    (
        "the application's id",
        lambda: SquareConfig(access_token="sq0idp-1"),
        ConfigurationError,
        "take the access token of the same page",
    ),
    ("half an address", lambda: StripeConfig(secret_key="sk_1", base_url="api.test"), ConfigurationError, "https://host"),
    # what a service is made of
    ("a name for a provider", lambda: billing(provider="stripe"), ConfigurationError, r"create_provider\(\.\.\.\) makes"),
    ("settings for a provider", lambda: billing(provider=STRIPE), ConfigurationError, "makes one of its settings"),
    ("a class for a provider", lambda: billing(provider=InMemoryProvider), ConfigurationError, "make one"),
    (
        "the blocking provider in the async service",
        lambda: billing(provider=sync.Provider(shop())),
        ConfigurationError,
        "paylattice.sync.BillingService there",
    ),
    (
        "a blocking transport in the async service",
        lambda: billing(provider=StripeProvider(STRIPE, transport=BlockingTransport())),
        ConfigurationError,
        "give it AsyncTransport",
    ),
    (
        "an async transport in the blocking service",
        lambda: sync.BillingService(StripeProvider(STRIPE, transport=AsyncTransport()), sync.InMemoryRepository()),
        ConfigurationError,
        "give it BlockingTransport",
    ),
    ("no provider", lambda: billing(provider=[]), ConfigurationError, "needs one provider"),
    ("two of a kind", lambda: billing(provider=[shop(), shop()]), ConfigurationError, "different names"),
    (
        "two providers and no choice",
        lambda: billing(provider=[shop(), StripeProvider(STRIPE)]),
        ConfigurationError,
        r"select=\.\.\. has to say",
    ),
    ("a choice that is a name", lambda: billing(select="stripe"), ConfigurationError, "lambda org_id: 'stripe'"),
    ("a choice to be awaited", lambda: billing(select=asynchronous), ConfigurationError, "without async"),
    ("any object for a repository", lambda: billing(repository=object()), ConfigurationError, r"InMemoryRepository\(\)"),
    ("a class for a repository", lambda: billing(repository=InMemoryRepository), ConfigurationError, "make one"),
    ("a dict for a repository", lambda: billing(repository={}), ConfigurationError, "must be a repository"),
    (
        "a blocking repository in the async service",
        lambda: billing(repository=sync.InMemoryRepository()),
        ConfigurationError,
        "is a blocking repository .* take paylattice.sync.BillingService",
    ),
    ("a repository without async", lambda: billing(repository=Blocking()), ConfigurationError, "must be async def"),
    (
        "an async repository in the blocking service",
        lambda: sync.BillingService(shop(), InMemoryRepository()),
        ConfigurationError,
        "is an async repository .* take paylattice.BillingService",
    ),
    ("a naive clock", lambda: billing(clock=datetime.now), ConfigurationError, r"lambda: datetime.now\(UTC\)"),
    ("a clock in seconds", lambda: billing(clock=time.time), ConfigurationError, r"lambda: datetime.now\(UTC\)"),
    ("a time for a clock", lambda: billing(clock=datetime.now(UTC)), ConfigurationError, "not what it returned"),
    ("a naive clock of a provider", lambda: StripeProvider(STRIPE, clock=datetime.now), ConfigurationError, "time zone"),
    ("an observer that is none", lambda: billing(on_rejected="log"), ConfigurationError, "a function of one argument"),
    ("an observer to be awaited", lambda: billing(on_rejected=asynchronous), ConfigurationError, "without async"),
    ("one capability for a list", lambda: billing(require="pause"), ConfigurationError, r"\[Capability.PAUSE\]"),
    ("a capability misspelled", lambda: billing(require=["pauze"]), ConfigurationError, "Capability.PAUSE"),
    ("what nobody can", lambda: SquareProvider(
        SquareConfig(access_token="t")).require(Capability.METERED_USAGE), errors.UnsupportedOperation, "Instead"),
    ("an HTTP client for a transport", lambda: StripeProvider(STRIPE, transport=httpx.Client()), ConfigurationError,
        r"AsyncTransport\(client=\.\.\.\)"),
    ("the other HTTP client", lambda: AsyncTransport(client=httpx.Client()), ConfigurationError, "AsyncClient"),
    ("seconds for time-outs", lambda: AsyncTransport(timeouts=30), ConfigurationError, r"Timeouts\(total=30\)"),
    ("a number for retries", lambda: AsyncTransport(retry=3), ConfigurationError, r"RetryPolicy\(attempts=3\)"),
    ("text for seconds", lambda: Timeouts(total="30"), ConfigurationError, "a number of seconds"),
    ("text for attempts", lambda: RetryPolicy(attempts="3"), ConfigurationError, "a whole number"),
    ("a webhook event misspelled", lambda: billing().on("subscription.pastdue"), ConfigurationError,
        "Did you mean 'subscription.past_due'"),
    ("a handler without context", lambda: billing().on("subscription.active")(lambda event: None), ConfigurationError,
        "two arguments"),
    # money
    ("a text for money", lambda: Money("19.99", "USD"), InvalidRequest, r"Money.from_decimal\('19.99', 'USD'\)"),
    ("a float for money", lambda: Money(19.99, "USD"), InvalidRequest, "from_decimal"),
    ("a float for a decimal", lambda: Money.from_decimal(19.99, "USD"), InvalidRequest, "a str, an int or a Decimal"),
    ("a sign for a currency", lambda: Money(1999, "$"), InvalidRequest, "such as 'USD'"),
    ("half a cent", lambda: Money.from_decimal("0.005", "USD"), InvalidRequest, "finer than the smallest unit"),
    ("yen with a point", lambda: Money.from_decimal("1.5", "JPY"), InvalidRequest, "0 decimal places"),
    ("two currencies", lambda: Money(1, "USD") + Money(1, "EUR"), InvalidRequest, "convert one of them first"),
    ("a number for money", lambda: shop().create_payment_session(19.99, OK, NO), InvalidRequest, r"Money\(1999, 'USD'\)"),
    ("a price without money", lambda: InMemoryProvider().add_plan("pro", 19), InvalidRequest, r"Money\(1900, 'USD'\)"),
    # calls
    ("a plan that is not there", lambda: checkout(plan_id="gold"), PaymentError, "plan"),
    ("a plan without an id", lambda: checkout(plan_id=""), InvalidRequest, "plan_id must not be empty"),
    ("nowhere to come back to", lambda: checkout(success_url=""), InvalidRequest, "an absolute http.* URL"),
    ("a path for an address", lambda: checkout(cancel_url="/pricing"), InvalidRequest, "cancel_url must be an absolute"),
    ("no e-mail address", lambda: checkout(email="Ada"), InvalidRequest, "is not an e-mail address"),
    ("numbers in metadata", lambda: checkout(metadata={"seats": 3}), InvalidRequest, "convert numbers and dates yourself"),
    ("a list of metadata", lambda: checkout(metadata=["seats"]), InvalidRequest, "a mapping of str to str"),
    ("text for a quantity", lambda: checkout(quantity="3"), InvalidRequest, "quantity must be a"),
    ("nothing of it", lambda: checkout(quantity=0), InvalidRequest, "at least 1"),
    ("days as a timedelta", lambda: checkout(trial_days=timedelta(days=14)), InvalidRequest, "trial_days must be an int"),
    ("a number for an organisation", lambda: checkout(org_id=7), InvalidRequest, "org_id must be a str"),
    ("an organisation not awaited", lambda: checkout(org_id=org_of_request()), InvalidRequest, "was not awaited"),
    ("a provider it does not have", lambda: checkout(provider_name="stripe"), ConfigurationError, "it has memory"),
    ("a change of nothing", lambda: billing().change_plan("org"), PaymentError, "plan_id|no subscription"),
    ("a time without a zone", lambda: billing().access("org", now=NAIVE), InvalidRequest, "no time zone"),
    ("days for a policy", lambda: AccessPolicy(past_due_grace=7), PaymentError, "timedelta"),
    ("a dict for a policy", lambda: billing().access("org", policy={}), InvalidRequest, "an AccessPolicy"),
    ("usage without a zone", lambda: shop().create_usage_record("si_1", 1, NAIVE), InvalidRequest, "zone"),
    ("None in a key", lambda: operation_key("charge", None), InvalidRequest, "str or int and not empty"),
    ("a function for a coroutine", lambda: sync.run(asynchronous), ConfigurationError, "takes a coroutine"),
    # webhooks
    ("parsed JSON for a body", lambda: delivered(lambda _: {"id": "evt_1"}), MalformedPayload, "raw bytes"),
    ("nothing for a body", lambda: delivered(lambda _: None), MalformedPayload, "raw bytes"),
    ("a body written anew", lambda: delivered(written_anew), errors.WebhookError, "bytes|JSON"),
    ("headers that are gone", lambda: delivered(bytes, lambda _: {}), errors.WebhookError, "pass all headers"),
    ("headers that are a text", lambda: delivered(bytes, lambda _: "sig"), InvalidRequest, "a mapping or pairs"),
    ("another's endpoint", lambda: billing().handle_webhook("stripe", b"{}", {}), errors.WebhookError, "it has memory"),
    ("no webhook secret", lambda: StripeProvider(STRIPE).parse_webhook(b"{}", {}), ConfigurationError,
        "STRIPE_WEBHOOK_SECRET"),
    ("bytes for an event", lambda: billing().apply_event(b"{}"), MalformedPayload, "event"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "cure"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_answered_at_once_with_the_cure(
    call: Callable[[], Any], error: type[PaymentError], cure: str
) -> None:
    with pytest.raises(error, match=cure):
        awaited(call())


def awaited(result: Any) -> Any:
    async def main() -> Any:
        return await result

    return asyncio.run(main()) if inspect.isawaitable(result) else result


def test_a_variable_under_another_name_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_hunter2")
    with pytest.raises(ConfigurationError, match="Set, and not known here: STRIPE_API_KEY") as caught:
        create_provider("stripe")
    assert "hunter2" not in str(caught.value)


def test_a_mistake_shows_no_secret() -> None:
    for call in (
        lambda: create_provider("stripe", config="sk_live_hunter2"),  # type: ignore[arg-type]  # wrong on purpose
        lambda: StripeConfig(secret_key="hunter2"),
        lambda: billing(provider="sk_live_hunter2"),
        lambda: StripeProvider(STRIPE, transport="sk_live_hunter2"),  # type: ignore[arg-type]  # wrong on purpose
    ):
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert "hunter2" not in str(caught.value)


# --- every argument of every way in ------------------------------------------------------------------------------------

WRONG: list[Any] = [
    None,
    0,
    -1,
    1.5,
    True,
    b"",
    "",
    "x\ud800",
    object(),
    [],
    [1],
    {},
    {"a": 1},
    NAIVE,
    str,
]
GOOD: dict[str, Any] = {
    "amount": Money(100, "USD"),
    "description": "d",
    "email": "ada@example.com",
    "phone": "+15550100123",
    "name": "Ada",
    "quantity": 1,
    "since": datetime(2026, 1, 1, tzinfo=UTC),
    "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
    "token": "tok_1",
    **PAGES,
}


def value_for(name: str) -> Any:
    return "pro" if name == "plan_id" else "x_1" if name.endswith("_id") else GOOD.get(name)


@contextmanager
def only_our_errors(what: str) -> Iterator[None]:
    """Nothing comes from the inside, not even under the name of one of our errors."""
    stray: BaseException | None = None
    try:
        yield
    except PaymentError as error:
        inside = "failed with" in error.message and "BillingService" not in error.message
        stray = error if inside or isinstance(error, errors.OutcomeUnknown) else None
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not come out
        stray = error
    assert stray is None, f"{what}: {type(stray).__name__}: {stray}"


def required(method: Callable[..., Any]) -> dict[str, Any]:
    parameters = [each for each in inspect.signature(method).parameters.values() if each.name != "self"]
    return {each.name: value_for(each.name) for each in parameters if each.default is inspect.Parameter.empty}


def arguments(method: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "self"]


def absent(request: httpx.Request) -> httpx.Response:
    return httpx.Response(404, json={"error": {"message": "no", "code": "resource_missing"}})


def providers() -> dict[str, Callable[[], Any]]:
    def wire() -> AsyncTransport:
        return AsyncTransport(transport=httpx.MockTransport(absent))

    return {
        "memory": shop,
        "stripe": lambda: StripeProvider(STRIPE, transport=wire()),
        "square": lambda: SquareProvider(SquareConfig(access_token="t", location_id="L1"), transport=wire()),
        "paypal": lambda: PayPalProvider(PayPalConfig(client_id="a", client_secret="b"), transport=wire()),
    }


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", providers())
def test_wrong_arguments_of_an_operation(name: str, operation: str) -> None:
    async def main() -> None:
        provider = providers()[name]()
        method = getattr(provider, operation)
        for argument in arguments(method):
            for wrong in WRONG:
                with only_our_errors(f"{name}.{operation}({argument}={wrong!r})"):
                    await method(**{**required(method), argument: wrong})

    asyncio.run(main())


WAYS_IN = [name for name, method in inspect.getmembers(BillingService, inspect.isfunction) if not name.startswith("_")]
BODY: dict[str, Any] = {"payload": b"{}", "body": b"{}", "headers": {}, "provider_name": "memory"}


@pytest.mark.parametrize("name", [name for name in WAYS_IN if name != "aclose"])
def test_wrong_arguments_of_a_service(name: str) -> None:
    async def main() -> None:
        service = billing()
        session = await service.start_checkout("org", "pro", email="ada@example.com", **PAGES)
        service.provider("memory").complete_checkout(session.id)
        for hook in service.provider("memory").deliveries():
            await service.handle_webhook("memory", hook.payload, hook.headers)
        method = getattr(service, name)
        for argument in arguments(method):
            for wrong in WRONG:
                given = {**required(method), "org_id": "org", **BODY, argument: wrong}
                taken = {each: value for each, value in given.items() if each in arguments(method)}
                with only_our_errors(f"BillingService.{name}({argument}={wrong!r})"):
                    result = method(**taken)
                    await result if inspect.isawaitable(result) else None

    asyncio.run(main())


CHECKED_ELSEWHERE = {
    *(
        "at_period_end",
        "payment",
        "until",
        "when",
        "work",
        "body",
        "budget",
        "cancel_url",
        "purge_unmatched_after",
        "email",
        "phone",
        "event",
        "event_type",
        "in_flight",
    ),
    *("name", "payload", "plan_id", "prorate", "reason", "reconcile_every"),
    *("success_url", "timestamp", "trial_days", "trial_end", "start_at", "purge_checkouts_after"),
    *("amount", "description", "payment_id", "invoice_id"),
}
"""By the guard, where they are recorded and sent; by who reads them; or by the method itself."""


def test_no_argument_of_a_service_is_forgotten() -> None:
    taken = {argument for name in WAYS_IN for argument in arguments(getattr(BillingService, name))}
    assert taken - CHECKED_ELSEWHERE == set(CHECKS)


CONSTRUCTORS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (create_provider, {"name": "memory"}),
    (PaymentProviderFactory.create_provider, {"name": "memory"}),
    (sync.create_provider, {"name": "memory"}),
    (StripeProvider, {"config": STRIPE}),
    (SquareProvider, {"config": SquareConfig(access_token="t")}),
    (PayPalProvider, {"config": PayPalConfig(client_id="a", client_secret="b")}),
    (InMemoryProvider, {}),
    (StripeConfig, {}),
    (SquareConfig, {}),
    (PayPalConfig, {}),
    (BillingService, {"provider": shop(), "repository": InMemoryRepository()}),
    (sync.BillingService, {"provider": shop(), "repository": sync.InMemoryRepository()}),
    (sync.Provider, {"wrapped": shop()}),
    (InMemoryRepository, {}),
    (sync.InMemoryRepository, {}),
    (AsyncTransport, {}),
    (BlockingTransport, {}),
    (Timeouts, {}),
    (RetryPolicy, {}),
    (AccessPolicy, {}),
    (Money, {"amount": 1, "currency": "USD"}),
    (Money.from_decimal, {"value": "1", "currency": "USD"}),
    (operation_key, {"kind": "charge"}),
    (sync.run, {"coroutine": None}),
]


@pytest.mark.parametrize(("make", "given"), CONSTRUCTORS, ids=[make.__qualname__ for make, _ in CONSTRUCTORS])
def test_wrong_arguments_of_what_makes_things(make: Callable[..., Any], given: dict[str, Any]) -> None:
    for argument, parameter in inspect.signature(make).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        for wrong in WRONG:
            with only_our_errors(f"{make.__qualname__}({argument}={wrong!r})"):
                made = make(**{**given, argument: wrong})
                made.close() if isinstance(made, Awaitable) else None  # type: ignore[attr-defined]


CONTROLS = [
    name
    for name, method in inspect.getmembers(InMemoryProvider, inspect.isfunction)
    if not name.startswith("_")
    and name not in {*OPERATIONS, "describe_invoice"}  # which billing calls with what the provider has answered
    and not inspect.iscoroutinefunction(method)
]


@pytest.mark.parametrize("name", CONTROLS)
def test_wrong_arguments_of_the_embedded_providers_controls(name: str) -> None:
    for argument, parameter in inspect.signature(getattr(InMemoryProvider, name)).parameters.items():
        if argument == "self" or parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        for wrong in WRONG:
            method = getattr(shop(), name)
            with only_our_errors(f"InMemoryProvider.{name}({argument}={wrong!r})"):
                method(**{**required(method), argument: wrong})
