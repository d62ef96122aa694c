"""The vault of PayPal's stand-in, and the invoices that a merchant wrote."""

from typing import Any

import pytest

from .support import URLS, PayPalShop, links_of, order_body

TOKENS, SETUPS, ORDERS = "/v3/vault/payment-tokens", "/v3/vault/setup-tokens", "/v2/checkout/orders"


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


def with_token(token: str, kind: str = "card", **more: Any) -> dict[str, Any]:
    return {**order_body(**more), "payment_source": {kind: {"vault_id": token}}}


def test_what_is_saved_is_listed_five_at_a_time(shop: PayPalShop) -> None:
    for number in range(7):
        shop.server.add_payment_method("cust_1", last4=f"000{number}")
    shop.server.add_payment_method("cust_2")
    found = shop.get(TOKENS, customer_id="cust_1", total_required="true")
    assert (len(found["payment_tokens"]), found["total_items"], found["customer"]) == (5, 7, {"id": "cust_1"})
    assert links_of(found)["next"].startswith(
        "https://api.sandbox.paypal.com/v3/vault/payment-tokens?customer_id=cust_1"
    )
    assert shop.refused(TOKENS, method="GET") == (400, "MISSING_REQUIRED_PARAMETER")


def test_a_deleted_token_is_gone(shop: PayPalShop) -> None:
    token = shop.server.add_payment_method("cust_1")
    assert shop.get(f"{TOKENS}/{token}")["payment_source"]["card"]["last_digits"] == "4242"
    assert shop.raw("DELETE", f"{TOKENS}/{token}").status_code == 204
    assert shop.refused(f"{TOKENS}/{token}", method="GET") == (404, "INVALID_RESOURCE_ID")
    assert shop.refused(ORDERS, with_token(token), key="k") == (422, "TOKEN_ID_NOT_FOUND")
    assert (shop.server.count("token"), shop.server.objects("token")) == (1, [])
    assert shop.told() == ["VAULT.PAYMENT-TOKEN.CREATED", "VAULT.PAYMENT-TOKEN.DELETED"]


@pytest.mark.parametrize("kind", ["card", "paypal", "venmo"])
def test_a_saved_method_pays_at_once(shop: PayPalShop, kind: str) -> None:
    token = shop.server.add_payment_method("cust_1", kind=kind)
    order = shop.post(ORDERS, with_token(token, kind), key="k")
    assert order["status"] == "COMPLETED"
    assert order["purchase_units"][0]["payments"]["captures"][0]["status"] == "COMPLETED"
    assert order["payment_source"][kind]


def test_a_saved_method_authorizes_at_once(shop: PayPalShop) -> None:
    token = shop.server.add_payment_method("cust_1")
    order = shop.post(ORDERS, with_token(token, intent="AUTHORIZE"), key="k")
    assert order["purchase_units"][0]["payments"]["authorizations"][0]["status"] == "CREATED"


def test_an_order_that_pays_at_once_needs_a_key(shop: PayPalShop) -> None:
    token = shop.server.add_payment_method("cust_1")
    assert shop.refused(ORDERS, with_token(token)) == (400, "PAYPAL_REQUEST_ID_REQUIRED")


def test_a_declined_method_leaves_no_order(shop: PayPalShop) -> None:
    token = shop.server.add_payment_method("cust_1", declines="INSTRUMENT_DECLINED")
    assert shop.refused(ORDERS, with_token(token), key="k") == (422, "INSTRUMENT_DECLINED")
    assert shop.server.count("order") == 0


def test_a_method_may_want_the_payer(shop: PayPalShop) -> None:
    token = shop.server.add_payment_method("cust_1", requires_action=True)
    order = shop.post(ORDERS, with_token(token), key="k")
    assert order["status"] == "PAYER_ACTION_REQUIRED"
    assert "payer-action" in links_of(order)
    shop.server.complete_checkout(order["id"])
    assert shop.post(f"{ORDERS}/{order['id']}/capture")["status"] == "COMPLETED"


def test_a_token_is_used_as_what_it_is(shop: PayPalShop) -> None:
    token = shop.server.add_payment_method("cust_1")
    assert shop.refused(ORDERS, with_token(token, "paypal"), key="k") == (422, "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE")


def test_a_wallet_is_saved_without_a_payment(shop: PayPalShop) -> None:
    asked = {"payment_source": {"paypal": {"usage_type": "MERCHANT"}}, "customer": {"merchant_customer_id": "org_1"}}
    setup = shop.post(SETUPS, asked, key="k")
    wanted = {"payment_source": {"token": {"id": setup["id"], "type": "SETUP_TOKEN"}}}
    assert setup["status"] == "PAYER_ACTION_REQUIRED"
    assert "approve" in links_of(setup)
    assert shop.refused(TOKENS, wanted)[0] == 422
    shop.server.complete_checkout(setup["id"])
    token = shop.post(TOKENS, wanted, key="t")
    assert token["customer"]["merchant_customer_id"] == "org_1"
    assert token["payment_source"]["paypal"]["email_address"] == "payer@example.com"
    assert shop.get(f"{SETUPS}/{setup['id']}")["status"] == "VAULTED"
    assert shop.refused(TOKENS, wanted, key="other")[0] == 422
    with pytest.raises(ValueError, match="nobody is asked"):
        shop.server.complete_checkout(setup["id"])


@pytest.mark.parametrize("body", [{}, {"payment_source": {}}, {"payment_source": {"card": {"number": "4111"}}}])
def test_only_wallets_are_saved_here(shop: PayPalShop, body: dict[str, Any]) -> None:
    assert shop.refused(SETUPS, body)[0] in {400, 422}
    assert shop.refused(TOKENS, {"payment_source": {"card": {}}}) == (422, "TOKEN_NOT_FOUND")


def test_a_wallet_is_saved_with_a_payment(shop: PayPalShop) -> None:
    vault = {"vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"}}
    body = {**order_body(), "payment_source": {"paypal": {"attributes": vault, "experience_context": URLS}}}
    order = shop.post(ORDERS, body, key="k")["id"]
    shop.server.complete_checkout(order)
    paid = shop.post(f"{ORDERS}/{order}/capture")
    saved = paid["payment_source"]["paypal"]["attributes"]["vault"]
    assert saved["status"] == "VAULTED"
    assert shop.get(f"{TOKENS}/{saved['id']}")["customer"]["id"] == saved["customer"]["id"]


def test_invoices_are_searched(shop: PayPalShop) -> None:
    first = shop.server.add_invoice("ada@example.com", "12.50", status="PAID")
    second = shop.server.add_invoice("ada@example.com", "1000", "JPY")
    shop.server.add_invoice("bob@example.com", "1.00")
    path = "/v2/invoicing/search-invoices"
    found = shop.post(path, {"recipient_email": "ada@example.com"})["items"]
    assert [(each["id"], each["status"]) for each in found] == [(second, "SENT"), (first, "PAID")]
    assert (found[1]["due_amount"]["value"], found[1]["payments"]["paid_amount"]["value"]) == ("0.00", "12.50")
    assert found[0]["detail"]["invoice_date"] == "2026-10-31"
    assert [each["id"] for each in shop.post(path, {"status": ["PAID"]})["items"]] == [first]
    assert [each["id"] for each in shop.post(path, {"currency_code": "JPY"})["items"]] == [second]
    assert shop.refused(path, {"email": "ada@example.com"}) == (400, "INVALID_PARAMETER")
    paged = shop.raw("POST", path, {}, page_size="2", total_required="true").json()
    assert (len(paged["items"]), paged["total_items"]) == (2, 3)
    assert "next" in links_of(paged)
