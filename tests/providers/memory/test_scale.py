"""A big world: nothing is searched for, so that the work grows with what happens and not with what there is."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs

from paylattice.driving import run

from .support import PLACES, Shop

MANY = 20_000


class Watched(dict[Any, Any]):
    """A dict that counts the elements that somebody goes through."""

    walked = 0

    def _count(self, elements: Any) -> Iterator[Any]:
        for element in elements:
            Watched.walked += 1
            yield element

    def __iter__(self) -> Iterator[Any]:
        return self._count(list(super().__iter__()))

    def keys(self) -> Any:
        return self._count(list(super().keys()))

    def values(self) -> Any:
        return self._count(list(super().values()))

    def items(self) -> Any:
        return self._count(list(super().items()))


def watch(shop: Shop) -> None:
    """Count every step through everything that the provider keeps by id."""
    store = shop.provider._world.store
    for field in attrs.fields(type(store)):
        kept = getattr(store, field.name)
        if isinstance(kept, dict):
            setattr(store, field.name, Watched(kept))
    Watched.walked = 0


def live(shop: Shop, people: int) -> None:
    """Everybody subscribes, reports, changes, fails to pay, pays late, is refunded, and some leave."""
    provider = shop.provider
    for number in range(people):
        customer = shop.customer()
        made = shop.subscribe("calls" if number % 5 == 0 else "pro", customer)
        if number % 5 == 0:
            shop.use(made, 10)
        elif number % 5 == 1:
            shop.change(made, plan_id="team")
        elif number % 5 == 2:
            provider.decline_next_payment(customer_id=customer.id, times=2)
        elif number % 5 == 3:
            run(provider.refund_payment(shop.charge(customer).id))
            run(provider.remove_payment_method(run(provider.get_payment_methods(customer.id))[0].id))
        else:
            run(provider.delete_customer(customer.id))
        shop.invoices(made)
        run(provider.list_subscriptions(customer.id))
    provider.advance(months=2)


def test_no_operation_goes_through_everything_there_is() -> None:
    shop = Shop()
    watch(shop)
    live(shop, 100)
    assert len(shop.told()) == 0
    assert Watched.walked == 0
    run(shop.provider.list_plans())
    assert Watched.walked > 0, "this test counts nothing"


def test_twenty_thousand_subscriptions_renew() -> None:
    shop = Shop()
    watch(shop)
    provider = shop.provider

    async def subscribe_all() -> None:
        for number in range(MANY):
            customer = await provider.create_customer(f"{number}@example.com")
            session = await provider.create_checkout_session(customer.id, "pro", **PLACES)
            provider.complete_checkout(session.id)

    run(subscribe_all())
    provider.decline_next_payment(times=MANY // 2)
    before = len(provider._world.outbox)
    provider.advance(months=2)
    assert len(provider._world.store.invoices) == 3 * MANY
    # a good renewal tells 4 events; a failed one 4, and its retry 3; every page that is complete expires in silence
    assert len(provider._world.outbox) - before == 2 * 4 * MANY + 3 * (MANY // 2)
    assert Watched.walked == 0
    assert provider.now == datetime(2026, 6, 1, 9, tzinfo=provider.now.tzinfo)
