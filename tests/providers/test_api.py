"""What ``JSONAPI`` does for every provider that holds one."""

from collections.abc import Callable, Mapping
from json import loads
from typing import ClassVar

import attrs
import httpx
import pytest

from paylattice import Customer, errors
from paylattice.config import ProviderConfig, Secret, env, url_from
from paylattice.driving import run
from paylattice.errors import DeclineReason, PaymentError
from paylattice.jsonlike import JsonObject, identity, text
from paylattice.providers.api import JSONAPI, ErrorResponse, Request, Response, path_of
from paylattice.transport import BlockingTransport, Observer, ResponseReceived, RetryPolicy

Answer = httpx.Response | Exception


@attrs.frozen(kw_only=True)
class ShopConfig(ProviderConfig):
    provider: ClassVar[str] = "shop"
    api_key: Secret | None = attrs.field(
        default=None, converter=Secret.of, metadata=env("SHOP_API_KEY", "call the API", required=True)
    )
    base_url: str | None = attrs.field(default=None, converter=url_from)


class Shop(JSONAPI[ShopConfig]):
    base_url = "https://shop.test/v1"

    def auth_headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.config.api_key.reveal() if self.config.api_key else ''}"}


def customer_from(data: JsonObject) -> Customer:
    return Customer(identity(data, "id", "customer"), text(data, "email"), provider="shop", raw=data)


