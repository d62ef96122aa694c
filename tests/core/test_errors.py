"""The errors: their tree, what they say, what they keep for themselves, and how they travel."""

import copy
import pickle

import pytest

from paylattice import errors
from paylattice.errors import (
    ActionRequired,
    Advice,
    Declined,
    DeclineReason,
    Diagnosis,
    InvalidRequest,
    InvalidResponse,
    InvalidSignature,
    NetworkError,
    NetworkOutcomeUnknown,
    OutcomeUnknown,
    PaymentError,
    ProviderUnavailable,
    RateLimited,
    ResponseOutcomeUnknown,
    StaleSignature,
    UnavailableOutcomeUnknown,
    UnsupportedOperation,
    VerificationUnavailable,
    WebhookError,
)

CONTEXT = {
    "provider": "acme",
    "operation": "create_payment",
    "code": "card_declined",
    "http_status": 402,
    "request_id": "req_1",
    "idempotency_key": "key-1",
}
OWN_FIELDS: dict[type[PaymentError], dict[str, object]] = {
    InvalidRequest: {"param": "email"},
    Declined: {"reason": DeclineReason.EXPIRED_CARD, "payment_id": "pay_1"},
    ActionRequired: {"url": "https://bank.example/3ds", "payment_id": "pay_1"},
    RateLimited: {"retry_after": 2.5},
    UnsupportedOperation: {"reason": "It cannot.", "alternative": "Cancel."},
    WebhookError: {"diagnosis": Diagnosis.WRONG_SECRET},
    InvalidSignature: {"diagnosis": Diagnosis.WRONG_SECRET},
    StaleSignature: {"diagnosis": Diagnosis.TIMESTAMP_TOO_OLD},
    VerificationUnavailable: {"diagnosis": Diagnosis.CERTIFICATE_UNAVAILABLE},
}
CLASSES = [
    kind for name in errors.__all__ if issubclass(kind := getattr(errors, name), PaymentError) and kind.__name__ == name
]


def example(kind: type[PaymentError]) -> PaymentError:
    return kind("it failed", **CONTEXT, **OWN_FIELDS.get(kind, {}))


def parents(kind: type) -> set[str]:
    return {base.__name__ for base in kind.__bases__}


def test_the_tree_is_the_one_in_the_design() -> None:
    flat = {
        "ConfigurationError",
        "AuthenticationError",
        "PermissionDenied",
        "NotFound",
        "Declined",
        "ActionRequired",
        "Conflict",
        "IdempotencyMismatch",
        "RateLimited",
        "ProviderUnavailable",
        "NetworkError",
        "InvalidResponse",
        "OutcomeUnknown",
        "UnsupportedOperation",
        "WebhookError",
    }
    expected = {name: {"PaymentError"} for name in flat}
    expected |= {
        "PaymentError": {"Exception"},
        "InvalidRequest": {"PaymentError", "ValueError"},
        "InvalidProvider": {"ConfigurationError", "TypeError"},
        "NetworkOutcomeUnknown": {"OutcomeUnknown", "NetworkError"},
        "UnavailableOutcomeUnknown": {"OutcomeUnknown", "ProviderUnavailable"},
        "ResponseOutcomeUnknown": {"OutcomeUnknown", "InvalidResponse"},
        "InvalidSignature": {"WebhookError"},
        "StaleSignature": {"WebhookError"},
        "MalformedPayload": {"WebhookError"},
        "VerificationUnavailable": {"WebhookError"},
    }
    assert {kind.__name__: parents(kind) for kind in CLASSES} == expected


def test_the_drawing_in_the_docstring_names_every_error() -> None:
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in CLASSES if kind.__name__ not in errors.__doc__] == []


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_carries_where_and_what(kind: type[PaymentError]) -> None:
    error = example(kind)
    assert {name: getattr(error, name) for name in CONTEXT} == CONTEXT
    assert {name: getattr(error, name) for name in OWN_FIELDS.get(kind, {})} == OWN_FIELDS.get(kind, {})
    assert error.message == "it failed"


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_says_provider_operation_code_status_and_request(kind: type[PaymentError]) -> None:
    error = example(kind)
    assert str(error) == "acme.create_payment: it failed (card_declined, HTTP 402, request req_1)"
    assert repr(error) == f"{kind.__name__}({str(error)!r})"


