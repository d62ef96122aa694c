"""A page that saves a card is closed where the provider can; where it cannot, what is said instead works."""

import asyncio
from collections.abc import Callable

import pytest

from paylattice import BaseProvider, CheckoutStatus
from paylattice.errors import UnsupportedOperation
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

DONE, BACK = "https://shop.test/done", "https://shop.test/back"


def stripe() -> BaseProvider:
    server = StripeStandIn()
    config = StripeConfig(secret_key=server.secret_key, webhook_secret="whsec_x")
    return StripeProvider(config, transport=AsyncTransport(transport=server.transport()))


@pytest.mark.parametrize("make", [stripe, InMemoryProvider])
def test_the_page_that_saves_a_card_is_closed(make: Callable[[], BaseProvider]) -> None:
    async def main() -> None:
        async with make() as provider:
            customer = await provider.create_customer("ann@shop.test")
            page = await provider.create_setup_session(customer.id, DONE, BACK)
            assert (page.status, page.url is not None) == (CheckoutStatus.OPEN, True)
            closed = await provider.expire_checkout_session(page.id)
            assert (closed.id, closed.status, closed.url) == (page.id, CheckoutStatus.EXPIRED, None)
            again = await provider.expire_checkout_session(page.id)
            assert again.status is CheckoutStatus.EXPIRED
            assert await provider.get_payment_methods(customer.id) == []

    asyncio.run(main())


def test_paypal_closes_no_page_and_saves_nothing_that_is_not_approved() -> None:
    async def main() -> None:
        server = PayPalStandIn()
        config = PayPalConfig(client_id=server.client_id, client_secret=server.client_secret, webhook_id="WH-1")
        async with PayPalProvider(config, transport=AsyncTransport(transport=server.transport())) as provider:
            page = await provider.create_setup_session("CUST1", DONE, BACK)
            with pytest.raises(UnsupportedOperation, match="cannot close a page"):
                await provider.expire_checkout_session(page.id)
            assert await provider.get_payment_methods("CUST1") == []

    asyncio.run(main())
