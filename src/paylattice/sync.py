"""Providers, billing and the embedded repository without ``await``: for Django, Flask, Celery, scripts.

Each method drives the coroutine of the same name, in the calling thread, without an event loop: :mod:`paylattice.driving`.
"""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from . import registry
from .adapting import listed
from .billing.construction import check_repository, check_transport, provider_of
from .billing.maintenance.maintain import Also
from .billing.memory import InMemoryRepository as AsyncInMemoryRepository
from .billing.memory import InMemoryTransaction
from .billing.owners import RefusedSubscription
from .billing.replaced_customers import ReplacedCustomer
from .billing.repository import BillingRepository, BlockingBillingRepository, Tx
from .billing.second_subscriptions import OnSecond
from .billing.service import BillingService as AsyncBillingService
from .billing.service import RejectedWebhook
from .config import ProviderConfig
from .driving import awaitable, blocking, driven, drives, run, twin
from .events import EventType
from .frames import clearing_class, clearing_ours
from .models import BrowserSettings
from .operations import OPERATIONS, Capability
from .provider import BaseProvider, Headers, PaymentProvider, UnsupportedReason, send_with
from .transport import BlockingTransport, Transport
from .transport.primitives import BlockingPrimitives

__all__ = [
    "BillingService",
    "InMemoryProvider",
    "InMemoryRepository",
    "PayPalProvider",
    "Provider",
    "SquareProvider",
    "StripeProvider",
    "create_provider",
    "run",
]

R = TypeVar("R")
H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])


def _own_names(wrapped: BaseProvider | None) -> set[str]:
    return {name for name in dir(wrapped) if not hasattr(BaseProvider, name) and name[0] != "_"}


