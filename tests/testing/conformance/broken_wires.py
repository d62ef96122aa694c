"""Providers that break one promise on the wire each, made of the example plugin. ``test_broken_providers.py`` runs it."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs
import httpx
from paylattice_acme import AcmeConfig, AcmeProvider, wire
from paylattice_acme.api import AcmeAPI
from paylattice_acme.testing import FakeAcme

from paylattice import Capability, CheckoutSession, Customer, Plan, Subscription, SubscriptionStatus, WebhookEvent
from paylattice.arguments import check_id
from paylattice.errors import (
    Conflict,
    InvalidRequest,
    MalformedPayload,
    NetworkError,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    ProviderUnavailable,
    RateLimited,
)
from paylattice.idempotency import new_key
from paylattice.jsonlike import JsonObject, text
from paylattice.provider import Headers
from paylattice.providers.api import ErrorResponse, Request, Response, path_of
from paylattice.transport import AsyncTransport, Transport

from .provider_doubles import caught_by, through, unguarded


class Wired(AcmeProvider):
    """Acme, over the class's own ``API``."""

    API: ClassVar[type[AcmeAPI]] = AcmeAPI

    def __init__(
        self,
        config: AcmeConfig | None = None,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        super().__init__(config, transport=transport, clock=clock)
        self._api = self.API(self._settings, lambda: self.transport)


# --- on the wire -------------------------------------------------------------------------------------------------


@caught_by(
    "the_same_key_at_the_same_time_has_one_effect",
    "a_write_that_is_not_answered_is_unknown_also_after_a_read",
    "a_write_whose_answer_makes_no_sense_was_done",
    "every_write_of_an_operation_carries_its_key",
    "a_write_carries_its_key",
    "the_same_key_has_one_effect",
    "the_same_key_has_one_effect_in_another_process",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
)
class SendsNoKey(Wired):
    class API(AcmeAPI):
        idempotency_header = None


@caught_by(
    "the_same_key_at_the_same_time_has_one_effect",
    "a_write_that_is_not_answered_is_unknown_also_after_a_read",
    "a_write_whose_answer_makes_no_sense_was_done",
    "every_write_of_an_operation_carries_its_key",
    "a_write_carries_its_key",
    "the_same_key_has_one_effect",
    "the_same_key_has_one_effect_in_another_process",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
)
class SendsAKeyOfItsOwn(Wired):
    class API(AcmeAPI):
        def _addressed(self, request: Request) -> Request:
            return super()._addressed(attrs.evolve(request, idempotency_key=new_key()) if request.writes else request)


class _Sending(AcmeAPI):
    """With a hand on what is sent and answered."""

    async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
        return await send()

    async def send(self, request: Request, into: Any = None) -> Any:
        parent = super()
        return await self.around(lambda: parent.send(request, into), request)


@caught_by("every_write_of_an_operation_carries_its_key", "a_write_carries_its_key")
class RetriesUnderANewKey(Wired):
    class API(AcmeAPI):
        async def send(self, request: Request, into: Any = None) -> Any:
            try:
                return await super().send(request, into)
            except OutcomeUnknown:
                return await super().send(attrs.evolve(request, idempotency_key=new_key()), into)


@caught_by(
    "the_same_key_at_the_same_time_has_one_effect",
    "a_write_whose_answer_makes_no_sense_was_done",
    "every_write_of_an_operation_carries_its_key",
    "a_write_carries_its_key",
    "the_same_key_has_one_effect_in_another_process",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
)
class RemembersKeysOnlyHere(Wired):
    """It answers a repeated key from its own memory, and sends none."""

    class API(AcmeAPI):
        idempotency_header = None

        async def send(self, request: Request, into: Any = None) -> Any:
            answers: dict[str | None, object] = self.__dict__.setdefault("answers", {})
            if request.writes and request.idempotency_key in answers:
                return answers[request.idempotency_key]
            answers[request.idempotency_key] = answer = await super().send(request, into)
            return answer


@caught_by(
    "a_write_that_is_not_answered_is_unknown_also_after_a_read",
    "a_write_whose_answer_makes_no_sense_was_done",
    "an_id_that_leads_elsewhere_is_not_handed_on",
    "a_write_without_an_answer_is_an_unknown_outcome",
    "a_success_that_makes_no_sense",
    "a_lost_answer_leads_to_no_second_effect",
)
class SaysThatAllIsKnown(Wired):
    class API(_Sending):
        async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
            try:
                return await send()
            except OutcomeUnknown as error:
                message = error.message
            raise ProviderUnavailable(message)


@caught_by("a_read_without_an_answer_is_worth_another_try")
class MakesReadsUncertain(Wired):
    class API(_Sending):
        async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
            try:
                return await send()
            except (NetworkError, ProviderUnavailable) as error:
                if request.writes:
                    raise
                message = error.message
            raise OutcomeUnknown(message)


@caught_by("a_write_that_never_left_changed_nothing_also_after_a_read", "what_never_left_changed_nothing")
class FearsTheWorst(Wired):
    class API(_Sending):
        async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
            try:
                return await send()
            except NetworkError as error:
                if not request.writes or error.outcome_unknown:
                    raise
                message = error.message
            raise OutcomeUnknown(message)


@caught_by(
    "a_write_whose_answer_makes_no_sense_was_done",
    "an_id_that_leads_elsewhere_is_not_handed_on",
    "a_success_that_makes_no_sense",
)
class ReadsAfterwards(AcmeProvider):
    """A model is made outside of ``send``: what cannot be read looks as if nothing had been written."""

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        body = wire.customer_request(email, name, metadata)
        data = await self._api.send(Request("POST", "/customers", json=body, idempotency_key=idempotency_key))
        return wire.customer_from(data)


@caught_by("a_write_whose_answer_makes_no_sense_was_done", "a_success_that_makes_no_sense")
class BelievesAnything(AcmeProvider):
    async def get_plan(self, plan_id: str) -> Plan | None:
        return None

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        body = wire.customer_request(email, name, metadata)
        request = Request("POST", "/customers", json=body, idempotency_key=idempotency_key)
        data = await self._api.send(request)
        reference = text(data, "ref") or "unknown"
        return attrs.evolve(wire.customer_from({**data, "ref": reference}), raw=data)


@caught_by(
    "a_refusal_is_an_error_of_this_library",
    "a_rate_limit_says_how_long_to_wait",
    "a_customer_is_found_again",
    "what_does_not_exist_is_none",
)
class MistakesARefusal(Wired):
    class API(AcmeAPI):
        def error_response(self, body: JsonObject, response: Response) -> ErrorResponse:
            return attrs.evolve(super().error_response(body, response), kind=InvalidRequest)


@caught_by("a_redirect_is_not_followed")
class FollowsRedirects(Wired):
    class API(AcmeAPI):
        async def send(self, request: Request, into: Any = None) -> Any:
            sent = self._addressed(request)
            response = await self.transport.send(sent)
            if response.status in range(300, 400):
                await self.transport.send(attrs.evolve(sent, url=response.headers["location"]))
            return await super().send(request, into)


@caught_by("an_error_holds_nothing_secret_and_nothing_personal")
class RepeatsWhatItIsTold(Wired):
    class API(AcmeAPI):
        async def send(self, request: Request, into: Any = None) -> Any:
            try:
                return await super().send(request, into)
            except InvalidRequest as error:
                raise InvalidRequest(f"{error.message} {request.json} {dict(self.auth_headers())}") from None


@caught_by("a_rate_limit_says_how_long_to_wait")
class ForgetsHowLongToWait(Wired):
    class API(_Sending):
        async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
            try:
                return await send()
            except RateLimited as error:
                message = error.message
            raise RateLimited(message)


@caught_by("a_failure_that_passes_is_tried_again")
class GivesUpAtOnce(Wired):
    class API(AcmeAPI):
        def retry_hint(self, response: Response) -> bool | None:
            return False


@caught_by("closing_leaves_to_others_what_is_theirs")
class ClosesWhatIsNotItsOwn(AcmeProvider):
    async def aclose(self) -> None:
        await self.transport.aclose()


@caught_by(
    "it_sends_through_the_transport_that_it_is_given",
    "closing_leaves_to_others_what_is_theirs",
    "a_failure_that_passes_is_tried_again",
    "a_rate_limit_says_how_long_to_wait",
    # and as it reaches another Acme each time
    "a_customer_is_found_again",
    "a_customer_needs_no_e_mail_address",
    "metadata_is_kept_or_refused",
    "a_checkout_opens",
    "a_completed_checkout_is_a_subscription",
    "a_subscription_is_canceled_now",
    operations="",
)
class SendsItsOwnWay(AcmeProvider):
    def __init__(self, config: AcmeConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport)

    @property
    def transport(self) -> Transport:
        return AsyncTransport(transport=httpx.MockTransport(FakeAcme()))


@caught_by("it_serves_several_event_loops")
class BelongsToOneLoop(Wired):
    class API(AcmeAPI):
        _loop: object = None

        async def send(self, request: Request, into: Any = None) -> Any:
            try:
                loop: object = asyncio.get_running_loop()
            except RuntimeError:
                loop = None
            self._loop = self._loop or loop
            if loop is not self._loop:
                raise NetworkError("this client belongs to another event loop")
            return await super().send(request, into)


@caught_by("blocking_and_async_send_the_same")
class WaitsByItself(Wired):
    class API(AcmeAPI):
        async def send(self, request: Request, into: Any = None) -> Any:
            await asyncio.sleep(0)
            return await super().send(request, into)


@caught_by(
    "an_id_that_leads_elsewhere_is_not_handed_on",
    "what_is_no_web_address_is_not_handed_on",
    "a_success_that_makes_no_sense",
    operations="get_checkout_session",
)
class LetsKeyErrorsEscape(AcmeProvider):
    pass


async def _raw_checkout(self: AcmeProvider, session_id: str) -> CheckoutSession | None:
    check_id("session_id", session_id)
    try:
        data = await self._api.send(Request("GET", f"/checkouts/{session_id}"))
    except NotFound:
        return None
    return wire.checkout_from({**data, "ref": data["ref"]})


unguarded(LetsKeyErrorsEscape, get_checkout_session=_raw_checkout)


class _Forgetful:
    def note(self, key: str, operation: str, arguments: object) -> None: ...


@caught_by("one_key_for_two_operations_is_refused")
class TakesOneKeyForTwoOperations(AcmeProvider):
    def __init__(self, config: AcmeConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport)
        self.key_ledger = _Forgetful()  # type: ignore[assignment]


# --- after a read ------------------------------------------------------------------------------------------------


class _LooksFirst(AcmeProvider):
    """Reads the subscription before it ends it."""

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        found = await self.get_subscription(subscription_id)
        if found is None:
            raise NotFound("no such subscription")
        if found.status.is_terminal:
            return found
        return await self.ended(found, idempotency_key)

    async def ended(self, found: Subscription, key: str | None) -> Subscription:
        request = Request("POST", path_of("subscriptions", found.id, "end"), json={}, idempotency_key=key)
        return await self._api.send(request, wire.subscription_from)


@caught_by(
    "every_write_of_an_operation_carries_its_key",
    "an_answer_that_is_lost_once_is_asked_for_again",
    operations="cancel_subscription",
)
class SendsNoKeyAfterARead(_LooksFirst):
    async def ended(self, found: Subscription, key: str | None) -> Subscription:
        return await super().ended(found, None)


@caught_by(
    "every_write_of_an_operation_carries_its_key",
    operations="cancel_subscription",
    without_keys=frozenset({"cancel_subscription"}),
)
class ResendsWithoutAKey(_LooksFirst):
    """Not after a server error, but after a time-out."""

    async def ended(self, found: Subscription, key: str | None) -> Subscription:
        try:
            return await super().ended(found, None)
        except NetworkError:
            return await super().ended(found, None)


@caught_by(
    "a_write_that_is_not_answered_is_unknown_also_after_a_read",
    "a_lost_answer_leads_to_no_second_effect",
    operations="cancel_subscription",
)
class TakesItsWishForTheAnswer(_LooksFirst):
    async def ended(self, found: Subscription, key: str | None) -> Subscription:
        try:
            return await super().ended(found, key)
        except OutcomeUnknown:
            return attrs.evolve(found, status=SubscriptionStatus.CANCELED)


@caught_by("a_write_that_is_refused_after_a_read_did_not_end_well", operations="cancel_subscription")
class TakesARefusalForDone(_LooksFirst):
    async def ended(self, found: Subscription, key: str | None) -> Subscription:
        try:
            return await super().ended(found, key)
        except (Conflict, InvalidRequest):
            return attrs.evolve(found, status=SubscriptionStatus.CANCELED)


@caught_by(
    "a_write_carries_its_key",
    "every_write_of_an_operation_carries_its_key",
    "a_write_whose_answer_makes_no_sense_was_done",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
    "the_same_key_at_the_same_time_has_one_effect",
)
class RemembersKeysInThisProcess(Wired):
    """Its objects share what they know of keys, and look it up before they send; none goes over the wire."""

    class API(AcmeAPI):
        idempotency_header = None
        answers: ClassVar[dict[object, object]] = {}

        async def send(self, request: Request, into: Any = None) -> Any:
            account = (getattr(self.transport, "_transport", None), request.idempotency_key)
            if request.writes and account in self.answers:
                return self.answers[account]
            self.answers[account] = answer = await super().send(request, into)
            return answer


# --- what the test class says ------------------------------------------------------------------------------------


@caught_by(
    "what_is_declared_is_there_and_what_is_not_is_refused_with_a_reason",
    operations="create_customer get_customer",
    without_requests=frozenset({"create_customer"}),
)
class SendsWhatIsSaidToNeedNoRequest(AcmeProvider):
    pass


@caught_by(
    "a_write_that_is_not_answered_is_unknown_also_after_a_read",
    "a_write_that_is_refused_after_a_read_did_not_end_well",
    "a_write_that_never_left_changed_nothing_also_after_a_read",
    "every_write_of_an_operation_carries_its_key",
    searches=("/customers",),
)
class WritesWhatIsSaidToOnlyRead(AcmeProvider):
    pass


@caught_by(
    "a_write_carries_its_key",
    "every_write_of_an_operation_carries_its_key",
    key_on_the_wire=lambda _self, request: request.header("Another-Key"),
)
class SendsItsKeyElsewhere(AcmeProvider):
    pass


# --- what is in answers ------------------------------------------------------------------------------------------


@caught_by("a_status_that_nobody_knows_yet_is_unknown", operations="get_subscription")
class GuessesTheStatus(AcmeProvider):
    get_subscription = through(
        "get_subscription",
        lambda found: (
            attrs.evolve(found, status=SubscriptionStatus.ACTIVE) if found and found.status == "unknown" else found
        ),
        of=AcmeProvider,
    )


@caught_by("a_status_that_nobody_knows_yet_is_unknown", operations="get_subscription")
class BreaksOnANewStatus(AcmeProvider):
    get_subscription = through(
        "get_subscription",
        lambda found: found and {"trialing": found, "active": found, "canceled": found}[found.status],
        of=AcmeProvider,
    )


@caught_by("what_reads_changes_nothing", operations="get_subscription")
class ForgetsTheRaw(AcmeProvider):
    get_subscription = through("get_subscription", lambda found: found and attrs.evolve(found, raw={}), of=AcmeProvider)


@caught_by(
    "a_list_without_end_is_given_up",
    "a_customer_s_subscriptions_are_listed",  # it lists none
    operations="list_subscriptions",
)
class FollowsPagesForEver(AcmeProvider):
    capabilities = AcmeProvider.capabilities | {Capability.LIST_SUBSCRIPTIONS}

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        page = await self._api.send(Request("GET", path_of("customers", customer_id)))
        while page.get("next_page_token") is not None:
            page = await self._api.send(Request("GET", path_of("customers", customer_id), params={"page": "next"}))
        return []


@caught_by("an_interruption_is_let_through")
class CannotBeStopped(Wired):
    class API(AcmeAPI):
        async def send(self, request: Request, into: Any = None) -> Any:
            try:
                return await super().send(request, into)
            except PaymentError:
                raise
            except BaseException:  # noqa: BLE001 - that is what is wrong with it
                pass
            raise NetworkError("no answer")


@caught_by("no_link_in_an_answer_is_followed_to_another_host", operations="get_customer")
class FollowsEveryLink(AcmeProvider):
    async def get_customer(self, customer_id: str) -> Customer | None:
        found = await super().get_customer(customer_id)
        following = text(found.raw, "next") if found is not None else None
        if following is not None:
            await self.transport.send(Request("GET", following, headers=self._api.auth_headers()))
        return found


@caught_by("an_error_holds_nothing_secret_and_nothing_personal")
class LogsWhatItSends(Wired):
    class API(AcmeAPI):
        async def send(self, request: Request, into: Any = None) -> Any:
            logging.getLogger("acme").debug("%s %s %s", request.method, request.url, request.json)
            return await super().send(request, into)


@caught_by("an_error_holds_nothing_secret_and_nothing_personal")
class QuotesItsCredentials(Wired):
    """Not the secret itself, but what it is sent as."""

    class API(AcmeAPI):
        def auth_headers(self) -> Mapping[str, str]:
            return {"Authorization": "Bearer a2V5X2NvbmZvcm1hbmNlXzE6"}

        async def send(self, request: Request, into: Any = None) -> Any:
            try:
                return await super().send(request, into)
            except InvalidRequest as error:
                raise InvalidRequest(f"{error.message} ({self.auth_headers()['Authorization']})") from None


# --- webhooks ----------------------------------------------------------------------------------------------------

_FORGED = (
    "a_forged_body_is_refused",
    "a_forged_signature_is_refused",
    "headers_that_hold_no_signature_are_refused",
    "a_signature_does_not_fit_another_delivery",
    "an_old_delivery_is_refused",
    "a_refusal_repeats_nothing_of_the_delivery",
)


@caught_by("a_delivery_from_the_future_is_refused", "one_of_several_secrets_is_enough", *_FORGED)
class BelievesEverybody(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        from paylattice_acme.webhooks import event_from

        data = json.loads(payload)
        return event_from({"at": "2026-01-31T12:00:00Z", "event_ref": "ev_1", "kind": "x", **data})


@caught_by("a_delivery_from_the_future_is_refused", "an_old_delivery_is_refused")
class TakesReplays(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        from paylattice_acme.webhooks import SIGNATURE, event_from

        patient = attrs.evolve(SIGNATURE, tolerance=10**9)
        return event_from(patient.verified(payload, headers, self._signing_keys, clock=lambda: 1.8e9))


@caught_by("a_delivery_from_the_future_is_refused")
class BelievesTheFuture(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        from paylattice_acme.webhooks import SIGNATURE, event_from

        stamp = re.search(r"t=(\d+)", str(headers))
        now = max(time.time(), float(stamp[1])) if stamp and len(stamp[1]) < 12 else time.time()
        return event_from(SIGNATURE.verified(payload, headers, self._signing_keys, clock=lambda: now))


@caught_by("a_forged_signature_is_refused")
class TakesAnOlderVersion(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        if isinstance(headers, Mapping):
            headers = {
                name: value.replace("v0=", "v1=") if isinstance(value, str) else value
                for name, value in headers.items()
            }
        return await super().parse_webhook(payload, headers)


@caught_by("one_of_several_secrets_is_enough")
class KnowsOneSecret(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        from paylattice_acme.webhooks import SIGNATURE, event_from

        return event_from(SIGNATURE.verified(payload, headers, self._signing_keys[:1], clock=time.time))


@caught_by("a_forged_body_is_refused")
class ParsesBeforeItVerifies(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        data = payload if isinstance(payload, dict) else json.loads(payload)
        return await super().parse_webhook(json.dumps(data).encode(), headers)


@caught_by("headers_may_come_as_frameworks_hand_them_out")
class WantsItsHeadersJustSo(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        value = headers.get("Acme-Signature", "") if isinstance(headers, Mapping) else ""
        return await super().parse_webhook(payload, {"Acme-Signature": value})


@caught_by("the_same_delivery_has_the_same_key")
class CountsDeliveries(AcmeProvider):
    parse_webhook = through("parse_webhook", lambda event: attrs.evolve(event, dedupe_key=new_key()), of=AcmeProvider)


@caught_by("a_delivery_is_read")
class InventsNames(AcmeProvider):
    parse_webhook = through("parse_webhook", lambda event: attrs.evolve(event, type="customer_added"), of=AcmeProvider)


@caught_by("a_delivery_is_verified_with_a_given_secret")
class TakesAnEmptySecret(AcmeProvider):
    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        return super().verify_webhook_signature(payload, signature, secret or "hook_secret_1")


@caught_by("a_refusal_repeats_nothing_of_the_delivery", "an_old_delivery_is_refused")
class QuotesTheDelivery(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        try:
            return await super().parse_webhook(payload, headers)
        except PaymentError:
            pass
        raise MalformedPayload(f"cannot read {payload!r}")


@caught_by("noise_is_refused", "a_forged_body_is_refused", "a_payload_that_is_no_body_is_refused")
class StumblesOverNoise(AcmeProvider):
    pass


async def _stumbles(self: AcmeProvider, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
    json.loads(payload)
    return await AcmeProvider.parse_webhook(self, payload, headers)


unguarded(StumblesOverNoise, parse_webhook=_stumbles)
