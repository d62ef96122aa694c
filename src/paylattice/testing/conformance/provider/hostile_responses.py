"""Checks of a provider: answers that are well formed, but must not be trusted.

What simulates the provider answers truly; on the way, one value is replaced wherever it stands: an id by one that leads
elsewhere, an address by a script, a status by an unknown one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias, cast

import attrs
import pytest

from ....errors import InvalidResponse, OutcomeUnknown, PaymentError
from ....models import Model, SubscriptionChange
from ...http_library import httpx
from ..expectations import expect
from .calls import CALLS, Call
from .fixtures import ProviderFixtures
from .harness import ProviderHarness
from .hooks import on_the_wire
from .wire import SentRequest

__all__ = ["HostileAnswerChecks"]

Swap: TypeAlias = Callable[[str], str]

_ADDRESSES = ("url", "hosted_url", "pdf_url", "approval_url")
_BAD_IDS = ("../../other?x=1", "", "a/b", "a\nb", "..")
_BAD_ADDRESSES = ("javascript:alert(1)", "data:text/html,<script>", "//elsewhere.invalid/", "https://", "/somewhere")
_ELSEWHERE = "elsewhere.invalid"
_NEW_WORD = "WORD_OF_TOMORROW"
_LISTS = tuple(call for call in CALLS if call.operation.many)
_ANSWERS = tuple(call for call in CALLS if issubclass(call.operation.returns, Model | SubscriptionChange))


class HostileAnswerChecks(ProviderFixtures):
    """What cannot be true, or would do harm, is not handed on; what is only new does not break anything."""

    @on_the_wire
    @pytest.mark.parametrize("call", _ANSWERS, ids=str)
    def test_an_id_that_leads_elsewhere_is_not_handed_on(self, harness: ProviderHarness, call: Call) -> None:
        """The application puts ids into paths, links and databases."""
        self.only_if_simulated(harness, call.capability)
        self._expect_not_handed_on(harness, call, _ids_of, _BAD_IDS)

    @on_the_wire
    @pytest.mark.parametrize("call", _ANSWERS, ids=str)
    def test_what_is_no_web_address_is_not_handed_on(self, harness: ProviderHarness, call: Call) -> None:
        """The application sends people there."""
        self.only_if_simulated(harness, call.capability)
        self._expect_not_handed_on(harness, call, _addresses_of, _BAD_ADDRESSES)

    @on_the_wire
    @pytest.mark.parametrize("call", _ANSWERS, ids=str)
    def test_a_status_that_nobody_knows_yet_is_unknown(self, harness: ProviderHarness, call: Call) -> None:
        """Providers add words without asking: the model says UNKNOWN, keeps the word, and nothing breaks."""
        self.only_if_simulated(harness, call.capability)
        wire = self.wire(harness)

        async def tomorrow() -> None:
            there, answers = await self._truly_answered(harness, call)
            for word in {text for part in answers for text in _texts_of(part, ("raw_status",))}:
                with wire.altered(_swapping({word: _NEW_WORD}, writes=call.operation.writes)):
                    found, error = await _end(harness, there)
                expect(error is None, f"{call} broke on a status that it does not know: {error!r}")
                for model in _parts_of(found):
                    if getattr(model, "raw_status", None) == _NEW_WORD:
                        status: object = getattr(model, "status", None)
                        expect(status == "unknown", f"{call} took a status that nobody knows for {status}")

        harness.run(tomorrow())

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_no_link_in_an_answer_is_followed_to_another_host(self, harness: ProviderHarness, call: Call) -> None:
        """What it sends carries the credentials: of a link to the next page, only the query counts."""
        self.only_if_simulated(harness, call.capability)
        wire = self.wire(harness)

        async def lured() -> None:
            there = await self._there(harness, call)
            before = len(wire.seen)
            with wire.altered(_luring):
                await _end(harness, there)
            strangers = [seen for seen in wire.seen[before:] if _ELSEWHERE in seen.url]
            expect(not strangers, f"{call} followed a link in an answer to another host, with the credentials")

        harness.run(lured())

    @on_the_wire
    @pytest.mark.parametrize("call", _LISTS, ids=str)
    def test_a_list_without_end_is_given_up(self, harness: ProviderHarness, call: Call) -> None:
        """Every page says that there is another one: it is an error, or what was there, and not a program that hangs."""
        self.only_if_simulated(harness, call.capability)
        wire = self.wire(harness)

        async def endless() -> None:
            there = await self._there(harness, call)
            with wire.altered(_endless):
                await _end(harness, there)  # the wire counts, and says so

        harness.run(endless())

    async def _there(self, harness: ProviderHarness, call: Call) -> Call:
        made = await (self.real(harness, call) if call.operation.writes else self.existing(harness, call))
        if not call.operation.writes:
            return made
        return attrs.evolve(made, arguments={**made.arguments, "idempotency_key": "conformance-hostile"})

    async def _truly_answered(self, harness: ProviderHarness, call: Call) -> tuple[Call, list[object]]:
        """The call, under one key if it writes, and what it answers truly: asked again, it is the same."""
        there = await self._there(harness, call)
        return there, list(_parts_of(await harness.call(there)))

    def _expect_not_handed_on(
        self, harness: ProviderHarness, call: Call, values: Callable[[object], list[str]], wrong: tuple[str, ...]
    ) -> None:
        __tracebackhide__ = True
        wire = self.wire(harness)

        async def swapped() -> None:
            there, answers = await self._truly_answered(harness, call)
            true = {value for part in answers for value in values(part)}
            for bad in wrong if true else ():
                with wire.altered(_swapping(dict.fromkeys(true, bad), writes=call.operation.writes)):
                    found, error = await _end(harness, there)
                if error is None:
                    held = [value for part in _parts_of(found) for value in values(part)]
                    expect(bad not in held, f"{call} handed on {bad!r}, which the provider's answer held")
                elif call.operation.writes and wire.seen and wire.seen[-1].writes:
                    expect(
                        isinstance(error, OutcomeUnknown),
                        f"{call} was done, and its answer holds {bad!r}: an OutcomeUnknown, not {error!r}",
                    )
                elif not call.operation.writes:
                    expect(
                        isinstance(error, InvalidResponse) and not error.outcome_unknown,
                        f"{call}: an answer that holds {bad!r} is an InvalidResponse, not {error!r}",
                    )

        harness.run(swapped())


async def _end(harness: ProviderHarness, call: Call) -> tuple[object, PaymentError | None]:
    try:
        return await harness.call(call), None
    except PaymentError as error:
        return None, error


def _parts_of(answer: object) -> Iterator[object]:
    """The models in an answer, with their own lines, and what else holds fields."""
    if isinstance(answer, list | tuple):
        for element in cast("list[object]", answer):
            yield from _parts_of(element)
    elif attrs.has(type(answer)):
        yield answer
        for name, value in attrs.asdict(cast("attrs.AttrsInstance", answer), recurse=False).items():
            if name != "raw":
                yield from _parts_of(value)


def _ids_of(part: object) -> list[str]:
    return _texts_of(part, ("id",))


def _addresses_of(part: object) -> list[str]:
    return _texts_of(part, _ADDRESSES)


def _texts_of(part: object, names: Iterable[str]) -> list[str]:
    found: Iterator[object] = (getattr(part, name, None) for name in names)
    return [value for value in found if isinstance(value, str)]


def _swapping(swaps: Mapping[str, str], *, writes: bool) -> Callable[[SentRequest, bytes], bytes]:
    """Replaces texts, where they are all of a JSON text: in the answers to writes, or in those to reads.

    What an operation reads before it writes stays true: otherwise it would rightly do something else.
    """
    return lambda seen, body: _rewritten(body, lambda text: swaps.get(text, text)) if seen.writes is writes else body


def _luring(_seen: SentRequest, body: bytes) -> bytes:
    """Lets every link lead to another host, and adds the common kinds of a link to a next page."""

    def lure(text: str) -> str:
        if not text.startswith(("http://", "https://")):
            return text
        try:
            return str(httpx.URL(text).copy_with(host=_ELSEWHERE))
        except httpx.InvalidURL:
            return text

    changed = _rewritten(body, lure)
    try:
        data: object = json.loads(changed)
    except ValueError:
        return changed
    if not isinstance(data, dict):
        return changed
    page = cast("dict[str, object]", data)
    following = f"https://{_ELSEWHERE}/next?page=2"
    links = page.get("links")
    if isinstance(links, list):
        page["links"] = [*cast("list[object]", links), {"rel": "next", "href": following, "method": "GET"}]
    for name in ("next", "next_page", "next_url", "next_page_url"):
        page.setdefault(name, following)
    return json.dumps(page).encode()


def _endless(seen: SentRequest, body: bytes) -> bytes:
    """Lets every page say that there is another one, in the common ways."""
    try:
        data: object = json.loads(body)
    except ValueError:
        return body
    if not isinstance(data, dict):
        return body
    page = {**cast("dict[str, object]", data), "has_more": True, "cursor": "again", "next_page_token": "again"}
    following = str(httpx.URL(seen.url).copy_merge_params({"page": "2", "cursor": "again"}))
    links = page.get("links")
    page["links"] = [
        *(cast("list[object]", links) if isinstance(links, list) else []),
        {"rel": "next", "href": following, "method": "GET"},
    ]
    page["next"] = page["next_page"] = following
    return json.dumps(page).encode()


def _rewritten(body: bytes, swap: Swap) -> bytes:
    try:
        data: object = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_each(data, swap)).encode()


def _each(value: object, swap: Swap) -> object:
    if isinstance(value, str):
        return swap(value)
    if isinstance(value, list):
        return [_each(entry, swap) for entry in cast("list[object]", value)]
    if isinstance(value, dict):
        return {name: _each(entry, swap) for name, entry in cast("dict[str, object]", value).items()}
    return value
