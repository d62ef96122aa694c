"""The sandbox, used as a person uses it: pages, buttons, and an application that is told of what happens."""

import socket
import threading
import time
from collections.abc import Callable, Generator

import httpx
import pytest

from paylattice import Money, sync
from paylattice.providers.stripe import StripeConfig
from paylattice.testing import StripeStandIn
from paylattice.testing.sandbox import Sandbox
from paylattice.testing.sandbox.outbox import Outbox

from .support import ORG, Browser, Street, street

PROVIDERS = ("stripe", "paypal", "square")


@pytest.fixture(params=PROVIDERS)
def there(request: pytest.FixtureRequest) -> Generator[Street]:
    with street(request.param) as made:
        yield made


@pytest.fixture
def person() -> Generator[Browser]:
    with Browser() as browser:
        yield browser


def wait_until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, f"it never came true: {what}"
        time.sleep(0.02)


def allowed(there: Street) -> bool:
    return there.billing.access(ORG).allowed


def test_a_person_pays_and_the_application_knows(there: Street, person: Browser) -> None:
    seen = person.open(there.page())
    assert "19.00 USD" in seen or "USD 19.00" in seen or "19.00" in seen
    assert not allowed(there)
    person.press("Pay")
    (back,) = there.shop.returned
    assert back["path"] == "/ok"
    wait_until(lambda: allowed(there), "the webhooks arrived")


def test_a_declined_payment_says_why_and_can_be_tried_again(there: Street, person: Browser) -> None:
    if there.name == "paypal":
        pytest.skip("a payer agrees at PayPal, and is charged afterwards")
    person.open(there.page())
    seen = person.press("Let the bank decline")
    assert "Declined:" in seen
    assert there.shop.returned == []
    person.press("Pay")
    assert [each["path"] for each in there.shop.returned] == ["/ok"]
    wait_until(lambda: allowed(there), "the second attempt was paid")


def test_who_gives_up_goes_back_and_has_bought_nothing(there: Street, person: Browser) -> None:
    person.open(there.page())
    person.press("Give up, and go back")
    assert [each["path"] for each in there.shop.returned] == ["/no" if there.name != "square" else "/ok"]
    assert not allowed(there)


def test_the_bank_may_ask_first(there: Street, person: Browser) -> None:
    person.open(there.page())
    assert "Your bank wants to know" in person.press("Authenticate with the bank first")
    person.press("It is me")
    wait_until(lambda: allowed(there), "the payer authenticated")


def test_what_stripe_and_paypal_add_to_the_return_address_confirms_it(person: Browser) -> None:
    with street("stripe") as there:
        person.open(there.page())
        person.press("Pay")
        (back,) = there.shop.returned
        confirmed = there.billing.confirm_return(back["session_id"], org_id=ORG)
        assert confirmed is not None
        assert confirmed.status == "active"
    with street("paypal") as there:
        person.open(there.page())
        person.press("Pay")
        (back,) = there.shop.returned
        assert back["subscription_id"] == there.stand_in.objects("subscription")[0]["id"]


def test_a_page_is_done_once(there: Street, person: Browser) -> None:
    address = there.page()
    person.open(address)
    person.press("Pay")
    seen = person.open(address)
    assert "Nothing to do here any more" in seen or "There is no such page" in seen


def test_the_dashboard_moves_the_clock_and_declines_a_renewal(there: Street, person: Browser) -> None:
    person.open(there.page())
    person.press("Pay")
    wait_until(lambda: allowed(there), "it was bought")
    person.open(f"{there.base}/_")
    seen = person.press("Decline the next payments", times="9")
    assert "The bank declines the next 9 payments" in seen
    before = there.stand_in.now
    assert "It is now" in person.press("+1 month")
    for _ in range(3):
        person.press("+1 week")
    assert (there.stand_in.now - before).days >= 49

    def in_trouble() -> bool:
        found = there.billing.subscriptions(ORG)
        return bool(found) and str(found[0].status) not in {"active", "incomplete"}

    wait_until(in_trouble, "the failed renewal was told")


def test_deliveries_are_shown_with_their_answers_and_sent_again(there: Street, person: Browser) -> None:
    there.shop.refuses = True
    person.open(there.page())
    person.press("Pay")
    wait_until(lambda: any(not each.ok for each in there.box.outbox.posted), "a delivery was refused")
    assert not allowed(there)
    there.shop.refuses = False
    seen = person.open(f"{there.base}/_")
    assert "of them without success" in seen
    assert "500" in seen
    failed = [each.event_id for each in there.box.outbox.posted if not each.ok]
    for event_id in dict.fromkeys(failed):
        answer = httpx.post(f"{there.base}/_/do/redeliver", data={"id": event_id})
        assert "bad=1" not in answer.headers["Location"]
    wait_until(lambda: allowed(there), "what was refused came again")


@pytest.mark.parametrize("how", ["Lose the next", "Double the next", "Shuffle the next"])
def test_deliveries_get_lost_double_and_out_of_order(how: str, person: Browser) -> None:
    with street("stripe") as there:
        address = there.page()
        there.box.outbox.flush()
        before = len(there.box.outbox.posted)
        person.open(f"{there.base}/_")
        person.press(how)
        person.open(address)
        person.press("Pay")
        wait_until(lambda: len(there.box.outbox.posted) >= before + 5, "it was delivered")
        posted = list(reversed(there.box.outbox.posted))[before:]
        if how == "Lose the next":
            assert posted[0].answer == "lost"
            assert len([each for each in posted if each.answer == "lost"]) == 1
        elif how == "Double the next":
            assert posted[0].event_id == posted[1].event_id
        assert all(each.ok for each in posted if each.answer != "lost")