class Desk:
    """Answers in turn; the last answer stays."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def shop(*answers: Answer, kind: type[Shop] = Shop, **settings: str) -> tuple[Shop, Desk]:
    desk = Desk(*answers)
    transport = BlockingTransport(
        transport=httpx.MockTransport(desk), sleep=lambda _: None, retry=RetryPolicy(attempts=3)
    )
    return kind(ShopConfig(api_key="key_1", **settings), transport), desk


def json(status: int, body: object, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def failure(api: Shop, request: Request) -> PaymentError:
    with pytest.raises(PaymentError) as caught:
        run(api.send(request))
    return caught.value


READ = Request("GET", "/customers/1")
WRITE = Request("POST", "/customers", json={"email": "ada@example.com"}, idempotency_key="k1")


# --- what is sent ------------------------------------------------------------------------------------------------


def test_a_request_goes_below_the_base_url_with_the_credentials_and_the_key() -> None:
    api, desk = shop(json(200, {"id": "1"}))
    assert run(api.send(WRITE)) == {"id": "1"}
    sent = desk.requests[0]
    assert str(sent.url) == "https://shop.test/v1/customers"
    assert sent.headers["authorization"] == "Bearer key_1"
    assert sent.headers["idempotency-key"] == "k1"
    assert sent.content == b'{"email":"ada@example.com"}'


def test_a_configured_base_url_replaces_the_class_s() -> None:
    api, desk = shop(json(200, {}), base_url="http://127.0.0.1:8080/")
    run(api.send(READ))
    assert str(desk.requests[0].url) == "http://127.0.0.1:8080/customers/1"


@pytest.mark.parametrize("path", ["https://elsewhere.test/customers", "//elsewhere.test/x", "customers", ""])
def test_a_request_cannot_leave_the_base_url(path: str) -> None:
    api, desk = shop(json(200, {}))
    assert isinstance(failure(api, Request("GET", path)), errors.InvalidRequest)
    assert desk.requests == []


def test_a_read_carries_no_key() -> None:
    api, desk = shop(json(200, {}))
    run(api.send(attrs.evolve(READ, idempotency_key="k1", params={"page": "2"})))
    assert "idempotency-key" not in desk.requests[0].headers
    assert desk.requests[0].url.query == b"page=2"


def test_ids_are_quoted_and_an_id_that_leads_elsewhere_is_refused() -> None:
    assert path_of("customers", "a:b@c") == "/customers/a%3Ab%40c"
    for wrong in ("..", "a/b", "", "a b"):
        with pytest.raises(errors.InvalidResponse):
            path_of("customers", wrong)


def test_a_missing_setting_is_named_at_once() -> None:
    with pytest.raises(errors.ConfigurationError, match="SHOP_API_KEY"):
        Shop(ShopConfig(), BlockingTransport())


def test_a_transport_is_made_when_the_first_request_needs_it() -> None:
    made: list[BlockingTransport] = []

    def make() -> BlockingTransport:
        made.append(BlockingTransport(transport=httpx.MockTransport(Desk(json(200, {"id": "1"})))))
        return made[-1]

    api = Shop(ShopConfig(api_key="key_1"), make)
    assert made == []
    assert run(api.send(READ)) == {"id": "1"}
    assert len(made) == 1


# --- what comes back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [202, 204])
def test_an_answer_without_content_is_an_empty_object(status: int) -> None:
    api, _ = shop(httpx.Response(status))
    assert run(api.send(Request("DELETE", "/customers/1", idempotency_key="k1"))) == {}


def test_a_model_is_made_and_a_stored_answer_says_so() -> None:
    api, _ = shop(json(200, {"id": "1"}, Idempotent_Replayed="true"))
    made = run(api.send(WRITE, customer_from))
    assert made.id == "1"
    assert made.replayed


def test_what_is_not_found_is_none() -> None:
    api, _ = shop(json(404, {"error": {"code": "missing"}}))
    assert run(api.find("/customers/1", customer_from)) is None
    api, _ = shop(json(200, {"id": "1"}))
    assert run(api.find("/customers/1", customer_from)) == Customer("1", provider="shop")


def test_a_page_that_is_not_the_api_does_not_count_as_not_found() -> None:
    api, _ = shop(httpx.Response(404, text="<html>no such site</html>"))
    with pytest.raises(errors.InvalidResponse, match="base URL"):
        run(api.find("/customers/1", customer_from))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b'{"id":', b"\xff"])
def test_a_success_that_is_no_object_cannot_be_read(body: bytes) -> None:
    api, _ = shop(httpx.Response(200, content=body))
    assert type(failure(api, READ)) is errors.InvalidResponse
    assert type(failure(api, WRITE)) is errors.ResponseOutcomeUnknown


def test_a_write_whose_model_cannot_be_made_was_done_all_the_same() -> None:
    api, _ = shop(json(200, {"name": "no id"}, Request_Id="req_1"))
    with pytest.raises(errors.ResponseOutcomeUnknown) as caught:
        run(api.send(WRITE, customer_from))
    assert (caught.value.http_status, caught.value.request_id, caught.value.idempotency_key) == (200, "req_1", "k1")
    with pytest.raises(errors.InvalidResponse) as read:
        run(api.send(READ, customer_from))
    assert not read.value.outcome_unknown


# --- refusals ----------------------------------------------------------------------------------------------------

TABLE: Mapping[int, type[PaymentError]] = {
    400: errors.InvalidRequest,
    401: errors.AuthenticationError,
    402: errors.Declined,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    405: errors.InvalidRequest,
    408: errors.ProviderUnavailable,
    409: errors.Conflict,
    410: errors.NotFound,
    422: errors.InvalidRequest,
    425: errors.ProviderUnavailable,
    429: errors.RateLimited,
    500: errors.ProviderUnavailable,
    503: errors.ProviderUnavailable,
}


@pytest.mark.parametrize(("status", "kind"), TABLE.items())
def test_a_status_means_an_error(status: int, kind: type[PaymentError]) -> None:
    api, _ = shop(json(status, {"error": {"code": "some_code", "message": "It is so."}}, Request_Id="req_1"))
    error = failure(api, READ)
    assert type(error) is kind
    assert (error.code, error.http_status, error.request_id) == ("some_code", status, "req_1")
    assert ("It is so." in error.message) is (kind is not errors.AuthenticationError)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_no_answer(status: int) -> None:
    api, desk = shop(httpx.Response(status, headers={"Location": "https://elsewhere.test/"}))
    assert type(failure(api, READ)) is errors.InvalidResponse
    assert [request.url.host for request in desk.requests] == ["shop.test"]


def test_wrong_credentials_name_the_variable_and_repeat_nothing() -> None:
    api, _ = shop(json(401, {"error": {"message": "Key key_1 is unknown"}}))
    error = failure(api, READ)
    assert "SHOP_API_KEY" in error.message
    assert "key_1" not in str(error)


def test_a_rate_limit_says_how_long_to_wait() -> None:
    api, _ = shop(json(429, {}, Retry_After="90"))
    error = failure(api, READ)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == 90
    assert error.retryable


def test_what_the_provider_says_is_cleaned() -> None:
    said = "No ada@example.com with 4242 4242 4242 4242\n" + "x" * 1000
    api, _ = shop(json(400, {"error": {"code": said, "message": said}}, Request_Id="a b"))
    error = failure(api, READ)
    assert "ada@example.com" not in str(error)
    assert "4242" not in str(error)
    assert len(str(error)) < 500
    assert error.code is None
    assert error.request_id is None


def test_a_server_error_leaves_the_outcome_of_a_write_unknown() -> None:
    api, desk = shop(json(500, {}))
    error = failure(api, WRITE)
    assert type(error) is errors.UnavailableOutcomeUnknown
    assert error.retryable
    assert {request.headers["idempotency-key"] for request in desk.requests} == {"k1"}
    assert len(desk.requests) == 3


def test_a_server_error_that_is_stored_is_not_worth_repeating() -> None:
    api, _ = shop(json(500, {}, Idempotent_Replayed="true"))
    error = failure(api, WRITE)
    assert isinstance(error, errors.OutcomeUnknown)
    assert not error.retryable
    assert "new key" in error.message


@pytest.mark.parametrize("status", [401, 403, 409, 429])
def test_a_refusal_of_this_attempt_says_nothing_of_an_earlier_one(status: int) -> None:
    api, _ = shop(httpx.ReadTimeout("lost"), json(status, {}))
    assert type(failure(api, WRITE)) is errors.OutcomeUnknown


@pytest.mark.parametrize("status", [400, 402, 404, 422])
def test_a_refusal_by_the_endpoint_is_an_answer_to_an_earlier_attempt_too(status: int) -> None:
    api, _ = shop(httpx.ReadTimeout("lost"), json(status, {}))
    assert type(failure(api, WRITE)) is TABLE[status]


def test_without_keys_a_write_is_never_repeated() -> None:
    class Keyless(Shop):
        idempotency_header = None

    api, desk = shop(httpx.ReadTimeout("lost"), json(200, {"id": "1"}), kind=Keyless)
    assert isinstance(failure(api, WRITE), errors.NetworkOutcomeUnknown)
    assert len(desk.requests) == 1
    assert "idempotency-key" not in desk.requests[0].headers


def refusing(refusal: ErrorResponse) -> type[Shop]:
    class Wordy(Shop):
        def error_response(self, body: JsonObject, response: Response) -> ErrorResponse:
            return refusal

    return Wordy


@pytest.mark.parametrize(
    ("refusal", "holds"),
    [
        (
            ErrorResponse(kind=errors.Declined, reason=DeclineReason.EXPIRED_CARD, payment_id="pay_1"),
            lambda error: (error.reason, error.payment_id) == (DeclineReason.EXPIRED_CARD, "pay_1"),
        ),
        (
            ErrorResponse(
                kind=errors.ActionRequired, url="https://shop.test/3ds", client_secret="s", payment_id="pay_1"
            ),
            lambda error: (error.url, error.client_secret) == ("https://shop.test/3ds", "s"),
        ),
        (ErrorResponse(kind=errors.InvalidRequest, param="plan"), lambda error: error.param == "plan"),
        (ErrorResponse(kind=errors.InvalidRequest, param="ada@example.com"), lambda error: error.param is None),
        (ErrorResponse(kind=errors.Conflict), lambda error: not error.retryable),
        (ErrorResponse(kind=errors.Conflict, transient=True), lambda error: error.retryable),
        (ErrorResponse(kind=errors.IdempotencyMismatch), lambda error: "new key" in error.message),
    ],
)
def test_a_provider_s_own_words_become_an_error(refusal: ErrorResponse, holds: Callable[[PaymentError], bool]) -> None:
    api, _ = shop(json(400, {}), kind=refusing(refusal))
    error = failure(api, WRITE)
    assert type(error) is refusal.kind
    assert holds(error)


def test_a_hint_of_the_provider_decides_about_trying_again() -> None:
    class Hinting(Shop):
        def retry_hint(self, response: Response) -> bool | None:
            return response.headers.get("try-again") == "yes"

    api, desk = shop(json(409, {}, Try_Again="yes"), json(200, {"id": "1"}), kind=Hinting)
    assert run(api.send(WRITE)) == {"id": "1"}
    assert len(desk.requests) == 2


# --- keys in the body, ids of requests -----------------------------------------------------------------------------


class BodyKeys(Shop):
    title = "The Shop"
    idempotency_header = None
    idempotency_field = "idempotency_key"
    request_id_header = "X-Trace"


def test_a_key_can_travel_in_the_body() -> None:
    api, desk = shop(json(200, {"id": "cus_1"}), kind=BodyKeys)
    run(api.send(WRITE))
    assert loads(desk.requests[0].content) == {"idempotency_key": "k1", "email": "ada@example.com"}
    assert "idempotency-key" not in desk.requests[0].headers


def test_a_write_whose_key_is_in_the_body_is_sent_again_and_one_without_is_not() -> None:
    api, desk = shop(json(503, {}), json(200, {"id": "cus_1"}), kind=BodyKeys)
    assert run(api.send(WRITE))["id"] == "cus_1"
    api, desk = shop(json(503, {}), json(200, {"id": "cus_1"}), kind=BodyKeys)
    failure(api, attrs.evolve(WRITE, idempotency_key=None))
    assert len(desk.requests) == 1


def test_messages_call_the_provider_by_its_title_and_carry_its_request_id() -> None:
    error = failure(shop(json(403, {}, X_Trace="t1"), kind=BodyKeys)[0], READ)
    assert error.request_id == "t1"


def test_observers_are_told_the_request_id_by_the_providers_own_header() -> None:
    seen: list[str | None] = []

    class Watch(Observer):
        def on_response(self, event: ResponseReceived) -> None:
            seen.append(event.request_id)

    transport = BlockingTransport(
        transport=httpx.MockTransport(Desk(json(200, {"id": "1"}, X_Trace="t1"))), observers=[Watch()]
    )
    run(BodyKeys(ShopConfig(api_key="key_1"), transport).send(READ))
    assert seen == ["t1"]


@attrs.frozen(kw_only=True)
class CarelessConfig(ShopConfig):
    base_url: str | None = attrs.field(default=None)


def test_an_address_in_the_clear_is_refused_before_credentials_are_sent_there() -> None:
    with pytest.raises(errors.ConfigurationError, match="this machine"):
        Shop(CarelessConfig(api_key="key_1", base_url="http://shop.test/v1"), BlockingTransport())