@drives(PaymentProvider, OPERATIONS)
class Provider:
    """A provider without ``await``.

    Args:
        wrapped: the provider; given no transport, it makes itself a blocking one. Its own operations need no ``await`` either.
        transport: closed together with the provider.
    """

    def __init__(self, wrapped: PaymentProvider, *, transport: Transport | None = None) -> None:
        self._wrapped: BaseProvider = provider_of("paylattice.sync.Provider(wrapped)", wrapped)
        check_transport(self._wrapped, awaited=False)
        send_with(self._wrapped, BlockingTransport)
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        """What only this provider has: its operations are driven, everything else is handed on."""
        if name not in _own_names(vars(self).get("_wrapped")):
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=self)
        own = getattr(self._wrapped, name)
        return clearing_ours(driven(own)) if inspect.iscoroutinefunction(own) else own

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *_own_names(self._wrapped)})

    @property
    def wrapped(self) -> BaseProvider:
        """The provider itself."""
        return self._wrapped

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the provider can do."""
        return self.wrapped.capabilities

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What it cannot do, why, and what to do instead."""
        return self.wrapped.unsupported

    @property
    def livemode(self) -> bool | None:
        """Whether real money moves here. None where the settings do not tell."""
        return self.wrapped.livemode

    @property
    def idempotency_lifetime(self) -> timedelta:
        """How long, at least, the provider remembers an idempotency key."""
        return self.wrapped.idempotency_lifetime

    @property
    def events_kept(self) -> timedelta | None:
        """How long the provider lists an event for certain; None where it is for ever."""
        return self.wrapped.events_kept

    def get_provider_name(self) -> str:
        """The name under which the provider is registered."""
        return self.wrapped.get_provider_name()

    @clearing_ours
    def browser_settings(self) -> BrowserSettings:
        """See :meth:`paylattice.BaseProvider.browser_settings`."""
        return self.wrapped.browser_settings()

    @clearing_ours
    def require(self, *capabilities: Capability) -> None:
        """See :meth:`paylattice.BaseProvider.require`."""
        self.wrapped.require(*capabilities)

    @clearing_ours
    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """See :meth:`paylattice.PaymentProvider.verify_webhook_signature`."""
        return self.wrapped.verify_webhook_signature(payload, signature, secret)

    parse_webhook: Final = blocking(PaymentProvider.parse_webhook)
    recover: Final = blocking(BaseProvider.recover)

    def close(self) -> None:
        """Close what is open. The provider cannot be used afterwards."""
        try:
            run(self.wrapped.aclose())
        finally:
            if self._transport is not None:
                run(self._transport.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StripeProvider(Provider):
    """Stripe without ``await``, with what only Stripe has."""


class PayPalProvider(Provider):
    """PayPal without ``await``, with what only PayPal has."""


class SquareProvider(Provider):
    """Square without ``await``, with what only Square has."""


class InMemoryProvider(Provider):
    """The embedded provider without ``await``, with its controls: time travel, payers, deliveries."""


_BUILT_IN: Mapping[str, type[Provider]] = {
    f"paylattice.providers.{home}.provider.{cls.__name__}": cls
    for home, cls in (
        ("stripe", StripeProvider),
        ("paypal", PayPalProvider),
        ("square", SquareProvider),
        ("memory", InMemoryProvider),
    )
}
"""By the name of the async class: none of them is imported before it is asked for."""


def _without_await(wrapped: PaymentProvider, transport: Transport | None = None) -> Provider:
    names = (f"{cls.__module__}.{cls.__qualname__}" for cls in type(wrapped).__mro__)
    made = next((_BUILT_IN[name] for name in names if name in _BUILT_IN), Provider)
    return made(wrapped, transport=transport)


@clearing_ours
def create_provider(
    name: str | None = None,
    *,
    config: ProviderConfig | None = None,
    transport: Transport | Callable[[], Transport] | None = None,
    clock: Callable[[], float | datetime] | None = None,
) -> Provider:
    """See :func:`paylattice.create_provider`; the transport, if one is given, has to be a blocking one."""
    make = BlockingTransport if transport is None else registry.maker_of(transport)
    own = None if make is None else make()
    made = registry.create_provider(name, config=config, transport=transport if own is None else own, clock=clock)
    return _without_await(made, own)


class InMemoryRepository:
    """The embedded repository without ``await``, for any number of threads. See :class:`paylattice.InMemoryRepository`.

    Args:
        max_events: how many applied events to remember; None: all.
    """

    def __init__(self, *, max_events: int | None = None) -> None:
        waits = BlockingPrimitives()
        self.wrapped: AsyncInMemoryRepository = AsyncInMemoryRepository(max_events=max_events, primitives=waits)

    @contextmanager
    def transaction(self) -> Generator[InMemoryTransaction]:
        """A transaction; the next one waits for its end."""
        manager = self.wrapped.transaction()
        tx = run(_entered(manager.__aenter__()))
        try:
            yield tx
        except BaseException as exc:
            run(_entered(manager.__aexit__(type(exc), exc, exc.__traceback__)))
            raise
        run(_entered(manager.__aexit__(None, None, None)))

    @twin(AsyncInMemoryRepository.next_ticket)
    def next_ticket(self) -> None: ...

    @twin(AsyncInMemoryRepository.insert)
    def insert(self) -> None: ...

    @twin(AsyncInMemoryRepository.get)
    def get(self) -> None: ...

    @twin(AsyncInMemoryRepository.find)
    def find(self) -> None: ...

    @twin(AsyncInMemoryRepository.update)
    def update(self) -> None: ...

    @twin(AsyncInMemoryRepository.delete)
    def delete(self) -> None: ...


async def _entered(step: Awaitable[R]) -> R:
    return await step


class _Awaitable(Generic[Tx]):
    """A blocking repository with ``async`` in front of every method; none of them suspends."""

    def __init__(self, wrapped: BlockingBillingRepository[Tx]) -> None:
        self.wrapped = wrapped
        self.should_retry: Callable[[Exception], bool] | None = getattr(wrapped, "should_retry", None)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx]:
        with self.wrapped.transaction() as tx:
            yield tx

    next_ticket = awaitable(BlockingBillingRepository.next_ticket)
    insert = awaitable(BlockingBillingRepository.insert)
    get = awaitable(BlockingBillingRepository.get)
    find = awaitable(BlockingBillingRepository.find)
    update = awaitable(BlockingBillingRepository.update)
    delete = awaitable(BlockingBillingRepository.delete)


def adapted(repository: BlockingBillingRepository[Tx]) -> BillingRepository[Tx]:
    """Put ``async`` in front of the methods of a blocking repository."""
    return _Awaitable(repository)


