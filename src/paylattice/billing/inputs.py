"""What the methods of a BillingService take: checked by the names of the arguments, before anything is read or sent.

What goes to the provider is checked by the guard's own rules, once, when it is written down: see
:func:`paylattice.guard.checked`.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from ..arguments import check_argument, check_timedelta, check_utc
from ..errors import InvalidRequest
from ..wiring import is_async, said_as
from .access import AccessPolicy
from .customers import check_org

__all__ = ["CHECKS", "checking_class"]

K = TypeVar("K", bound=type)
Check = Callable[[str, object], None]
Method = Callable[..., Coroutine[Any, Any, object]]


def _wrong(name: str, value: object, rule: str) -> InvalidRequest:
    return InvalidRequest(f"{name} must be {rule}, not {said_as(value)}", param=name)


def _instance(kind: type, rule: str) -> Check:
    def check(name: str, value: object) -> None:
        if not isinstance(value, kind):
            raise _wrong(name, value, rule)

    return check


def _word(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, "a str that is not empty")


def _told(name: str, value: object) -> None:
    if not callable(value) or isinstance(value, type) or is_async(value):
        raise _wrong(name, value, "a plain function of one argument")


def _whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name, value, "a whole number")


def _headers(name: str, value: object) -> None:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _wrong(name, value, "the headers of the request, a mapping or pairs")


def _as_sent(name: str, value: object) -> None:
    """As a provider's argument of this name: there may be nobody to send it to."""
    check_argument("", name, value)


_ELSEWHERE = (
    "at_period_end body budget cancel_url drop_waiting_after email event in_flight name payload plan_id prorate "
    "provider_name reason reconcile_every subscription_id success_url timestamp trial_days"
)


def _elsewhere(_name: str, _value: object) -> None:
    """Checked where it is read (what comes from strangers), or before it is written down and sent."""


CHECKS: Mapping[str, Check] = {
    "org_id": lambda _name, value: check_org(value),
    "provider": _word,
    "session_id": _word,
    "idempotency_key": _word,
    "after": _word,
    "quantity": _whole,
    "url": _word,
    "metadata": _instance(Mapping, "a mapping of str to str"),
    "headers": _headers,
    "allow_second": _instance(bool, "True or False"),
    "repair": _instance(bool, "True or False"),
    "now": check_utc,
    "since": check_utc,
    "before": check_utc,
    "older_than": check_timedelta,
    "limit": _as_sent,
    "policy": _instance(AccessPolicy, "an AccessPolicy"),
    "on_difference": _told,
    "on_progress": _told,
    **dict.fromkeys(_ELSEWHERE.split(), _elsewhere),
}
"""The rule of every argument, by its name."""


def checking_class(cls: K) -> K:
    """The class, with its public coroutine functions checking their arguments."""
    for name, method in list(vars(cls).items()):
        if not name.startswith("_") and inspect.iscoroutinefunction(method):
            setattr(cls, name, _checking(method))
    return cls


def _checking(method: Method) -> Method:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    names = [each.name for each in parameters]
    checks = {name: CHECKS.get(name, _elsewhere) for name in names}
    optional = {each.name for each in parameters if each.default is None}

    @functools.wraps(method)
    async def call(self: object, *args: object, **kwargs: object) -> object:
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if (value is not None or name not in optional) and name in checks:
                checks[name](name, value)
        return await method(self, *args, **kwargs)

    return call