def test_what_an_error_does_not_know_it_leaves_out() -> None:
    assert str(PaymentError("it failed")) == "it failed"
    assert str(PaymentError("it failed", provider="acme")) == "acme: it failed"
    assert str(PaymentError("it failed", operation="get_plan", http_status=500)) == "get_plan: it failed (HTTP 500)"


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_travels_with_its_fields(kind: type[PaymentError], protocol: int) -> None:
    error = example(kind)
    twin = pickle.loads(pickle.dumps(error, protocol))
    assert type(twin) is kind
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert vars(twin) == vars(error)


def test_fields_that_were_written_later_travel_too() -> None:
    error = PaymentError("it failed")
    error.provider = "acme"
    assert pickle.loads(pickle.dumps(error)).provider == "acme"


def test_the_client_secret_can_be_asked_for_and_is_seen_nowhere_else() -> None:
    error = ActionRequired("authenticate", client_secret="pi_1_secret_2")
    assert error.client_secret == "pi_1_secret_2"
    assert "secret_2" not in f"{error} {error!r} {vars(error)!r} {error.args!r} {error.__dict__!r}"


@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_the_client_secret_does_not_travel(copied: object) -> None:
    error = ActionRequired("authenticate", client_secret="pi_1_secret_2", payment_id="pi_1")
    assert b"secret_2" not in pickle.dumps(error)
    twin = copied(error)  # type: ignore[operator]
    assert (twin.client_secret, twin.payment_id) == (None, "pi_1")


def test_the_means_to_repeat_do_not_travel() -> None:
    error = NetworkOutcomeUnknown("lost")
    error._replay = lambda provider: provider
    twin = pickle.loads(pickle.dumps(error))
    assert twin._replay is None
    assert twin.outcome_unknown


@pytest.mark.parametrize(
    "kind", [OutcomeUnknown, NetworkOutcomeUnknown, UnavailableOutcomeUnknown, ResponseOutcomeUnknown]
)
def test_an_unknown_outcome_says_so_whatever_it_is_told(kind: type[PaymentError]) -> None:
    assert kind("lost").outcome_unknown
    assert kind("lost", outcome_unknown=False).outcome_unknown
    assert kind("lost").retryable
    assert not kind("stored", retryable=False).retryable


def test_unknown_outcomes_are_caught_as_what_they_come_from() -> None:
    assert isinstance(NetworkOutcomeUnknown("x"), NetworkError)
    assert isinstance(UnavailableOutcomeUnknown("x"), ProviderUnavailable)
    assert isinstance(ResponseOutcomeUnknown("x"), InvalidResponse)
    assert not isinstance(NetworkError("x"), OutcomeUnknown)


def test_only_errors_that_pass_are_worth_another_try() -> None:
    assert {kind.__name__ for kind in CLASSES if example(kind).retryable} == {
        "NetworkError",
        "NetworkOutcomeUnknown",
        "OutcomeUnknown",
        "ProviderUnavailable",
        "RateLimited",
        "ResponseOutcomeUnknown",
        "UnavailableOutcomeUnknown",
        "VerificationUnavailable",
    }


def test_an_invalid_request_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="bad"):
        raise InvalidRequest("bad", param="email")


@pytest.mark.parametrize("reason", DeclineReason)
def test_every_reason_of_a_decline_has_advice(reason: DeclineReason) -> None:
    error = Declined("no", reason=reason)
    assert error.advice_on_session in Advice
    assert error.advice_off_session in Advice


def test_advice_depends_on_whether_the_payer_is_there() -> None:
    error = Declined("no", reason=DeclineReason.AUTHENTICATION_REQUIRED)
    assert (error.advice_on_session, error.advice_off_session) == (Advice.AUTHENTICATE, Advice.BRING_THE_PAYER_BACK)


def test_the_providers_own_advice_goes_first() -> None:
    error = Declined("no", reason=DeclineReason.ISSUER_DECLINED, advice_off_session=Advice.DO_NOT_RETRY)
    assert error.advice_off_session is Advice.DO_NOT_RETRY


def test_nobody_is_told_to_charge_a_stolen_card_again() -> None:
    assert Declined("no", reason=DeclineReason.LOST_STOLEN_OR_FRAUD).advice_off_session is Advice.DO_NOT_RETRY


def test_an_unsupported_operation_says_why_and_what_instead() -> None:
    error = UnsupportedOperation(reason="Acme has no pause.", alternative="Cancel.", provider="acme")
    assert str(error) == "acme: not supported: Acme has no pause. Instead: Cancel."
    assert str(UnsupportedOperation(reason="No.")) == "not supported: No."
    assert str(UnsupportedOperation("Say this.", reason="No.")) == "Say this."