@clearing_class
class BillingService(Generic[Tx]):
    """Billing without ``await``. See :class:`paylattice.BillingService` for the arguments."""

    def __init__(
        self,
        provider: Provider | PaymentProvider | Sequence[Provider | PaymentProvider],
        repository: BlockingBillingRepository[Tx],
        *,
        select: Callable[[str], str] | None = None,
        require: Iterable[Capability] = (),
        refetch: bool = True,
        clock: Callable[[], datetime] | None = None,
        on_rejected: Callable[[RejectedWebhook], None] | None = None,
        on_refused: Callable[[RefusedSubscription], None] | None = None,
        on_replaced: Callable[[ReplacedCustomer], None] | None = None,
        on_second_subscription: OnSecond = "report",
    ) -> None:
        check_repository(repository, awaited=False)
        given: list[Provider | PaymentProvider] = listed(provider)
        self._given = [each if isinstance(each, Provider) else _without_await(each) for each in given]
        self._repository = repository
        self.wrapped: AsyncBillingService[Tx] = AsyncBillingService(
            [each.wrapped for each in self._given],
            adapted(repository),
            select=select,
            require=require,
            refetch=refetch,
            clock=clock,
            on_rejected=on_rejected,
            on_refused=on_refused,
            on_replaced=on_replaced,
            on_second_subscription=on_second_subscription,
            primitives=BlockingPrimitives(),
        )

    @property
    def repository(self) -> BlockingBillingRepository[Tx]:
        """Where the records are kept."""
        return self._repository

    def now(self) -> datetime:
        """The time by the service's clock."""
        return self.wrapped.now()

    def provider(self, name: str) -> Provider:
        """One of the providers."""
        self.wrapped.provider(name)
        return next(each for each in self._given if each.get_provider_name() == name)

    def on(self, event_type: EventType | str, *, everywhere: bool = False) -> Callable[[H], H]:
        """Register a plain function as a handler. See :meth:`paylattice.BillingService.on`."""
        return self.wrapped.on(event_type, everywhere=everywhere)

    ensure_customer: Final = blocking(AsyncBillingService.ensure_customer)
    update_customer: Final = blocking(AsyncBillingService.update_customer)
    transfer: Final = blocking(AsyncBillingService.transfer)
    export: Final = blocking(AsyncBillingService.export)
    erase: Final = blocking(AsyncBillingService.erase)
    start_checkout: Final = blocking(AsyncBillingService.start_checkout)
    confirm_return: Final = blocking(AsyncBillingService.confirm_return)
    assign_customer: Final = blocking(AsyncBillingService.assign_customer)
    assign_subscription: Final = blocking(AsyncBillingService.assign_subscription)
    subscriptions: Final = blocking(AsyncBillingService.subscriptions)
    subscription: Final = blocking(AsyncBillingService.subscription)
    access: Final = blocking(AsyncBillingService.access)
    cancel: Final = blocking(AsyncBillingService.cancel)
    subscribe: Final = blocking(AsyncBillingService.subscribe)
    cancel_and_refund: Final = blocking(AsyncBillingService.cancel_and_refund)
    uncancel: Final = blocking(AsyncBillingService.uncancel)
    cancel_scheduled_change: Final = blocking(AsyncBillingService.cancel_scheduled_change)
    preview_change: Final = blocking(AsyncBillingService.preview_change)
    extend_trial: Final = blocking(AsyncBillingService.extend_trial)
    cancel_all: Final = blocking(AsyncBillingService.cancel_all)
    close_organisation: Final = blocking(AsyncBillingService.close_organisation)
    had_trial: Final = blocking(AsyncBillingService.had_trial)
    portal: Final = blocking(AsyncBillingService.portal)
    change_plan: Final = blocking(AsyncBillingService.change_plan)
    add_quantity: Final = blocking(AsyncBillingService.add_quantity)
    sync_subscription: Final = blocking(AsyncBillingService.sync_subscription)
    invoices: Final = blocking(AsyncBillingService.invoices)
    record_usage: Final = blocking(AsyncBillingService.record_usage)
    pause: Final = blocking(AsyncBillingService.pause)
    resume: Final = blocking(AsyncBillingService.resume)
    charge: Final = blocking(AsyncBillingService.charge)
    authorize: Final = blocking(AsyncBillingService.authorize)
    capture: Final = blocking(AsyncBillingService.capture)
    void: Final = blocking(AsyncBillingService.void)
    refund: Final = blocking(AsyncBillingService.refund)
    pay_invoice: Final = blocking(AsyncBillingService.pay_invoice)
    void_invoice: Final = blocking(AsyncBillingService.void_invoice)
    start_setup: Final = blocking(AsyncBillingService.start_setup)
    save_payment_method: Final = blocking(AsyncBillingService.save_payment_method)
    payment_methods: Final = blocking(AsyncBillingService.payment_methods)
    set_payment_method: Final = blocking(AsyncBillingService.set_payment_method)
    remove_payment_method: Final = blocking(AsyncBillingService.remove_payment_method)
    bill_outstanding: Final = blocking(AsyncBillingService.bill_outstanding)
    respond: Final = blocking(AsyncBillingService.respond)
    handle_webhook: Final = blocking(AsyncBillingService.handle_webhook)
    parse_webhook: Final = blocking(AsyncBillingService.parse_webhook)
    apply_event: Final = blocking(AsyncBillingService.apply_event)
    apply_unmatched: Final = blocking(AsyncBillingService.apply_unmatched)
    purge_unmatched: Final = blocking(AsyncBillingService.purge_unmatched)
    catch_up: Final = blocking(AsyncBillingService.catch_up)
    reconcile: Final = blocking(AsyncBillingService.reconcile)
    maintain: Final = blocking(AsyncBillingService.maintain)

    def maintain_also(self, provider_name: str, work: Also) -> None:
        """Let :meth:`maintain` do some further work. See :meth:`paylattice.BillingService.maintain_also`."""
        self.wrapped.maintain_also(provider_name, work)

    recover_open: Final = blocking(AsyncBillingService.recover_open)

    def close(self) -> None:
        """Close the providers, each of them, whatever the others raise. The repository is its owner's."""
        first: Exception | None = None
        for each in self._given:
            try:
                each.close()
            except Exception as error:  # noqa: BLE001 - the others have to be closed all the same
                first = first or error
        if first is not None:
            raise first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
