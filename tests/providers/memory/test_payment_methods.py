"""Cards are saved of tokens and on pages, and the one that was chosen pays."""

import pytest

from paylattice import CheckoutStatus, errors
from paylattice.driving import run

from .support import PLACES, Shop


def test_a_token_serves_once_and_a_declined_one_never() -> None:
    shop = Shop()
    customer = shop.customer()
    saved = run(shop.provider.save_payment_method(customer.id, "tok_visa"))
    assert run(shop.provider.get_payment_methods(customer.id)) == [saved]
    with pytest.raises(errors.InvalidRequest, match="enter the card again"):
        run(shop.provider.save_payment_method(customer.id, "tok_visa"))
    with pytest.raises(errors.Declined):
        run(shop.provider.save_payment_method(customer.id, "tok_declined"))
    with pytest.raises(errors.InvalidRequest, match="tok_"):
        run(shop.provider.save_payment_method(customer.id, "visa"))


def test_a_page_saves_a_card_and_takes_nothing() -> None:
    shop = Shop()
    customer = shop.customer()
    page = run(shop.provider.create_setup_session(customer.id, **PLACES))
    with pytest.raises(errors.ActionRequired) as caught:
        run(shop.provider.save_payment_method(customer.id, page.id))
    assert caught.value.url == page.url
    done = shop.provider.complete_checkout(page.id)
    assert (done.status, done.payment_id) == (CheckoutStatus.COMPLETE, None)
    assert run(shop.provider.save_payment_method(customer.id, page.id)).id == done.payment_method_id


def test_the_chosen_card_pays_before_the_default_and_the_default_before_the_others() -> None:
    shop = Shop()
    made = shop.subscribe()
    customer_id = made.customer_id or ""
    second, third = (run(shop.provider.save_payment_method(customer_id, f"tok_{name}")) for name in "bc")

    def paid_with() -> str | None:
        shop.provider.advance(months=1)
        [newest, *_] = run(shop.provider.get_invoices(customer_id))
        payment = run(shop.provider.get_payment(newest.payment_ids[0]))
        return payment.payment_method_id if payment is not None else None

    run(shop.provider.set_default_payment_method(customer_id, second.id))
    assert paid_with() == second.id
    run(shop.provider.set_payment_method(made.id, third.id))
    assert paid_with() == third.id
    run(shop.provider.remove_payment_method(third.id))
    assert paid_with() == second.id
