"""Products and plans of PayPal's stand-in."""

from typing import Any

import pytest

from .support import WHOLE, PayPalShop, links_of, money


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


def regular(value: str = "19.00", **more: Any) -> dict[str, Any]:
    return {
        "frequency": {"interval_unit": "MONTH"},
        "tenure_type": "REGULAR",
        "sequence": 1,
        "pricing_scheme": {"fixed_price": money(value)},
        **more,
    }


def tier(first: str, last: str | None = None, value: str = "5") -> dict[str, Any]:
    more = {} if last is None else {"ending_quantity": last}
    return {"starting_quantity": first, "amount": money(value), **more}


def plan_body(shop: PayPalShop, *cycles: dict[str, Any], **more: Any) -> dict[str, Any]:
    product = shop.post("/v1/catalogs/products", {"name": "Pro", "type": "SERVICE"})
    return {
        "product_id": product["id"],
        "name": "Monthly",
        "billing_cycles": list(cycles) or [regular()],
        "payment_preferences": {},
        **more,
    }


def test_a_plan_bills_once_unless_told_otherwise(shop: PayPalShop) -> None:
    plan = shop.post("/v1/billing/plans", plan_body(shop))
    (cycle,) = plan["billing_cycles"]
    assert (cycle["total_cycles"], cycle["frequency"]) == (1, {"interval_count": 1, "interval_unit": "MONTH"})
    preferences = plan["payment_preferences"]
    assert (preferences["auto_bill_outstanding"], preferences["payment_failure_threshold"]) == (True, 0)
    assert (plan["status"], plan["quantity_supported"]) == ("ACTIVE", False)


def test_a_new_plan_is_told_in_short_unless_asked_for(shop: PayPalShop) -> None:
    answer = shop.raw("POST", "/v1/billing/plans", plan_body(shop))
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "status", "links"}
    assert shop.get(f"/v1/billing/plans/{answer.json()['id']}")["billing_cycles"]


def test_a_list_of_plans_has_no_prices_unless_asked_for(shop: PayPalShop) -> None:
    shop.plan()
    (short,) = shop.get("/v1/billing/plans")["plans"]
    (whole,) = shop.raw("GET", "/v1/billing/plans", headers=WHOLE).json()["plans"]
    assert "billing_cycles" not in short
    assert whole["billing_cycles"][0]["pricing_scheme"]["fixed_price"] == money("19.00")


def test_lists_come_in_pages_and_name_the_old_host(shop: PayPalShop) -> None:
    for number in range(5):
        shop.plan(f"P-{number}")
    first = shop.get("/v1/billing/plans", page_size="2", total_required="true")
    assert (len(first["plans"]), first["total_items"], first["total_pages"]) == (2, 5, 3)
    assert links_of(first)["next"].startswith("https://api.sandbox.paypal.com/v1/billing/plans?")
    last = shop.get("/v1/billing/plans", page_size="2", page="3")
    assert (len(last["plans"]), "next" in links_of(last), "total_items" in last) == (1, False, False)
    assert links_of(last)["prev"].endswith("page=2")


@pytest.mark.parametrize("query", [{"page_size": "21"}, {"page_size": "0"}, {"page": "0"}, {"page": "x"}])
def test_pages_have_bounds(shop: PayPalShop, query: dict[str, str]) -> None:
    answer = shop.raw("GET", "/v1/billing/plans", **query)
    assert answer.json()["details"][0] == {
        "issue": "INVALID_PARAMETER_VALUE",
        "description": answer.json()["details"][0]["description"],
        "field": next(iter(query)),
        "location": "query",
    }


def test_unknown_parameters_are_refused(shop: PayPalShop) -> None:
    answer = shop.raw("GET", "/v1/billing/plans", limit="3")
    assert (answer.status_code, answer.json()["details"][0]["issue"]) == (400, "INVALID_PARAMETER")


@pytest.mark.parametrize(
    ("cycles", "issue"),
    [
        ([regular(sequence=2)], "INVALID_PARAMETER_VALUE"),
        ([regular(), regular(sequence=2)], "INVALID_PARAMETER_VALUE"),
        ([regular(tenure_type="TRIAL")], "INVALID_PARAMETER_VALUE"),
        ([regular(tenure_type="TRIAL", total_cycles=0), regular(sequence=2)], "INVALID_PARAMETER_VALUE"),
        ([regular(total_cycles=1000)], "INVALID_PARAMETER_VALUE"),
        ([regular(frequency={"interval_unit": "MONTH", "interval_count": 13})], "INVALID_PARAMETER_VALUE"),
        ([regular(frequency={"interval_unit": "FORTNIGHT"})], "INVALID_PARAMETER_VALUE"),
        ([regular(pricing_scheme={})], "MISSING_REQUIRED_PARAMETER"),
        ([regular("19.999")], "DECIMAL_PRECISION"),
        ([regular(price="19")], "INVALID_PARAMETER"),
        ([{"tenure_type": "REGULAR"}], "MISSING_REQUIRED_PARAMETER"),
    ],
)
def test_broken_cycles_are_refused(shop: PayPalShop, cycles: list[dict[str, Any]], issue: str) -> None:
    assert shop.refused("/v1/billing/plans", plan_body(shop, *cycles))[1] == issue
    assert shop.server.count("plan") == 0


