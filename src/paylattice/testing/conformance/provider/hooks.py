"""What the author of a provider provides to the conformance suite: one fixture, and what only the author knows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, NoReturn, TypeVar

import pytest

from ....models import CheckoutSession, InvoiceStatus, Subscription
from ....money import Money
from ....provider import BaseProvider, config_of, transport_of
from ....transport import Transport
from ....transport.base import HTTPTransport
from ...http_library import httpx
from .wire import SentRequest

__all__ = ["ProviderHooks", "on_the_wire"]

F = TypeVar("F", bound=Callable[..., object])
_ON_THE_WIRE = "__paylattice_on_the_wire__"


def on_the_wire(check: F) -> F:
    """Mark a check that watches requests: a provider without HTTP does without it."""
    setattr(check, _ON_THE_WIRE, True)
    return check


class ProviderHooks:
    """What you provide to the suite: one fixture, and what only you know.

    Everything but the fixture is optional. A check that needs more is skipped, and says what it needs.
    """

    http: ClassVar[bool] = True
    """Whether the provider speaks HTTP through its transport. If not, what watches the wire is left out."""
    network: ClassVar[bool] = False
    """Whether the provider of the fixture talks to a real sandbox, which then plays the provider."""
    examples: ClassVar[Mapping[str, object]] = {}
    """Sample arguments by name, where the suite's own are not of a form that the provider takes; ``"operation.name"`` for one
    operation only, also for an argument that the suite leaves out."""
    without_keys: ClassVar[frozenset[str]] = frozenset()
    """Operations whose endpoints honour no idempotency key. They must then never be sent twice by themselves."""
    without_requests: ClassVar[frozenset[str]] = frozenset()
    """Operations that need no request at all, because the provider keeps no such objects."""
    searches: ClassVar[tuple[str, ...]] = ()
    """The ends of the paths of POSTs that only read."""
    access: ClassVar[tuple[str, ...]] = ()
    """The ends of the paths of requests that only fetch an access token. What simulates the provider answers them, also where a
    check puts another server in its place, and they are not counted."""
    quantities: ClassVar[bool] = True
    """Whether a subscription's quantity can be changed."""
    plan_id: ClassVar[str | None] = None
    """A plan that can be subscribed to; without it, the first that ``list_plans`` brings, if that is declared."""
    other_plan_id: ClassVar[str | None] = None
    """Another one, to change to; without it, the next that ``list_plans`` brings."""
    metered_plan_id: ClassVar[str | None] = None
    """A metered plan; without it, the first metered one that ``list_plans`` brings."""
    currency: ClassVar[str] = "USD"
    """The currency of one-off payments."""
    webhook_url: ClassVar[str | None] = None
    """Where deliveries arrive, for providers that sign it."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.http:
            for name in dir(cls):
                if getattr(getattr(cls, name, None), _ON_THE_WIRE, False):
                    setattr(cls, name, None)  # pytest collects it no more

    @pytest.fixture
    def provider(self) -> BaseProvider:
        """The provider, ready for use. A new one for each check."""
        message = "the suite needs one fixture, provider: @pytest.fixture def provider(self) -> AcmeProvider: ..."
        raise NotImplementedError(message)

    def rebuilt(self, provider: BaseProvider, transport: Transport) -> BaseProvider:
        """The same provider over another transport. The default calls its class with its configuration."""
        return type(provider)(config_of(provider), transport=transport)

    def backend(self, provider: BaseProvider) -> httpx.BaseTransport | httpx.AsyncBaseTransport | None:
        """What simulates the provider: an httpx transport, such as ``httpx.MockTransport`` over a stateful fake.

        The default takes the one that the fixture handed to the provider's ``AsyncTransport``.
        """
        transport = transport_of(provider)
        inner = transport.sends_through if isinstance(transport, HTTPTransport) else None
        return inner if isinstance(inner, httpx.BaseTransport | httpx.AsyncBaseTransport) else None

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> Awaitable[None] | None:
        """Play the customer who subscribes on the session's page. This and the next hooks may be ``async def``."""
        self.needs("complete_checkout", "who subscribes on the checkout page")

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> Awaitable[None] | None:
        """Play the customer who pays on the session's page, which was made by ``create_payment_session``."""
        self.needs("complete_payment", "who pays on the checkout page")

    async def finish_payment(self, provider: BaseProvider, session: CheckoutSession, *, capture: bool) -> None:
        """What the application has to do when the customer has paid on the page, where the provider waits for it."""

    def delay_refunds(self, provider: BaseProvider) -> Awaitable[None] | None:
        """Make the next refunds be on their way for a while, where the provider has such."""

    def paid_in_parts(self, provider: BaseProvider) -> Awaitable[str] | str:
        """The id of a payment of 19.00 that was taken in two parts, the larger of which is less than 15.00."""
        self.needs("paid_in_parts", "how a payment comes to be taken in several parts, if there is such")

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> Awaitable[str] | str:
        """The id of a payment method that is saved for the customer."""
        self.needs("saved_payment_method", "how a customer comes to have a saved payment method")

    def payment_token(self, provider: BaseProvider, customer_id: str) -> Awaitable[str] | str:
        """A new token of a browser, with which ``save_payment_method`` saves a payment method for the customer."""
        self.needs("payment_token", "what the provider's JavaScript returns for a card or an account")

    def charge_token(self, provider: BaseProvider, amount: Money, customer_id: str | None) -> Awaitable[str] | str:
        """A new token of a browser, with which ``create_payment`` charges this amount; of a guest, if there is no customer.

        The default is that of :meth:`payment_token`.
        """
        return self.payment_token(provider, customer_id or "")

    def complete_setup(self, provider: BaseProvider, session: CheckoutSession) -> Awaitable[None] | None:
        """Play the customer who saves a payment method on the session's page, which ``create_setup_session`` made."""
        self.needs("complete_setup", "who saves a payment method on the setup page")

    def declining_payment_method(self, provider: BaseProvider, customer_id: str) -> Awaitable[str] | str:
        """The id of one whose bank refuses every charge."""
        self.needs("declining_payment_method", "how a saved payment method is refused")

    def miss_payment(self, provider: BaseProvider, subscription: Subscription) -> Awaitable[None] | None:
        """Let the next payment of a subscription fail, so that it owes it; the one after that succeeds."""
        self.needs("miss_payment", "how a subscription comes to owe a payment")

    async def open_invoice(self, provider: BaseProvider, subscription: Subscription | None) -> str:  # noqa: RET503 - needs() does not return
        """The id of an invoice that a customer has not paid. The default lets a payment of the subscription be missed.

        Args:
            provider: the provider.
            subscription: one that has just begun; None if the provider has none.
        """
        if subscription is None or subscription.customer_id is None:
            self.needs("open_invoice", "how an invoice comes to be open")
        missed = self.miss_payment(provider, subscription)
        if missed is not None:
            await missed
        listed = await provider.get_invoices(subscription.customer_id, subscription_id=subscription.id)
        for invoice in listed:
            if invoice.status is InvoiceStatus.OPEN:
                return invoice.id
        self.needs("open_invoice", "how an invoice comes to be open: a missed payment left none")

    def payer(self, provider: BaseProvider, customer_id: str) -> str:
        """The id under which the provider lists what the customer has saved, where it is another than the customer's."""
        return customer_id

    def key_on_the_wire(self, request: SentRequest) -> str | None:
        """The idempotency key that a request carries; None: it carries none.

        The default does not know where the provider looks for it. The suite then searches the headers and the body for
        a text that is the same for the same key, and another for another: also a shortened or derived form is found so.
        Override it if you can, in one line: ``return request.header("Idempotency-Key")``.
        """
        return None

    def lose_next_answer(self, provider: BaseProvider) -> None:
        """Make the next operation take effect and its answer get lost: only for a provider without HTTP."""
        self.needs("lose_next_answer", "how an answer gets lost, as there is no wire to cut")

    def effects(self, provider: BaseProvider) -> object:
        """What the provider's side holds, as a value that changes with every effect: None if that cannot be told."""
        return None

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of a webhook, signed now and with the secret of the provider's configuration."""
        self.needs("signed_delivery", "how the provider signs its webhooks")

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The same, but signed an hour ago: for schemes that sign a time."""
        self.needs("old_delivery", "how an old delivery looks, if the scheme signs a time")

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The same, but signed for an hour from now."""
        self.needs("early_delivery", "how a delivery from the future looks, if the scheme signs a time")

    def other_mode_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The same, but of an event of the other mode: a live one where the provider's settings are for tests, say."""
        self.needs("other_mode_delivery", "how an event of the other mode (live, test) looks, if the provider tells")

    def webhook_secret(self, provider: BaseProvider) -> str:
        """The secret that :meth:`signed_delivery` signs with."""
        self.needs("webhook_secret", "the secret that deliveries are signed with")

    def needs(self, hook: str, what: str) -> NoReturn:
        """Skip the check, and say what would make it run."""
        pytest.skip(f"implement {type(self).__name__}.{hook}: the suite cannot know {what}")
