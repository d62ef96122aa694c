"""Wires a BillingService: the one place where its parts are made and meet."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..provider import BaseProvider
from ..transport.primitives import Primitives
from .attribution import Attributor
from .checkouts import Checkouts
from .closing import Closing
from .customers import Customers
from .deliveries import Deliveries, RejectedWebhook
from .handlers import Handlers
from .invoices import Invoices
from .maintenance.catch_up import CatchUp
from .maintenance.maintain import Maintainer
from .maintenance.purge import Purge
from .maintenance.reconcile import Reconciliation
from .maintenance.recover import Recovery
from .operation_log import OperationLog
from .owners import Owners, RefusedSubscription
from .pages import Pages
from .payments import Payments
from .pipeline import EventPipeline
from .replaced_customers import ReplacedCustomer, ReplacedCustomers
from .repository import Tx
from .seconds import Seconds
from .store import Store
from .subscribing import Subscribing
from .subscriptions import Subscriptions
from .usage import Usage

__all__ = ["Options", "Parts", "Wired", "wire"]


@attrs.frozen(kw_only=True)
class Options:
    """What the application chose, checked: see :class:`~paylattice.BillingService`."""

    select: Callable[[str], str] | None
    refetch: bool
    clock: Callable[[], datetime]
    on_rejected: Callable[[RejectedWebhook], None] | None
    on_refused: Callable[[RefusedSubscription], None] | None
    on_replaced: Callable[[ReplacedCustomer], None] | None
    undo_second: bool
    primitives: Primitives


@attrs.frozen(kw_only=True)
class Parts(Generic[Tx]):
    """The parts of a service, each with one job."""

    handlers: Handlers[Tx]
    pipeline: EventPipeline[Tx]
    deliveries: Deliveries[Tx]
    customers: Customers[Tx]
    checkouts: Checkouts[Tx]
    subscribing: Subscribing[Tx]
    subscriptions: Subscriptions[Tx]
    closing: Closing[Tx]
    usage: Usage[Tx]
    invoices: Invoices[Tx]
    payments: Payments[Tx]
    recovery: Recovery[Tx]
    catch_up: CatchUp[Tx]
    reconciliation: Reconciliation[Tx]
    purge: Purge[Tx]
    maintainer: Maintainer[Tx]


class Wired(Generic[Tx]):
    """What the classes of the service's operations have in common."""

    _parts: Parts[Tx]
    _providers: Mapping[str, BaseProvider]


def wire(store: Store[Tx], providers: Mapping[str, BaseProvider], options: Options) -> Parts[Tx]:
    """Make the parts."""
    clock, refetch = options.clock, options.refetch
    handlers: Handlers[Tx] = Handlers()
    owners = Owners(store, providers, options.on_refused)
    attributor = Attributor(store, providers, owners, refetch=refetch, clock=clock)
    log = OperationLog(store, clock)
    pages = Pages(store, providers, log, clock)
    seconds = Seconds(store, providers, log, clock, undo=options.undo_second)
    pipeline = EventPipeline(store, providers, attributor, handlers, pages, seconds, refetch=refetch, clock=clock)
    customers = Customers(store, providers, pipeline, log, handlers, clock, options.select)
    replaced = ReplacedCustomers(store, providers, pipeline, customers, clock, options.on_replaced)
    invoices = Invoices(providers, customers)
    recovery = Recovery(store, pipeline, log, clock)
    catch_up = CatchUp(pipeline, clock)
    reconciliation = Reconciliation(store, pipeline, attributor, replaced, options.primitives, clock)
    subscriptions = Subscriptions(store, providers, pipeline, log, customers, attributor, replaced)
    checkouts = Checkouts(store, providers, pipeline, log, pages, customers, owners, replaced, subscriptions, clock)
    subscribing = Subscribing(providers, pipeline, log, customers, checkouts)
    return Parts(
        handlers=handlers,
        pipeline=pipeline,
        deliveries=Deliveries(providers, pipeline, options.on_rejected),
        customers=customers,
        checkouts=checkouts,
        subscribing=subscribing,
        closing=Closing(providers, customers, subscriptions, checkouts, log),
        subscriptions=subscriptions,
        usage=Usage(providers, log, customers),
        invoices=invoices,
        payments=Payments(store, providers, log, customers, invoices),
        recovery=recovery,
        catch_up=catch_up,
        reconciliation=reconciliation,
        purge=Purge(store, pipeline),
        maintainer=Maintainer(store, providers, pipeline, recovery, catch_up, reconciliation, clock),
    )
