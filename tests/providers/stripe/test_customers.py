"""Customers and their payment methods."""

from datetime import UTC, datetime

import httpx
import pytest

from paylattice import Customer, PaymentMethod
from paylattice.errors import InvalidRequest, NetworkOutcomeUnknown, NotFound, OutcomeUnknown

from .samples import START, customer, payment_method
from .support import KEY, World, listing, missing, refusal


def test_a_customer_is_created_with_key_version_and_authorization(world: World) -> None:
    world.on("POST", "/v1/customers", customer())
    made = world.run(
        world.provider.create_customer("ada@example.com", "Ada", {"org": "1"}, idempotency_key="create-ada")
    )
    assert made == Customer(
        id="cus_1",
        email="ada@example.com",
        name="Ada",
        metadata={"org": "1"},
        created_at=datetime.fromtimestamp(START, UTC),
        provider="stripe",
    )
    assert made.raw["object"] == "customer"
    sent = world.server.only("POST")
    assert sent.form == {"email": "ada@example.com", "name": "Ada", "metadata[org]": "1"}
    assert sent.key == "create-ada"
    assert sent.headers["stripe-version"] == "2026-10-28.endive"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_write_without_a_key_gets_one(world: World) -> None:
    world.on("POST", "/v1/customers", customer())
    world.run(world.provider.create_customer("ada@example.com"))
    sent = world.server.only("POST")
    assert sent.key
    assert len(sent.key) >= 32
    assert sent.form == {"email": "ada@example.com"}


def test_a_replayed_answer_says_so(world: World) -> None:
    replayed = httpx.Response(200, json=customer(), headers={"Idempotent-Replayed": "true"})
    world.on("POST", "/v1/customers", replayed, customer())
    assert world.run(world.provider.create_customer("ada@example.com", idempotency_key="k")).replayed
    assert not world.run(world.provider.create_customer("ada@example.com", idempotency_key="k")).replayed


def test_a_customer_is_read(world: World) -> None:
    world.on("GET", "/v1/customers/cus_1", customer())
    found = world.run(world.provider.get_customer("cus_1"))
    assert found is not None
    assert found.email == "ada@example.com"
    assert world.server.only("GET").key is None


def test_a_customer_that_is_missing_or_deleted_is_none(world: World) -> None:
    world.on("GET", "/v1/customers/cus_1", missing(), {"id": "cus_1", "object": "customer", "deleted": True})
    assert world.run(world.provider.get_customer("cus_1")) is None
    assert world.run(world.provider.get_customer("cus_1")) is None


def test_ids_are_quoted_in_paths(world: World) -> None:
    world.on("GET", "/v1/customers/gold%2B%C3%A9%40", customer(id="gold+é@"))
    found = world.run(world.provider.get_customer("gold+é@"))
    assert found is not None
    assert found.id == "gold+é@"


def test_an_update_sends_only_what_is_given(world: World) -> None:
    world.on("POST", "/v1/customers/cus_1", customer(name="Ada L."))
    changed = world.run(world.provider.update_customer("cus_1", name="Ada L.", metadata={"old": ""}))
    assert changed.name == "Ada L."
    assert world.server.only("POST").form == {"name": "Ada L.", "metadata[old]": ""}


def test_updating_a_missing_customer_is_not_found(world: World) -> None:
    world.on("POST", "/v1/customers/cus_1", missing())
    with pytest.raises(NotFound):
        world.run(world.provider.update_customer("cus_1", name="Ada"))


def test_a_customer_is_deleted_without_an_idempotency_key(world: World) -> None:
    world.on("DELETE", "/v1/customers/cus_1", {"id": "cus_1", "object": "customer", "deleted": True})
    world.run(world.provider.delete_customer("cus_1"))
    assert world.server.only("DELETE").key is None


def test_deleting_twice_is_no_error(world: World) -> None:
    world.on("DELETE", "/v1/customers/cus_1", missing())
    world.on("GET", "/v1/customers/cus_1", {"id": "cus_1", "object": "customer", "deleted": True})
    world.run(world.provider.delete_customer("cus_1"))
    assert world.server.calls == [("DELETE", "/v1/customers/cus_1"), ("GET", "/v1/customers/cus_1")]


def test_deleting_what_never_was_is_not_found(world: World) -> None:
    world.on("DELETE", "/v1/customers/cus_1", missing()).on("GET", "/v1/customers/cus_1", missing())
    with pytest.raises(NotFound):
        world.run(world.provider.delete_customer("cus_1"))


