"""Customers: names, the one word of metadata, merged profiles, cards on file."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Customer, PaymentMethod
from paylattice.errors import Conflict, InvalidRequest, InvalidResponse, NotFound, ResponseOutcomeUnknown
from paylattice.providers.square.wire import joined_name, split_name

from .samples import card, customer, invoice, subscription, variation
from .support import World, configuration, missing, refusal

MERGED = customer(id="CUST9")


def test_a_customer_is_created(world: World) -> None:
    world.on("POST", "/v2/customers", {"customer": customer()})
    made = world.run(
        world.provider.create_customer(
            "ada@example.com", "Ada Lovelace", {"org_id": "org-1"}, idempotency_key="create-ada"
        )
    )
    assert made == Customer(
        id="CUST1",
        email="ada@example.com",
        name="Ada Lovelace",
        phone="+12125550100",
        metadata={"org_id": "org-1"},
        created_at=datetime(2026, 8, 1, 10, 0, 0, 123000, tzinfo=UTC),
        provider="square",
    )
    assert made.raw["version"] == 3
    assert world.server.only("POST").body == {
        "idempotency_key": "create-ada",
        "email_address": "ada@example.com",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "reference_id": "org-1",
    }


@pytest.mark.parametrize(
    ("name", "given", "family"),
    [
        ("Ada Lovelace", "Ada", "Lovelace"),
        ("Ada", "Ada", None),
        ("Ada King Lovelace", "Ada King", "Lovelace"),
        ("  Ada  ", "Ada", None),
        ("María José de la Cruz", "María José de la", "Cruz"),
        ("李小龍", "李小龍", None),
    ],
)
def test_a_name_is_split_at_its_last_space(name: str, given: str, family: str | None) -> None:
    assert split_name(name) == (given, family)


@given(st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1), min_size=1, max_size=5))
def test_a_name_is_the_same_after_splitting_and_joining(words: list[str]) -> None:
    given, family = split_name(" ".join(words))
    assert joined_name({"given_name": given, "family_name": family}) == " ".join(words)


def test_a_company_s_name_counts_where_there_is_no_other() -> None:
    assert joined_name({"company_name": "Analytical Engines"}) == "Analytical Engines"
    assert joined_name({"company_name": "Analytical Engines", "family_name": "King"}) == "King"
    assert joined_name({}) is None


def test_metadata_that_square_cannot_keep_is_refused_before_anything_is_sent(world: World) -> None:
    for metadata in ({"team": "blue"}, {"org_id": "1", "team": "blue"}, {"org_id": "x" * 101}):
        with pytest.raises(InvalidRequest) as caught:
            world.run(world.provider.create_customer("ada@example.com", metadata=metadata))
        assert caught.value.param == "metadata"
    assert world.server.seen == []


def test_the_word_of_the_metadata_can_be_chosen() -> None:
    world = World(config=configuration(reference_key="tenant"))
    world.on("POST", "/v2/customers", {"customer": customer(reference_id="t-1")})
    made = world.run(world.provider.create_customer("ada@example.com", metadata={"tenant": "t-1"}))
    assert dict(made.metadata) == {"tenant": "t-1"}
    assert world.server.only("POST").body["reference_id"] == "t-1"


@pytest.mark.parametrize(("argument", "value"), [("email", "a" * 250 + "@example.com"), ("name", "x" * 301)])
def test_what_is_too_long_is_refused(world: World, argument: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.create_customer(**{"email": "ada@example.com", argument: value}))
    assert caught.value.param == argument


def test_an_update_takes_away_what_the_new_name_has_not(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()})
    world.on("PUT", "/v2/customers/CUST1", {"customer": customer(family_name=None)})
    found = world.run(world.provider.update_customer("CUST1", name="Ada"))
    assert found.name == "Ada"
    assert world.server.only("PUT").body == {"given_name": "Ada", "family_name": None, "version": 3}


def test_an_update_of_nothing_sends_nothing(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()})
    assert world.run(world.provider.update_customer("CUST1")).id == "CUST1"
    assert world.server.writes == []


def test_changing_what_does_not_exist_is_not_found(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", missing())
    with pytest.raises(NotFound):
        world.run(world.provider.update_customer("CUST1", name="Ada"))


def test_what_does_not_exist_is_none_and_deleting_it_is_no_error(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", missing(), missing())
    assert world.run(world.provider.get_customer("CUST1")) is None
    world.run(world.provider.delete_customer("CUST1"))
    assert world.server.writes == []


def test_a_404_that_is_not_square_s_says_nothing_about_the_customer(world: World) -> None:
    import httpx

    world.on("GET", "/v2/customers/CUST1", httpx.Response(404, json={"message": "no Route matched"}))
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_customer("CUST1"))


# --- merged profiles -----------------------------------------------------------------------------------------------


def test_a_merged_profile_is_reported_and_followed(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": MERGED})
    found = world.run(world.provider.get_customer("CUST1"))
    assert found is not None
    assert (found.id, found.merged_from) == ("CUST9", "CUST1")


def test_an_update_goes_to_the_profile_that_it_was_merged_into(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": MERGED})
    world.on("PUT", "/v2/customers/CUST9", {"customer": {**MERGED, "email_address": "new@example.com"}})
    found = world.run(world.provider.update_customer("CUST1", email="new@example.com"))
    assert (found.id, found.merged_from, found.email) == ("CUST9", "CUST1", "new@example.com")


def test_a_merged_profile_is_not_deleted_under_its_old_id(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": MERGED})
    with pytest.raises(Conflict, match="CUST9"):
        world.run(world.provider.delete_customer("CUST1"))
    assert world.server.writes == []


def test_what_belongs_to_a_merged_profile_is_found(world: World) -> None:
    world.always("GET", "/v2/customers/CUST1", {"customer": MERGED})
    world.on("POST", "/v2/subscriptions/search", {}, {"subscriptions": [subscription(customer_id="CUST9")]})
    world.on("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    world.on("GET", "/v2/invoices/inv%3A0-1", {"invoice": invoice()})
    (found,) = world.run(world.provider.list_subscriptions("CUST1"))
    assert found.customer_id == "CUST9"
    world.on("GET", "/v2/cards", {"cards": [card(customer_id="CUST9")]}, {"cards": [card(customer_id="CUST9")]})
    (method,) = world.run(world.provider.get_payment_methods("CUST1"))
    assert method.customer_id == "CUST9"
    theirs = invoice(primary_recipient={"customer_id": "CUST9"})
    world.on("POST", "/v2/invoices/search", {}, {"invoices": [theirs]})
    world.always("GET", "/v2/subscriptions/SUB1", {"subscription": subscription(customer_id="CUST9")})
    world.always("GET", "/v2/invoices/inv%3A0-1", {"invoice": theirs})
    (bill,) = world.run(world.provider.get_invoices("CUST1"))
    assert bill.customer_id == "CUST9"


def test_what_belongs_to_somebody_else_is_refused(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()})
    world.on("GET", "/v2/cards", {"cards": [card(customer_id="CUST2")]})
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_payment_methods("CUST1"))


@pytest.mark.parametrize("wrong", ["../../v2/merchants/me", "..", "a/b", "a b", "", "x" * 300])
def test_an_id_that_leads_elsewhere_is_an_unreadable_answer(world: World, wrong: str) -> None:
    world.on("POST", "/v2/customers", {"customer": customer(id=wrong)})
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.create_customer("ada@example.com"))


# --- the one that a process died over ------------------------------------------------------------------------------

SINCE = datetime(2026, 8, 1, 9, tzinfo=UTC)


def created(world: World, *found: dict[str, object]) -> Customer | None:
    world.on("POST", "/v2/customers/search", {"customers": list(found)})
    return world.run(
        world.provider.find_created_customer("key", SINCE, email="ada@example.com", metadata={"org_id": "org-1"})
    )


def test_a_customer_whose_answer_was_lost_is_found_by_its_reference(world: World) -> None:
    found = created(world, customer())
    assert found is not None
    assert found.id == "CUST1"
    assert world.server.only("POST").body["query"]["filter"]["reference_id"] == {"exact": "org-1"}


@pytest.mark.parametrize(
    "other",
    [
        [customer(reference_id="ORG-1")],
        [customer(email_address="eve@example.com")],
        [customer(created_at="2026-08-01T08:00:00Z")],
        [customer(), customer(id="CUST2")],
        [],
    ],
)
def test_another_customer_is_not_taken_for_it(world: World, other: list[dict[str, object]]) -> None:
    assert created(world, *other) is None


def test_without_a_reference_nobody_can_tell(world: World) -> None:
    assert world.run(world.provider.find_created_customer("key", SINCE, email="ada@example.com")) is None
    assert world.server.seen == []


def test_keys_are_not_promised_for_long() -> None:
    assert World().provider.idempotency_lifetime <= timedelta(hours=1)


# --- cards -----------------------------------------------------------------------------------------------------------


def test_cards_are_listed_over_all_pages(world: World) -> None:
    world.on(
        "GET",
        "/v2/cards",
        {"cards": [card()], "cursor": "c1"},
        {"cursor": "c2"},
        {"cards": [card(id="ccof:CARD2", card_brand="AMERICAN_EXPRESS"), card(id="ccof:CARD3", enabled=False)]},
    )
    found = world.run(world.provider.get_payment_methods("CUST1"))
    assert found[0] == PaymentMethod(
        id="ccof:CARD1",
        type="card",
        last4="1111",
        brand="visa",
        customer_id="CUST1",
        exp_month=11,
        exp_year=2030,
        provider="square",
    )
    assert [(method.id, method.brand) for method in found] == [("ccof:CARD1", "visa"), ("ccof:CARD2", "amex")]
    assert [seen.query for seen in world.server.seen] == [
        {"customer_id": "CUST1"},
        {"customer_id": "CUST1", "cursor": "c1"},
        {"customer_id": "CUST1", "cursor": "c2"},
    ]


def test_a_card_that_nobody_knows_cannot_be_removed(world: World) -> None:
    world.on("GET", "/v2/cards/ccof%3ANONE", missing())
    with pytest.raises(NotFound):
        world.run(world.provider.remove_payment_method("ccof:NONE"))


def test_a_refused_deletion_is_told(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()}, {"customer": customer()})
    world.on("DELETE", "/v2/customers/CUST1", refusal(400, "BAD_REQUEST"))
    with pytest.raises(InvalidRequest):
        world.run(world.provider.delete_customer("CUST1"))


def test_a_card_of_a_profile_that_was_merged_meanwhile_is_no_outcome_unknown(world: World) -> None:
    """The answer names the new profile; the one that was asked for is read once, and leads to it."""
    saved = {"card": card(customer_id="CUST9")}
    world.on("POST", "/v2/cards", saved, saved)
    world.on("GET", "/v2/customers/CUST1", {"customer": MERGED})
    for _ in range(2):
        found = world.run(world.provider.save_payment_method("CUST1", "cnon:token"))
        assert found.customer_id == "CUST9"


def test_a_card_of_a_profile_that_was_not_merged_is_not_passed_on(world: World) -> None:
    world.on("POST", "/v2/cards", {"card": card(customer_id="CUST9")})
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()})
    with pytest.raises(ResponseOutcomeUnknown, match="another customer_id"):
        world.run(world.provider.save_payment_method("CUST1", "cnon:token"))
