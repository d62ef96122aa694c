"""What the application's error reporter gets to see when an operation fails: nothing secret, nothing personal."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from paylattice import BaseProvider, PaymentProvider
from paylattice.driving import run
from paylattice.errors import PaymentError, UnsupportedOperation
from paylattice.providers.memory import MemoryConfig
from paylattice.testing.conformance.provider.calls import CALLS

from .streets import CREATE, EMAIL, FACES, HOSTILE, NAME, SECRETS, Street, Watcher, calls, street, wanted
from .walker import frames, leaks

every_face = pytest.mark.parametrize("face", FACES)
every_provider = pytest.mark.parametrize("name", SECRETS)


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(level)


def check(there: Street, operation: str, arguments: dict[str, object]) -> PaymentError | None:
    __tracebackhide__ = True
    logging.getLogger().addHandler(there.seen)
    try:
        error = there.fails(operation, arguments)
    finally:
        logging.getLogger().removeHandler(there.seen)
    secrets = wanted(there.name)
    if error is not None:
        assert leaks(error, secrets) == [], f"{operation}: {error!r}"
    seen = [text for text in there.seen.said if any(secret in text for secret in secrets)]
    assert seen == [], operation
    return error


@every_face
@every_provider
@pytest.mark.parametrize("answer", HOSTILE)
def test_nothing_secret_or_personal_is_in_the_frames_of_any_failure(name: str, face: str, answer: str) -> None:
    there = street(name, face, HOSTILE[answer])
    failed = [check(there, operation, dict(arguments)) for operation, arguments in calls(there.provider)]
    assert sum(error is not None for error in failed) > len(failed) / 2


@every_face
@pytest.mark.parametrize("answer", HOSTILE)
def test_nor_if_no_access_token_can_be_had(face: str, answer: str) -> None:
    there = street("paypal", face, HOSTILE["HTML"], token=HOSTILE[answer])
    for operation, arguments in calls(there.provider)[:8]:
        check(there, operation, dict(arguments))


@every_face
@every_provider
@pytest.mark.parametrize("answer", sorted(set(HOSTILE) - {"wrong types"}))  # which are events that are passed over
def test_nor_if_a_stream_of_events_breaks(name: str, face: str, answer: str) -> None:
    there = street(name, face, HOSTILE[answer])

    async def all_of_them() -> None:
        async for _ in there.provider.events_since(datetime.now(UTC) - timedelta(days=1)):
            pass

    with pytest.raises(PaymentError) as caught:
        asyncio.run(all_of_them()) if face == "async" else run(all_of_them())
    assert leaks(caught.value, wanted(name)) == []


@every_face
@every_provider
def test_nor_if_an_argument_is_refused(name: str, face: str) -> None:
    there = street(name, face, HOSTILE["HTML"])
    assert check(there, "create_customer", {**CREATE, "idempotency_key": " "}) is not None


@every_face
@every_provider
def test_nor_if_the_method_is_called_wrongly(name: str, face: str) -> None:
    there = street(name, face, HOSTILE["HTML"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'emial'") as caught:
        there.fails("create_customer", {"emial": CREATE["email"], "name": CREATE["name"]})
    assert leaks(caught.value, wanted(name)) == []


@every_face
@every_provider
def test_the_lines_that_failed_are_still_there(name: str, face: str) -> None:
    """Debugging goes on: the traceback names every function and line, down to the one that gave up."""
    there = street(name, face, HOSTILE["500"])
    error = there.fails(
        "list_plans" if name != "paypal" else "get_plan", {} if name != "paypal" else {"plan_id": "P-1"}
    )
    assert error is not None
    assert (error.provider, error.http_status) == (name, 500)
    names = [frame.f_code.co_name for frame in frames(error.__traceback__)]
    assert len(names) > 3, names


@every_face
@every_provider
def test_what_the_caller_was_handling_is_left_alone(name: str, face: str) -> None:
    there = street(name, face, HOSTILE["500"])
    mine = KeyError("of the caller")

    def looked_up() -> None:
        kept = "the caller's own"
        raise mine from LookupError(kept)

    try:
        looked_up()
    except KeyError:
        error = there.fails("get_payment", {"payment_id": "pay1"})
    assert error is not None
    assert error.__context__ is mine
    trace = mine.__traceback__
    assert trace is not None
    assert trace.tb_next is not None
    assert trace.tb_next.tb_frame.f_locals == {"kept": "the caller's own", "mine": mine}


def test_every_operation_of_the_protocol_was_tried() -> None:
    tried = {operation for name in SECRETS for operation, _ in calls(street(name, "async", HOSTILE["HTML"]).provider)}
    missing = {
        name for name in dir(PaymentProvider) if name.startswith(("create_", "get_", "list_", "update_"))
    } - tried
    assert missing <= {"get_provider_name"}


class Offering(BaseProvider):
    """Nothing, with a secret in its settings."""

    name = "offering"


@pytest.mark.parametrize("operation", sorted(each.name for each in CALLS))
@every_face
def test_nor_if_an_operation_is_not_offered(face: str, operation: str) -> None:
    call = next(each for each in CALLS if each.name == operation)
    held = MemoryConfig(webhook_secret="whsec_nobody_may_see")
    there = Street("offering", face, Offering(held), Watcher())
    error = there.fails(operation, {**call.arguments, **({**CREATE} if operation == "create_customer" else {})})
    assert isinstance(error, UnsupportedOperation)
    assert leaks(error, ("whsec_nobody_may_see", EMAIL, NAME)) == []


@pytest.mark.parametrize("method", ["parse_webhook", "verify_webhook_signature", "events_since"])
def test_nor_if_it_takes_no_deliveries_and_lists_no_events(method: str) -> None:
    provider = Offering(MemoryConfig(webhook_secret="whsec_nobody_may_see"))

    async def call() -> None:
        if method == "events_since":
            async for _ in provider.events_since(datetime.now(UTC)):
                pass
        elif method == "parse_webhook":
            await provider.parse_webhook(EMAIL.encode(), {})
        else:
            provider.verify_webhook_signature(EMAIL.encode(), {}, "whsec_nobody_may_see")

    with pytest.raises(PaymentError) as caught:
        asyncio.run(call())
    assert leaks(caught.value, ("whsec_nobody_may_see", EMAIL)) == []
