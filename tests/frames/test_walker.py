"""The walker finds what is there to be found; otherwise it would prove nothing."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from paylattice.config import Secret
from paylattice.driving import run

from . import walker

HIDDEN = "sk_local_hidden"


@attrs.frozen
class Silent:
    inside: object = attrs.field(repr=False)


def closure(secret: str) -> Callable[[], str]:
    return lambda: secret


async def suspended(secret: str) -> str:
    return secret


@pytest.mark.parametrize(
    "local",
    [
        HIDDEN,
        HIDDEN.encode(),
        {"Authorization": f"Bearer {HIDDEN}"},
        [({HIDDEN},)],
        Secret(HIDDEN),
        Silent(HIDDEN),
        Silent(Silent([HIDDEN])),
        SimpleNamespace(headers={"a": Secret(HIDDEN)}),
        closure(HIDDEN),
        functools.partial(print, HIDDEN),
        Secret(HIDDEN).reveal,
        ValueError(Silent(HIDDEN)),
        suspended(HIDDEN),
    ],
    ids=lambda local: type(local).__name__,
)
def test_a_secret_in_a_local_variable_is_found(local: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "HERE", "nowhere")

    def broken(held: object) -> None:
        message = "nothing of it is in here"
        raise ValueError(message)

    with pytest.raises(ValueError, match="nothing") as caught:
        broken(local)
    assert any(HIDDEN in found and "broken held" in found for found in walker.leaks(caught.value, [HIDDEN]))
    if hasattr(local, "close"):
        local.close()


@pytest.mark.parametrize("how", ["cause", "context", "suppressed", "group"])
def test_a_secret_in_the_frames_of_what_caused_the_error_is_found(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walker, "HERE", "nowhere")

    def first() -> None:
        key = HIDDEN
        raise KeyError(len(key))

    def second() -> None:
        try:
            first()
        except KeyError as error:
            if how == "cause":
                raise ValueError from error
            if how == "context":
                raise ValueError  # noqa: B904 - on purpose
            if how == "suppressed":
                raise ValueError from None
            group = "two"
            raise ExceptionGroup(group, [error]) from None

    with pytest.raises(Exception) as caught:  # noqa: PT011 - several kinds
        second()
    assert any("first key" in found for found in walker.leaks(caught.value, [HIDDEN]))


def test_a_secret_in_what_the_error_says_is_found() -> None:
    def broken() -> Any:
        raise ValueError(HIDDEN)

    with pytest.raises(ValueError, match=HIDDEN) as caught:
        broken()
    assert walker.leaks(caught.value, [HIDDEN]) == [f"ValueError says {HIDDEN}"]
    assert run(suspended("x")) == "x"