def test_every_button_of_the_dashboard_answers_in_words(there: Street, person: Browser) -> None:
    for name in ("advance", "decline", "renew", "settle_refund", "open_dispute", "add_plan", "nothing", "misbehave"):
        answer = httpx.post(f"{there.base}/_/do/{name}", data={"days": "many", "id": "none", "how": "badly"})
        assert answer.status_code == 303
        assert "bad=1" in answer.headers["Location"], name
        assert person.open(f"{there.base}{answer.headers['Location']}")


def test_a_plan_offered_on_the_dashboard_can_be_sold(there: Street, person: Browser) -> None:
    person.open(f"{there.base}/_")
    assert "The plan team is" in person.press("Offer", id="team", amount="49.00")
    assert "49.00" in person.open(there.page("team"))


def test_bank_debits_clear_later(person: Browser) -> None:
    with street("stripe") as there:
        address = f"{there.shop.base}/ok"
        page = there.billing.provider("stripe").create_payment_session(Money(500, "USD"), address, address)
        person.open(str(page.url))
        person.press("Pay by bank debit: the money comes later")
        assert there.stand_in.money_taken() == 0
        person.open(f"{there.base}/_")
        assert "The money arrived" in person.press("Money arrives")
        assert there.stand_in.money_taken() == 500


def test_a_dispute_is_opened_and_lost(there: Street, person: Browser) -> None:
    person.open(there.page())
    person.press("Pay")
    wait_until(lambda: allowed(there), "it was bought")
    person.open(f"{there.base}/_")
    assert "wants the money back" in person.press("Dispute")
    assert "against you" in person.press("You lose")


def test_what_a_customer_writes_is_shown_as_text(person: Browser) -> None:
    with street("stripe") as there:
        there.billing.ensure_customer(ORG, email="ada@example.com", name="<script>alert(1)</script>")
        person.open(f"{there.base}/_")
        assert "<script>" not in person.page
        assert "&lt;script&gt;" in person.page


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({"Host": "evil.test"}, "GET"),
        ({"Host": "evil.test"}, "POST"),
        ({"Origin": "https://evil.test"}, "POST"),
    ],
)
def test_another_sites_page_cannot_press_a_button(headers: dict[str, str], method: str) -> None:
    with street("stripe") as there:
        now = there.stand_in.now
        answer = httpx.request(method, f"{there.base}/_/do/advance", data={"days": "1"}, headers=headers)
        assert answer.status_code == 403
        assert there.stand_in.now == now


def test_pages_run_no_script_and_load_nothing(person: Browser) -> None:
    with street("stripe") as there:
        answer = httpx.get(f"{there.base}/_")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
        assert "<script" not in answer.text
        assert "http-equiv" not in answer.text


def test_without_a_webhook_url_deliveries_wait(person: Browser) -> None:
    stand_in = StripeStandIn()
    with Sandbox(stand_in).serve() as base:
        stand_in.add_plan("pro", Money(1900, "USD"))
        assert "deliveries wait" in person.open(f"{base}/_")
    assert stand_in.deliveries()


def test_a_payer_agrees_to_a_change_at_paypal(person: Browser) -> None:
    with street("paypal") as there:
        there.stand_in.add_plan("team", Money(4900, "USD"))
        person.open(there.page())
        person.press("Pay")
        wait_until(lambda: allowed(there), "it was bought")
        change = there.billing.change_plan(ORG, "team")
        assert change.approval_url is not None
        person.open(change.approval_url)
        person.press("Agree")
        assert there.stand_in.objects("subscription")[0]["plan_id"] == "team"


def test_addresses_that_leave_the_stand_in_are_its_own_again_afterwards() -> None:
    with street("stripe") as there:
        assert there.page().startswith(there.base)
    with there.stand_in.serve() as base:
        config = StripeConfig(secret_key="sk_test_standin", base_url=base)
        with sync.create_provider("stripe", config=config) as provider:
            page = provider.create_checkout_session(
                "cus_standin000001", "pro", "https://a.test/ok", "https://a.test/no"
            )
    assert page.url is not None
    assert page.url.startswith("https://checkout.stripe.com/")


@pytest.mark.parametrize("name", ["stripe", "square"])
def test_an_invoice_that_is_owed_is_paid_on_its_page(name: str, person: Browser) -> None:
    with street(name) as there:
        person.open(there.page())
        person.press("Pay")
        wait_until(lambda: allowed(there), "it was bought")
        person.open(f"{there.base}/_")
        person.press("Decline the next payments", times="1")
        person.press("+1 month")
        person.press("+1 day")

        def owed() -> list[str]:
            invoices = there.billing.invoices(ORG)
            return [str(each.hosted_url) for each in invoices if each.status == "open" and each.hosted_url]

        wait_until(lambda: bool(owed()), "the renewal was not paid")
        (address,) = owed()
        assert address.startswith(there.base)
        assert "19.00 USD" in person.open(address)
        person.press("Pay")
        assert owed() == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", "302"),
        (b"this is no HTTP\r\n\r\n", "no answer"),
        (b"", "no answer"),
    ],
)
def test_what_is_no_success_is_shown_as_failed_and_the_next_delivery_goes_out(answer: bytes, told: str) -> None:
    stand_in = StripeStandIn()
    stand_in.add_plan("pro", Money(1900, "USD"))
    waiting = len(stand_in.deliveries())
    for event in stand_in.objects("event"):
        stand_in.redeliver(str(event["id"]))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/webhooks/stripe"

        def reply() -> None:
            for _ in range(waiting):
                with listening.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        answering = threading.Thread(target=reply, daemon=True)
        answering.start()
        outbox = Outbox(stand_in, url)
        assert outbox.flush() == waiting
        answering.join()
    assert [each.ok for each in outbox.posted] == [False] * waiting
    assert all(told in each.answer for each in outbox.posted)
