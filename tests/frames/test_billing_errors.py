"""What an error reporter gets to see when billing fails: of this library's frames nothing, of the application's all."""

import asyncio
from typing import Any

import pytest

from paylattice import BillingService, EventContext, InMemoryRepository, WebhookEvent, sync
from paylattice.errors import ConfigurationError, PaymentError
from paylattice.providers.memory import InMemoryProvider, MemoryConfig

from .streets import EMAIL, FACES, HOSTILE, NAME, SECRETS, street, wanted
from .walker import HERE, frames, leaks

PERSON = {"email": EMAIL, "name": NAME}
BACK = {"success_url": "https://example.com/", "cancel_url": "https://example.com/"}
every_face = pytest.mark.parametrize("face", FACES)
every_provider = pytest.mark.parametrize("name", SECRETS)


class Unreachable(Exception):
    """What a database raises."""


class Broken(InMemoryRepository):
    async def insert(self, record: Any, *, tx: Any = None) -> bool:
        raise Unreachable


def call(face: str, provider: Any, operation: str, *args: object, **kwargs: object) -> None:
    if face == "async":
        asyncio.run(getattr(BillingService(provider, InMemoryRepository()), operation)(*args, **kwargs))
    else:
        getattr(sync.BillingService(provider, sync.InMemoryRepository()), operation)(*args, **kwargs)


@every_face
@every_provider
@pytest.mark.parametrize("answer", ["HTML", "401", "409", "429", "500", "a time-out", "no connection", "wrong types"])
def test_nothing_is_in_the_frames_of_a_checkout_that_fails(name: str, face: str, answer: str) -> None:
    there = street(name, face, HOSTILE[answer])
    with pytest.raises(PaymentError) as caught:
        call(face, there.provider, "start_checkout", "org_1", "P-1", **PERSON, **BACK)
    assert leaks(caught.value, wanted(name)) == []


@every_face
@pytest.mark.parametrize("operation", ["ensure_customer", "start_checkout"])
@pytest.mark.parametrize("wrong", [{"email": f"{EMAIL} "}, {"name": f"{NAME}\x00"}, {"metadata": {"name": 5}}])
def test_nor_of_arguments_that_are_refused(face: str, operation: str, wrong: dict[str, object]) -> None:
    provider = InMemoryProvider(MemoryConfig())
    more = {} if operation == "ensure_customer" else {"plan_id": "basic", **BACK}
    with pytest.raises(PaymentError) as caught:
        call(face, provider, operation, "org_1", **{**PERSON, **more, **wrong})
    assert leaks(caught.value, (EMAIL, NAME)) == []


def test_nor_of_a_database_that_fails_whose_error_comes_out_as_it_is() -> None:
    billing = BillingService(InMemoryProvider(MemoryConfig()), Broken())
    with pytest.raises(Unreachable) as caught:
        asyncio.run(billing.ensure_customer("org_1", **PERSON))
    assert leaks(caught.value, (EMAIL, NAME)) == []


def test_nor_of_a_call_that_is_cancelled() -> None:
    class Hanging(InMemoryRepository):
        async def get(self, *_: Any, **__: Any) -> None:
            await asyncio.sleep(60)

    async def hurried() -> None:
        async with asyncio.timeout(0.01):
            await BillingService(InMemoryProvider(MemoryConfig()), Hanging()).ensure_customer("org_1", **PERSON)

    with pytest.raises(TimeoutError) as caught:
        asyncio.run(hurried())
    assert leaks(caught.value, (EMAIL, NAME)) == []


@every_face
def test_a_handler_that_fails_is_shown_with_its_own_variables_and_none_of_ours(face: str) -> None:
    provider = InMemoryProvider(MemoryConfig())

    def broken(event: WebhookEvent, context: EventContext) -> None:
        mine = "a variable of the application"
        raise ZeroDivisionError(len(mine))

    billing: Any
    if face == "async":
        billing = BillingService(provider, InMemoryRepository())
    else:
        billing = sync.BillingService(provider, sync.InMemoryRepository())
    billing.on("customer.created")(broken)
    with pytest.raises(ZeroDivisionError) as caught:
        if face == "async":
            asyncio.run(billing.ensure_customer("org_1", **PERSON))
            [hook] = provider.deliveries()
            asyncio.run(billing.handle_webhook("memory", hook.payload, hook.headers))
        else:
            billing.ensure_customer("org_1", **PERSON)
            [hook] = provider.deliveries()
            billing.handle_webhook("memory", hook.payload, hook.headers)
    assert leaks(caught.value, (EMAIL, NAME)) == []
    trace = caught.value.__traceback__
    own = []
    while trace is not None:
        own += [trace.tb_frame] if trace.tb_frame.f_code.co_filename.startswith(HERE) else []
        trace = trace.tb_next
    assert own[-1].f_locals["mine"] == "a variable of the application"
    assert {"handle_webhook", "run"} <= {frame.f_code.co_name for frame in frames(caught.value.__traceback__)}


def test_the_providers_of_a_service_that_is_refused_are_in_no_frame() -> None:
    there = street("stripe", "async", HOSTILE["HTML"])
    with pytest.raises(ConfigurationError) as caught:
        BillingService([there.provider, there.provider], InMemoryRepository())
    assert leaks(caught.value, wanted("stripe")) == []
