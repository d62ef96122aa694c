"""Checks of a provider: its own webhooks are read, and forgeries of many kinds are refused."""

import json
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

import attrs
import pytest

from ....config import ProviderConfig, Secret
from ....errors import (
    ConfigurationError,
    Diagnosis,
    PaymentError,
    StaleSignature,
    VerificationUnavailable,
    WebhookError,
)
from ....events import EventType, WebhookEvent
from ....operations import Capability
from ....provider import config_of, transport_of
from ..expectations import expect
from .checks import ProviderChecks
from .harness import ProviderHarness
from .models import expect_model

__all__ = ["WebhookChecks"]

Bodies = Callable[[bytes], bytes]

_FORGED_BODIES: Mapping[str, Bodies] = {
    "one byte changed": lambda body: (
        body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :]
    ),
    "one byte more": lambda body: body + b"\n",
    "one byte less": lambda body: body[:-1],
    "written again": lambda body: json.dumps(json.loads(body), indent=3).encode(),
    "one field more": lambda body: json.dumps({**json.loads(body), "amount": 1}).encode(),
    "another body": lambda _body: b'{"id": "evt_forged", "type": "invoice.paid"}',
    "an empty object": lambda _body: b"{}",
    "nothing": lambda _body: b"",
    "no JSON": lambda _body: b"<xml/>",
    "no UTF-8": lambda body: b"\xff\xfe" + body,
    "a null byte in front": lambda body: b"\x00" + body,
    "twice": lambda body: body * 2,
    "a megabyte": lambda _body: b"[" * 1_000_000,
}

