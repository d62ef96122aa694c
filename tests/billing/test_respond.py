"""``respond()`` answers every delivery with the right status, raises nothing, and leaves one record of what it caught."""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping

import pytest

from paylattice import (
    BaseProvider,
    BillingService,
    Capability,
    EventContext,
    InMemoryRepository,
    Money,
    WebhookEvent,
    WebhookOutcome,
    WebhookReply,
    errors,
    sync,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.errors import Diagnosis
from paylattice.provider import Headers
from paylattice.providers.memory import Delivery, InMemoryProvider, MemoryConfig

from .support import NOW, PAGES, an_event

SECRET = b"whsec_of_the_tests"
Context = EventContext[InMemoryTransaction]


class Scripted(BaseProvider):
    """Its deliveries are what a test says: an event, or an error. So is what becomes of reading it again."""

    name = "scripted"
    capabilities = frozenset({Capability.SUBSCRIPTIONS})

    def __init__(self, answer: WebhookEvent | Exception, read: Exception | None = None) -> None:
        super().__init__()
        self.answer = answer
        self.read = read

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
        if self.read is not None:
            raise self.read
        return event


class DownError(Exception):
    """What a database raises."""


class Down(InMemoryRepository):
    """A database that is gone."""

    async def get(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]  # it never answers
        message = "connection to ada@example.com:hunter2 lost"
        raise DownError(message)


class BlockingDown(sync.InMemoryRepository):
    """The same without ``await``."""

    def get(self, *args: object, **kwargs: object) -> None:  # type: ignore[override]  # it never answers
        message = "connection to ada@example.com:hunter2 lost"
        raise DownError(message)


class Desk:
    """Where deliveries come in: the service, awaited or blocking, over one of the providers here."""

    def __init__(self, *, blocking: bool, log: pytest.LogCaptureFixture) -> None:
        self.blocking = blocking
        self.log = log

    def service(
        self, provider: BaseProvider, *, down: bool = False
    ) -> BillingService[InMemoryTransaction] | sync.BillingService[InMemoryTransaction]:
        if self.blocking:
            return sync.BillingService(provider, BlockingDown() if down else sync.InMemoryRepository())
        return BillingService(provider, Down() if down else InMemoryRepository())

    def respond(
        self,
        billing: BillingService[InMemoryTransaction] | sync.BillingService[InMemoryTransaction],
        body: bytes,
        headers: Mapping[str, str],
        name: str = "memory",
    ) -> WebhookReply:
        if isinstance(billing, BillingService):
            return asyncio.run(billing.respond(name, body, headers))
        return billing.respond(name, body, headers)

    def scripted(
        self,
        answer: WebhookEvent | Exception,
        read: Exception | None = None,
        handler: Callable[..., None] | None = None,
    ) -> WebhookReply:
        billing = self.service(Scripted(answer, read))
        if handler is not None:
            billing.on("subscription.updated")(handler)
        return self.respond(billing, b"{}", {}, "scripted")

    def record(self) -> logging.LogRecord:
        """The one record that was left."""
        [record] = [each for each in self.log.records if each.name == "paylattice"]
        return record

    def is_silent(self) -> bool:
        return not [each for each in self.log.records if each.name == "paylattice"]


@pytest.fixture(params=[False, True], ids=["awaited", "blocking"])
def desk(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Desk:
    caplog.set_level(logging.WARNING, "paylattice")
    return Desk(blocking=request.param, log=caplog)


def a_customer() -> tuple[InMemoryProvider, Delivery]:
    """The embedded provider, and its delivery about a customer that nobody here knows."""
    provider = InMemoryProvider(MemoryConfig(webhook_secret=SECRET.decode()), now=NOW)
    asyncio.run(provider.create_customer("ada@example.com"))
    [delivery] = provider.deliveries()
    return provider, delivery


def signed(body: bytes) -> dict[str, str]:
    """Headers that are right for the body, whatever is in it."""
    stamp = str(int(time.time()))
    return {
        "Paylattice-Signature": f"t={stamp},v1={hmac.new(SECRET, stamp.encode() + b'.' + body, 'sha256').hexdigest()}"
    }


def a_subscription(
    desk: Desk,
) -> tuple[BillingService[InMemoryTransaction] | sync.BillingService[InMemoryTransaction], Delivery]:
    """A service that has sold a subscription, and the delivery that says so."""
    provider = InMemoryProvider(MemoryConfig(webhook_secret=SECRET.decode()), now=NOW)
    provider.add_plan("pro", Money(1900, "USD"))
    billing = desk.service(provider)
    started = billing.start_checkout("org", "pro", email="ada@example.com", **PAGES)
    session = started if not asyncio.iscoroutine(started) else asyncio.run(started)
    provider.complete_checkout(session.id)  # type: ignore[union-attr]  # a session, in both ways
    return billing, next(each for each in provider.deliveries() if each.type == "subscription.created")


def test_a_good_delivery_is_200_and_so_is_its_duplicate(desk: Desk) -> None:
    billing, delivery = a_subscription(desk)
    replies = [desk.respond(billing, delivery.payload, delivery.headers) for _ in range(2)]
    assert replies == [WebhookReply(200, WebhookOutcome.PROCESSED), WebhookReply(200, WebhookOutcome.DUPLICATE)]
    assert desk.is_silent()


def test_one_that_waits_and_one_that_nobody_listens_to_are_200(desk: Desk) -> None:
    provider, delivery = a_customer()
    assert desk.respond(desk.service(provider), delivery.payload, delivery.headers) == WebhookReply(
        200, WebhookOutcome.UNMATCHED
    )
    assert desk.scripted(an_event(type="scripted:payout", provider="scripted")) == WebhookReply(
        200, WebhookOutcome.IGNORED
    )
    assert desk.is_silent()


def test_a_forged_delivery_is_400(desk: Desk) -> None:
    provider, delivery = a_customer()
    reply = desk.respond(desk.service(provider), delivery.payload + b" ", delivery.headers)
    assert (reply.status, reply.outcome, reply.error) == (400, None, "InvalidSignature")
    assert reply.diagnosis is not None
    record = desk.record()
    assert record.levelno == logging.WARNING
    assert "memory is refused" in record.getMessage()
    assert str(reply.diagnosis) in record.getMessage()


@pytest.mark.parametrize(
    ("body", "diagnosis"),
    [(b"", Diagnosis.BODY_EMPTY), (b"{", Diagnosis.BODY_NOT_AN_EVENT), (b"\xff\x00", Diagnosis.BODY_NOT_AN_EVENT)],
)
def test_a_malformed_delivery_is_400(desk: Desk, body: bytes, diagnosis: Diagnosis) -> None:
    provider, _ = a_customer()
    reply = desk.respond(desk.service(provider), body, signed(body))
    assert (reply.status, reply.diagnosis) == (400, diagnosis)
    assert desk.record().levelno == logging.WARNING


def test_one_for_a_provider_that_is_not_here_is_400_and_its_name_is_not_logged(desk: Desk) -> None:
    reply = desk.respond(desk.service(InMemoryProvider()), b"{}", {}, "made-up\n by anybody")
    assert (reply.status, reply.diagnosis) == (400, Diagnosis.UNKNOWN_PROVIDER)
    assert "made-up" not in desk.record().getMessage()


def test_one_of_the_other_mode_is_400(desk: Desk) -> None:
    class Live(Scripted):
        livemode = True  # type: ignore[assignment]  # as a key says

    billing = desk.service(Live(an_event(provider="scripted", livemode=False)))
    reply = desk.respond(billing, b"{}", {}, "scripted")
    assert (reply.status, reply.diagnosis) == (400, Diagnosis.WRONG_MODE)
    assert "wrong_mode" in desk.record().getMessage()


def test_one_that_cannot_be_verified_now_is_503(desk: Desk) -> None:
    unavailable = errors.VerificationUnavailable("wait", diagnosis=Diagnosis.CERTIFICATE_UNAVAILABLE)
    reply = desk.scripted(unavailable)
    assert (reply.status, reply.diagnosis) == (503, Diagnosis.CERTIFICATE_UNAVAILABLE)
    record = desk.record()
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "a delivery for scripted cannot be verified now (certificate_unavailable): wait"


def test_a_missing_webhook_secret_is_500_so_that_the_delivery_comes_again(desk: Desk) -> None:
    _, delivery = a_customer()
    provider = InMemoryProvider(MemoryConfig(webhook_secret=None))
    reply = desk.respond(desk.service(provider), delivery.payload, delivery.headers)
    assert (reply.status, reply.diagnosis) == (500, Diagnosis.SECRET_NOT_CONFIGURED)
    assert desk.record().levelno == logging.ERROR


def test_a_database_that_is_down_is_500_and_its_words_are_not_logged(desk: Desk) -> None:
    provider, delivery = a_customer()
    reply = desk.respond(desk.service(provider, down=True), delivery.payload, delivery.headers)
    assert reply == WebhookReply(500, error="DownError")
    text = desk.record().getMessage()
    assert desk.record().levelno == logging.ERROR
    assert "DownError" in text
    assert "test_respond.py" in text, "the lines that it came through"
    assert "hunter2" not in text
    assert "ada@" not in text
    assert desk.record().exc_info is None


def test_a_handler_that_raises_is_500_and_the_delivery_is_applied_when_it_comes_again(desk: Desk) -> None:
    billing, delivery = a_subscription(desk)
    ran: list[str] = []

    @billing.on("subscription.active")
    def welcome(event: WebhookEvent, context: Context) -> None:
        ran.append(event.id)
        if len(ran) == 1:
            message = "no mail to ada@example.com"
            raise KeyError(message)

    assert desk.respond(billing, delivery.payload, delivery.headers) == WebhookReply(500, error="KeyError")
    text = desk.record().getMessage()
    assert "in welcome" in text
    assert "ada@" not in text
    again = desk.respond(billing, delivery.payload, delivery.headers)
    assert (again, len(ran)) == (WebhookReply(200, WebhookOutcome.PROCESSED), 2)


@pytest.mark.parametrize(
    ("read", "status", "level"),
    [
        (errors.ProviderUnavailable("it is down"), 503, logging.WARNING),
        (errors.NetworkError("no answer"), 503, logging.WARNING),
        (errors.RateLimited("too many", retry_after=3), 503, logging.WARNING),
        (errors.Conflict("it is another organisation's"), 500, logging.ERROR),
        (errors.AuthenticationError("the key was revoked"), 500, logging.ERROR),
        (errors.ConfigurationError("a repository breaks its promise"), 500, logging.ERROR),
    ],
)
def test_a_provider_that_cannot_be_read_is_503_where_waiting_helps_and_500_elsewhere(
    desk: Desk, read: errors.PaymentError, status: int, level: int
) -> None:
    reply = desk.scripted(an_event(provider="scripted"), read)
    assert reply == WebhookReply(status, error=type(read).__name__)
    assert desk.record().levelno == level
    assert read.message in desk.record().getMessage()


def test_a_body_that_was_parsed_is_refused_to_the_application_at_once(desk: Desk) -> None:
    provider, delivery = a_customer()
    with pytest.raises(errors.InvalidRequest, match=r"raw bytes.*not dict"):
        desk.respond(desk.service(provider), {"id": "evt_1"}, delivery.headers)  # type: ignore[arg-type]  # the mistake


def test_a_text_is_taken_for_the_bytes_that_it_was_made_of(desk: Desk) -> None:
    provider, delivery = a_customer()
    reply = desk.respond(desk.service(provider), delivery.payload.decode(), delivery.headers)  # type: ignore[arg-type]  # not promised
    assert reply.status == 200


def test_cancellation_and_the_end_of_the_process_are_not_caught() -> None:
    class Ends(Scripted):
        async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
            raise KeyboardInterrupt

    class Waits(Scripted):
        async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
            await asyncio.Event().wait()
            return event

    async def limited() -> None:
        billing = BillingService(Waits(an_event(provider="scripted")), InMemoryRepository())
        async with asyncio.timeout(0.05):
            await billing.respond("scripted", b"{}", {})

    with pytest.raises(TimeoutError):
        asyncio.run(limited())
    billing = sync.BillingService(Ends(an_event(provider="scripted")), sync.InMemoryRepository())
    with pytest.raises(KeyboardInterrupt):
        billing.respond("scripted", b"{}", {})


def test_a_handler_that_takes_a_delivery_itself_is_told_so(desk: Desk) -> None:
    """It would wait for the transaction that it is in: a fault of the program, which its first run shows."""
    provider = InMemoryProvider()
    billing = sync.BillingService(provider, sync.InMemoryRepository())
    caught: list[BaseException] = []

    @billing.on("memory:ping")
    def nested(event: WebhookEvent, context: Context) -> None:
        try:
            billing.respond("memory", b"{}", {})
        except errors.ConfigurationError as error:
            caught.append(error)

    billing.apply_event(an_event(type="memory:ping", provider="memory", customer_id=None, subscription_id=None))
    assert len(caught) == 1


@pytest.mark.parametrize("error", [errors.InvalidSignature("no"), errors.VerificationUnavailable("wait")])
def test_the_lower_level_leaves_the_same_one_record(
    error: errors.WebhookError, caplog: pytest.LogCaptureFixture
) -> None:
    billing = BillingService(Scripted(error), InMemoryRepository())
    with caplog.at_level(logging.WARNING, "paylattice"), pytest.raises(type(error)):
        asyncio.run(billing.handle_webhook("scripted", b"{}", {}))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
