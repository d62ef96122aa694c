"""Wires a BillingService: the one place where its parts are made and meet."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..provider import BaseProvider
from ..transport.primitives import Primitives
from .assigning import Assigning
from .attribution import Attributor
from .checkouts import Checkouts
from .closing import Closing
from .collecting import Collecting
from .customers import Customers
from .deliveries import Deliveries, RejectedWebhook
from .details import Details
from .erasing import Erasing
from .exporting import Exporting
from .handlers import Handlers
from .invoices import Invoices
from .maintenance.catch_up import CatchUp
from .maintenance.maintain import Maintainer
from .maintenance.purge import Purge
from .maintenance.reconcile import Reconciliation
from .maintenance.recover import Recovery
from .maintenance.unclaimed import Unclaimed
from .operation_log import OperationLog
from .owners import Owners, RefusedSubscription
from .pages import Pages
from .payment_methods import PaymentMethods
from .payments import Payments
from .pipeline import EventPipeline
from .replaced_customers import ReplacedCustomer, ReplacedCustomers
from .repository import Tx
from .returns import Returns
from .second_subscriptions import SecondSubscriptions
from .store import Store
from .subscribing import Subscribing
from .subscriptions import Subscriptions
from .transferring import Transferring
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
    details: Details[Tx]
    erasing: Erasing[Tx]
    exporting: Exporting[Tx]
    transferring: Transferring[Tx]
    checkouts: Checkouts[Tx]
    returns: Returns[Tx]
    subscribing: Subscribing[Tx]
    subscriptions: Subscriptions[Tx]
    assigning: Assigning[Tx]
    closing: Closing[Tx]
    usage: Usage[Tx]
    invoices: Invoices[Tx]
    collecting: Collecting[Tx]
    payments: Payments[Tx]
    payment_methods: PaymentMethods[Tx]
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
    second_subscriptions = SecondSubscriptions(store, providers, log, clock, undo=options.undo_second)
    pipeline = EventPipeline(
        store, providers, attributor, handlers, pages, second_subscriptions, refetch=refetch, clock=clock
    )
    customers = Customers(store, providers, pipeline, log, handlers, clock, options.select)
    replaced = ReplacedCustomers(store, providers, pipeline, customers, clock, options.on_replaced)
    details = Details(store, providers, customers, log, handlers, clock)
    invoices = Invoices(providers, customers)
    recovery = Recovery(store, pipeline, log, details, clock)
    catch_up = CatchUp(pipeline, clock)
    unclaimed = Unclaimed(store, providers, attributor.checkouts, clock)
    reconciliation = Reconciliation(store, pipeline, attributor, replaced, unclaimed, options.primitives, clock)
    subscriptions = Subscriptions(store, providers, pipeline, log, customers, attributor, replaced)
    checkouts = Checkouts(store, providers, pipeline, log, pages, customers, owners, replaced, subscriptions, clock)
    subscribing = Subscribing(providers, pipeline, log, customers, checkouts)
    closing = Closing(providers, customers, subscriptions, checkouts, log)
    payment_methods = PaymentMethods(store, providers, log, customers, subscriptions)
    return Parts(
        handlers=handlers,
        pipeline=pipeline,
        deliveries=Deliveries(providers, pipeline, options.on_rejected),
        customers=customers,
        details=details,
        checkouts=checkouts,
        returns=Returns(store, providers, pipeline, owners, clock),
        subscribing=subscribing,
        closing=closing,
        subscriptions=subscriptions,
        assigning=Assigning(store, providers, pipeline, log, customers, attributor, replaced),
        usage=Usage(providers, log, customers),
        invoices=invoices,
        collecting=Collecting(store, providers, pipeline, log, customers, owners),
        payments=Payments(store, providers, log, customers, invoices),
        payment_methods=payment_methods,
        erasing=Erasing(store, providers, log, closing, payment_methods, pipeline, clock),
        exporting=Exporting(store),
        transferring=Transferring(store, providers, log, clock),
        recovery=recovery,
        catch_up=catch_up,
        reconciliation=reconciliation,
        purge=Purge(store, pipeline),
        maintainer=Maintainer(store, providers, pipeline, recovery, catch_up, reconciliation, clock),
    )