def test_a_deletion_whose_answer_is_lost_is_looked_up(world: World) -> None:
    world.on("DELETE", "/v1/customers/cus_1", httpx.ReadTimeout("lost"))
    world.on("GET", "/v1/customers/cus_1", {"id": "cus_1", "object": "customer", "deleted": True})
    world.run(world.provider.delete_customer("cus_1"))
    assert len(world.server.seen) == 2


def test_a_deletion_that_did_not_happen_stays_unknown_and_can_be_recovered(world: World) -> None:
    world.on("DELETE", "/v1/customers/cus_1", httpx.ReadTimeout("lost"), customer(deleted=True))
    world.on("GET", "/v1/customers/cus_1", customer())
    with pytest.raises(NetworkOutcomeUnknown) as caught:
        world.run(world.provider.delete_customer("cus_1"))
    assert world.run(world.provider.recover(caught.value)) is None


def test_a_deletion_is_unknown_when_the_state_cannot_be_read_either() -> None:
    world = World("blocking", attempts=1)
    world.on("DELETE", "/v1/customers/cus_1", refusal(500))
    world.on("GET", "/v1/customers/cus_1", httpx.ConnectError("down"))
    with pytest.raises(OutcomeUnknown):
        world.run(world.provider.delete_customer("cus_1"))


@pytest.mark.parametrize(
    ("metadata", "rule"),
    [
        ({f"k{i}": "v" for i in range(51)}, "50 keys"),
        ({"k" * 41: "v"}, "40 characters"),
        ({"k": "v" * 501}, "500 characters"),
        ({"a[b]": "v"}, "square brackets"),
        ({"a]": "v"}, "square brackets"),
    ],
)
def test_metadata_that_stripe_cannot_keep_is_refused_before_sending(
    world: World, metadata: dict[str, str], rule: str
) -> None:
    with pytest.raises(InvalidRequest, match=rule) as caught:
        world.run(world.provider.create_customer("ada@example.com", metadata=metadata))
    assert caught.value.param == "metadata"
    with pytest.raises(InvalidRequest):
        world.run(
            world.provider.create_checkout_session(
                "cus_1", "price_pro", "https://a.test", "https://b.test", metadata=metadata
            )
        )
    assert world.server.seen == []


def test_metadata_at_the_limit_is_sent(world: World) -> None:
    metadata = {f"{i:040}": "v" * 500 for i in range(50)}
    world.on("POST", "/v1/customers", customer(metadata=metadata))
    world.run(world.provider.create_customer("ada@example.com", metadata=metadata))
    assert len(world.server.only("POST").form) == 51


def test_payment_methods_are_listed_over_all_pages(world: World) -> None:
    bank = payment_method(
        id="pm_2", type="us_bank_account", us_bank_account={"bank_name": "STRIPE TEST BANK", "last4": "6789"}
    )
    odd = {"id": "pm_3", "object": "payment_method", "customer": {"id": "cus_1"}}
    world.on("GET", "/v1/customers/cus_1/payment_methods", listing(payment_method(), more=True), listing(bank, odd))
    found = world.run(world.provider.get_payment_methods("cus_1"))
    assert found == [
        PaymentMethod("pm_1", "card", "4242", "visa", "cus_1", 8, 2030, provider="stripe"),
        PaymentMethod("pm_2", "us_bank_account", "6789", "STRIPE TEST BANK", "cus_1", provider="stripe"),
        PaymentMethod("pm_3", "unknown", customer_id="cus_1", provider="stripe"),
    ]
    assert [request.query for request in world.server.seen] == [
        {"limit": "100"},
        {"limit": "100", "starting_after": "pm_1"},
    ]


def test_a_payment_method_is_detached(world: World) -> None:
    world.on("POST", "/v1/payment_methods/pm_1/detach", payment_method(customer=None))
    assert world.run(world.provider.remove_payment_method("pm_1", idempotency_key="detach")) is None
    assert world.server.only("POST").key == "detach"


def test_removing_a_payment_method_twice_is_no_error(world: World) -> None:
    world.on("POST", "/v1/payment_methods/pm_1/detach", refusal(400, message="it is not attached to a customer"))
    world.on("GET", "/v1/payment_methods/pm_1", payment_method(customer=None))
    world.run(world.provider.remove_payment_method("pm_1"))


def test_a_payment_method_that_cannot_be_detached_is_an_error(world: World) -> None:
    world.on("POST", "/v1/payment_methods/pm_1/detach", refusal(400, "something_else"))
    world.on("GET", "/v1/payment_methods/pm_1", payment_method())
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.remove_payment_method("pm_1"))
    assert caught.value.code == "something_else"