_FORGED_VALUES: Mapping[str, Callable[[str], str]] = {
    "empty": lambda _value: "",
    "white space": lambda _value: "   ",
    "one letter": lambda _value: "a",
    "other letters": lambda value: "".join(_other(letter) for letter in value),
    "zeros": lambda value: "".join("0" if letter.isalnum() else letter for letter in value),
    "cut in half": lambda value: value[: len(value) // 2],
    "commas": lambda _value: ",,,=,=,",
    "umlauts": lambda value: "ä" + value[1:],
    "very long": lambda _value: "x" * 100_000,
    "another scheme": lambda _value: "none",
    "an older version of the scheme": lambda value: value.replace("v1=", "v0="),
}


def _other(letter: str) -> str:
    if letter.isdigit():
        return str((int(letter) + 1) % 10)
    return {"z": "a", "Z": "A"}.get(letter, chr(ord(letter) + 1)) if letter.isascii() and letter.isalpha() else letter


_SHAPES: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
    "a mapping": dict,
    "pairs": lambda headers: list(headers.items()),
    "lower case": lambda headers: {name.lower(): value for name, value in headers.items()},
    "upper case": lambda headers: {name.upper(): value for name, value in headers.items()},
    "pairs of bytes": lambda headers: [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    "among others": lambda headers: {"Host": "shop.example", **headers, "Accept": "*/*"},
    "a generator": lambda headers: ((name, value) for name, value in headers.items()),
}


def _several(config: ProviderConfig | None) -> Mapping[str, tuple[object, ...]]:
    """The settings that are several values."""
    fields = attrs.asdict(config, recurse=False) if config is not None else {}
    return {name: cast("tuple[object, ...]", value) for name, value in fields.items() if isinstance(value, tuple)}


def _revealed(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


def _unlike(value: object) -> object:
    return Secret(f"{value.reveal()[:-1]}x9") if isinstance(value, Secret) else f"{value}9"


class WebhookChecks(ProviderChecks):
    """A delivery is trusted if its signature is good, and only then."""

    async def parsed(self, harness: ProviderHarness, payload: object, headers: object) -> WebhookEvent:
        """What the provider makes of a delivery."""
        return await harness.provider.parse_webhook(
            cast("bytes", payload), cast("Mapping[str, str]", headers), url=self.webhook_url
        )

    def refusal(self, harness: ProviderHarness, payload: object, headers: object) -> WebhookError:
        """The error of a delivery that must not be trusted.

        Raises:
            AssertionError: it is trusted, or something else escapes.
        """
        __tracebackhide__ = True
        try:
            harness.run(self.parsed(harness, payload, headers))
        except WebhookError as error:
            return error
        except Exception as exc:
            raise AssertionError(
                f"a forged delivery ended in {type(exc).__name__}: only a WebhookError may come of it"
            ) from exc
        raise AssertionError("a forged delivery was believed")

    def signing_headers(self, harness: ProviderHarness) -> list[str]:
        """The headers without which a delivery is refused."""
        payload, headers = self.signed_delivery(harness.provider)
        found: list[str] = []
        for name in headers:
            rest = {other: value for other, value in headers.items() if other != name}
            try:
                harness.run(self.parsed(harness, payload, rest))
            except WebhookError:
                found.append(name)
        expect(found, "no header is needed for a delivery to be believed: then anybody can send one")
        return found

    def test_a_delivery_is_read(self, harness: ProviderHarness) -> None:
        """It is a valid event, with a key that tells it from others, and a word that handlers can listen to."""
        payload, headers = self.signed_delivery(harness.provider)
        event = harness.run(self.parsed(harness, payload, headers))
        name = harness.provider.get_provider_name()
        expect_model(event, name)
        expect(event.dedupe_key, "an event without a dedupe_key cannot be told from another")
        expect(event.raw, "the event's raw is empty: keep the whole delivery in it")
        shared = isinstance(event.type, EventType)
        expect(shared or event.type.startswith(f"{name}:"), f"an event of another kind is called {name}:<its own name>")

    def test_the_same_delivery_has_the_same_key(self, harness: ProviderHarness) -> None:
        """Providers deliver more than once: the key is how that is noticed."""
        payload, headers = self.signed_delivery(harness.provider)
        first = harness.run(self.parsed(harness, payload, headers))
        second = harness.run(self.parsed(harness, payload, headers))
        expect(first.dedupe_key == second.dedupe_key, "one delivery, read twice, has two dedupe_keys")

    def test_an_event_that_was_delivered_is_the_same_in_the_list(self, harness: ProviderHarness) -> None:
        """Who catches up on missed deliveries applies none a second time, nor what was caught up when it is delivered.

        The same id has the same word, and each of the two is known by a key of the other.
        """
        self.only_if_simulated(harness, Capability.LIST_EVENTS)
        payload, headers = self.signed_delivery(harness.provider)

        async def catch_up() -> None:
            event = await self.parsed(harness, payload, headers)
            listed = await harness.provider.list_events(event.created_at - timedelta(days=1))
            same = [each for each in listed if each.id == event.id]
            if not same:
                pytest.skip("what signed_delivery delivers is not among the events of the account")
            for each in same:
                expect(
                    each.type == event.type, f"event {event.id} is {event.type} in one place, {each.type} in another"
                )
                for first, then in ((event, each), (each, event)):
                    expect(
                        {first.dedupe_key, first.delivery_id} & {then.dedupe_key, *then.known_as},
                        f"event {event.id} is {event.dedupe_key} as it was delivered, and {each.dedupe_key} in the list, and "
                        "known_as and delivery_id do not tell that they are the same: it would be applied twice",
                    )

        harness.run(catch_up())

    @pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
    def test_headers_may_come_as_frameworks_hand_them_out(
        self, harness: ProviderHarness, shape: Callable[[Mapping[str, str]], Any]
    ) -> None:
        """A mapping or pairs, in any case, as text or bytes."""
        payload, headers = self.signed_delivery(harness.provider)
        try:
            harness.run(self.parsed(harness, payload, shape(headers)))
        except WebhookError as error:
            raise AssertionError(f"a good delivery is refused: use paylattice.headers.header. {error}") from error

    def test_a_delivery_is_verified_with_a_given_secret(self, harness: ProviderHarness) -> None:
        """``verify_webhook_signature`` returns the body, and refuses another secret, or none."""
        provider = harness.provider
        payload, headers = self.signed_delivery(provider)
        secret = self.webhook_secret(provider)
        try:
            answered = provider.verify_webhook_signature(payload, headers, secret)
        except VerificationUnavailable:  # what it takes has to be fetched, which parse_webhook does
            harness.run(provider.parse_webhook(payload, headers))
            answered = provider.verify_webhook_signature(payload, headers, secret)
        body = cast("object", answered)
        expect(isinstance(body, Mapping), "verify_webhook_signature returns the parsed body, and is no coroutine")
        for wrong in (f"{secret}x", secret[:-1], "whsec_another", ""):
            try:
                provider.verify_webhook_signature(payload, headers, wrong)
            except (WebhookError, ConfigurationError):
                continue
            except Exception as exc:
                raise AssertionError(
                    f"another secret ended in {type(exc).__name__}: only our errors may escape"
                ) from exc
            raise AssertionError(f"a delivery was believed under {'no' if not wrong else 'another'} secret")

    @pytest.mark.parametrize("forged", _FORGED_BODIES.values(), ids=_FORGED_BODIES)
    def test_a_forged_body_is_refused(self, harness: ProviderHarness, forged: Bodies) -> None:
        """The signature is that of another body."""
        payload, headers = self.signed_delivery(harness.provider)
        self.refusal(harness, forged(payload), headers)

    @pytest.mark.parametrize("forged", _FORGED_VALUES.values(), ids=_FORGED_VALUES)
    def test_a_forged_signature_is_refused(self, harness: ProviderHarness, forged: Callable[[str], str]) -> None:
        """One of the headers that the signature is made of was changed."""
        payload, headers = self.signed_delivery(harness.provider)
        names = self.signing_headers(harness)
        changed = {name: forged(value) if name in names else value for name, value in headers.items()}
        if changed == headers:
            pytest.skip("the scheme has no versions")
        self.refusal(harness, payload, changed)

    @pytest.mark.parametrize("headers", [{}, [], None, "", 7, [("a",)], {b"x": 1}, {"x": None}], ids=repr)
    def test_headers_that_hold_no_signature_are_refused(self, harness: ProviderHarness, headers: object) -> None:
        """None at all, and things that are no headers."""
        payload, _ = self.signed_delivery(harness.provider)
        self.refusal(harness, payload, headers)

    @pytest.mark.parametrize("payload", [None, 7, {"id": "evt_1"}, [], ["x"]], ids=repr)
    def test_a_payload_that_is_no_body_is_refused(self, harness: ProviderHarness, payload: object) -> None:
        """A framework's parsed JSON is not what was signed."""
        _, headers = self.signed_delivery(harness.provider)
        self.refusal(harness, payload, headers)

    def test_a_signature_does_not_fit_another_delivery(self, harness: ProviderHarness) -> None:
        """The headers of one delivery with the body of the next."""
        first, headers = self.signed_delivery(harness.provider)
        second, _ = self.signed_delivery(harness.provider)
        if first == second:
            second = first.replace(b":", b": ", 1)
        self.refusal(harness, second, headers)

    def test_noise_is_refused(self, harness: ProviderHarness) -> None:
        """Random bytes in the body and in the headers, the same ones each time."""
        _, headers = self.signed_delivery(harness.provider)
        dice = random.Random(20260131)  # noqa: S311 - noise, no secret
        for _ in range(50):
            payload = dice.randbytes(dice.randrange(60))
            noise = {name: dice.randbytes(dice.randrange(60)).decode("latin-1") for name in headers}
            self.refusal(harness, payload, noise if dice.random() < 0.5 else headers)  # noqa: PLR2004 - heads or tails

    def test_an_old_delivery_is_refused(self, harness: ProviderHarness) -> None:
        """Where the scheme signs a time, a delivery of an hour ago is a replay."""
        payload, headers = self.old_delivery(harness.provider)
        error = self.refusal(harness, payload, headers)
        expect(isinstance(error, StaleSignature), f"an old delivery is a StaleSignature, not a {type(error).__name__}")

    def test_a_delivery_from_the_future_is_refused(self, harness: ProviderHarness) -> None:
        """Who can have tomorrow's time signed today has a delivery that never gets old."""
        payload, headers = self.early_delivery(harness.provider)
        self.refusal(harness, payload, headers)

    def test_a_delivery_of_the_other_mode_is_refused(self, harness: ProviderHarness) -> None:
        """However well it is signed: what was paid with a test card must not be delivered."""
        if harness.provider.livemode is None:
            pytest.skip("the provider's settings tell no mode (livemode)")
        payload, headers = self.other_mode_delivery(harness.provider)
        error = self.refusal(harness, payload, headers)
        expect(
            error.diagnosis is Diagnosis.WRONG_MODE,
            f"a delivery of the other mode is refused as {error.diagnosis}: say WRONG_MODE, which tells what to do",
        )

    def test_one_of_several_secrets_is_enough(self, harness: ProviderHarness) -> None:
        """While one replaces another, both are configured; with the other alone, the delivery is refused."""
        provider = harness.provider
        secret, payload, headers = self.webhook_secret(provider), *self.signed_delivery(provider)
        config = config_of(provider)
        held = {name: value for name, value in _several(config).items() if secret in map(_revealed, value)}
        if config is None or not held:
            pytest.skip("the settings hold no list of secrets with that of signed_delivery in it")
        for name, value in held.items():
            other = tuple(_unlike(each) for each in value)
            for configured, good in (((*other, *value), True), ((*value, *other), True), (other, False)):
                changed = attrs.evolve(config, **{name: configured})
                made = type(provider)(changed, transport=transport_of(provider))
                elsewhere = attrs.evolve(harness, provider=made)
                if good:
                    elsewhere.run(self.parsed(elsewhere, payload, headers))
                else:
                    self.refusal(elsewhere, payload, headers)

    def test_a_refusal_repeats_nothing_of_the_delivery(self, harness: ProviderHarness) -> None:
        """Errors are logged; what an attacker can send must not get into the log."""
        _, headers = self.signed_delivery(harness.provider)
        body = b'{"id": "evt_conformance", "email": "conformance@example.com", "note": "INJECTED"}'
        errors: Iterable[PaymentError] = (
            self.refusal(harness, body, headers),
            self.refusal(harness, body, dict.fromkeys(headers, "INJECTED")),
        )
        for error in errors:
            shown = f"{error} {vars(error)}"
            expect("INJECTED" not in shown and "evt_conformance" not in shown, "a refusal repeats what was delivered")
            expect(error.provider == harness.provider.get_provider_name(), "a refusal does not name the provider")
