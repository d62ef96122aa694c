"""The customers of the world."""

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from ...events import EventType
from ...models import Customer
from .payments import Payments
from .subscriptions import Subscriptions
from .world import World

__all__ = ["Customers"]

_SLACK = timedelta(minutes=5)
"""How far the application's clock may be ahead of the simulated one."""


class Customers:
    """All customers of the world."""

    def __init__(self, world: World, payments: Payments, subscriptions: Subscriptions) -> None:
        self._world = world
        self._payments = payments
        self._subscriptions = subscriptions

    def create(self, email: str | None, name: str | None, phone: str | None, metadata: Mapping[str, str]) -> Customer:
        """A new customer."""
        world = self._world
        customer = Customer(world.new_id("cus"), email, name, metadata, world.now, phone=phone, provider=world.name)
        world.store.customers[customer.id] = customer
        world.tell(EventType.CUSTOMER_CREATED, customer_id=customer.id, customer=customer)
        return customer

    def page(self, after: str | None, limit: int) -> list[Customer]:
        """The customers behind one of them, oldest first.

        Raises:
            NotFound: there is no customer ``after``.
        """
        customers = self._world.store.customers
        if after is None:
            return list(itertools.islice(customers.values(), limit))
        self._world.customer(after)
        behind = itertools.dropwhile(lambda each: each.id != after, customers.values())
        return list(itertools.islice(behind, 1, limit + 1))

    def update(
        self, customer_id: str, email: str | None, name: str | None, phone: str | None, metadata: Mapping[str, str]
    ) -> Customer:
        """Change the given fields.

        Raises:
            NotFound: there is no such customer.
        """
        old = self._world.customer(customer_id)
        customer = attrs.evolve(
            old,
            email=email or old.email,
            name=name or old.name,
            phone=phone or old.phone,
            metadata={**old.metadata, **metadata},
        )
        self._world.store.customers[customer_id] = customer
        self._world.tell(EventType.CUSTOMER_UPDATED, customer_id=customer_id, customer=customer)
        return customer

    def delete(self, customer_id: str) -> None:
        """Delete the customer, with its subscriptions and cards. Deleting twice is no error."""
        customer = self._world.store.customers.get(customer_id)
        if customer is None:
            return
        for record in self._subscriptions.of_customer(customer_id):
            self._subscriptions.cancel(record, at_period_end=False)
        for card in self._payments.cards(customer_id):
            self._payments.forget_card(card.id)
        del self._world.store.customers[customer_id]
        self._world.tell(EventType.CUSTOMER_DELETED, customer_id=customer_id, customer=customer)

    def created(self, since: datetime, org_id: str | None) -> Customer | None:
        """The newest customer with this ``org_id`` in its metadata that was created since; None without an ``org_id``."""
        newest_first = reversed(self._world.store.customers.values())
        recent = itertools.takewhile(lambda each: (each.created_at or since) >= since - _SLACK, newest_first)
        return next((each for each in recent if org_id and each.metadata.get("org_id") == org_id), None)