def test_a_plan_needs_a_product_and_one_currency(shop: PayPalShop) -> None:
    body = plan_body(shop)
    assert shop.refused("/v1/billing/plans", {**body, "product_id": "PROD-NONE"}) == (404, "INVALID_RESOURCE_ID")
    trial = regular(tenure_type="TRIAL", pricing_scheme={"fixed_price": money("1.00", "EUR")})
    mixed = {**body, "billing_cycles": [trial, regular(sequence=2)]}
    assert shop.refused("/v1/billing/plans", mixed) == (422, "CURRENCY_MISMATCH")


def test_tiers_follow_one_another(shop: PayPalShop) -> None:
    tiers = [
        {"starting_quantity": "1", "ending_quantity": "10", "amount": money("5")},
        {"starting_quantity": "11", "amount": money("4")},
    ]
    good = regular(pricing_scheme={"pricing_model": "VOLUME", "tiers": tiers})
    assert shop.post("/v1/billing/plans", plan_body(shop, good))["id"]


@pytest.mark.parametrize(
    ("scheme", "issue"),
    [
        ({"pricing_model": "VOLUME", "tiers": [tier("2")]}, "MISSING_PRICING_SCHEME_TIERS"),
        ({"pricing_model": "VOLUME", "tiers": [tier("1"), tier("2")]}, "MISSING_PRICING_SCHEME_TIERS"),
        ({"pricing_model": "VOLUME", "tiers": [tier("1", "0")]}, "INVALID_PRICING_TIER_QUANTITY"),
        ({"pricing_model": "VOLUME", "tiers": [tier("one")]}, "INVALID_PARAMETER_SYNTAX"),
        ({"pricing_model": "VOLUME", "tiers": []}, "MISSING_REQUIRED_PARAMETER"),
        ({"pricing_model": "FLAT", "tiers": [tier("1")]}, "INVALID_PRICING_MODEL"),
        (
            {"pricing_model": "TIERED", "tiers": [tier("1")], "fixed_price": money("1")},
            "FIXED_PRICE_NOT_SUPPORTED",
        ),
    ],
)
def test_broken_tiers_are_refused(shop: PayPalShop, scheme: dict[str, Any], issue: str) -> None:
    assert shop.refused("/v1/billing/plans", plan_body(shop, regular(pricing_scheme=scheme)))[1] == issue


@pytest.mark.parametrize(
    ("more", "issue"),
    [
        ({"payment_preferences": {"payment_failure_threshold": 1000}}, "INVALID_PARAMETER_VALUE"),
        ({"payment_preferences": {"setup_fee_failure_action": "RETRY"}}, "INVALID_PARAMETER_VALUE"),
        ({"payment_preferences": {"setup_fee": money("1.001")}}, "DECIMAL_PRECISION"),
        ({"taxes": {"percentage": "ten"}}, "INVALID_PARAMETER_SYNTAX"),
        ({"status": "OPEN"}, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_broken_terms_are_refused(shop: PayPalShop, more: dict[str, Any], issue: str) -> None:
    assert shop.refused("/v1/billing/plans", plan_body(shop, **more))[1] == issue


def test_a_trial_has_no_tiers(shop: PayPalShop) -> None:
    trial = regular(tenure_type="TRIAL", pricing_scheme={"pricing_model": "VOLUME", "tiers": [tier("1")]})
    body = plan_body(shop, trial, regular(sequence=2))
    assert shop.refused("/v1/billing/plans", body) == (422, "INVALID_PRICING_MODEL")


def test_a_plan_is_closed_and_opened_again(shop: PayPalShop) -> None:
    path = f"/v1/billing/plans/{shop.plan()}"
    assert shop.raw("POST", f"{path}/deactivate", {}).status_code == 204
    assert shop.get(path)["status"] == "INACTIVE"
    assert shop.refused(f"{path}/deactivate") == (422, "PLAN_STATUS_INVALID")
    body = {"plan_id": "P-PRO"}
    assert shop.refused("/v1/billing/subscriptions", body) == (422, "PLAN_STATUS_INVALID")
    assert shop.raw("POST", f"{path}/activate", {}).status_code == 204
    assert shop.refused(f"{path}/activate") == (422, "PLAN_STATUS_INVALID")


def test_products_have_ids_of_ones_own_but_not_paypals_and_not_twice(shop: PayPalShop) -> None:
    body = {"id": "pro-product", "name": "Pro", "type": "SERVICE"}
    assert shop.post("/v1/catalogs/products", body)["id"] == "pro-product"
    assert shop.refused("/v1/catalogs/products", body) == (422, "DUPLICATE_RESOURCE_IDENTIFIER")
    taken = {**body, "id": "PROD-1"}
    assert shop.refused("/v1/catalogs/products", taken) == (400, "INVALID_PARAMETER_SYNTAX")
