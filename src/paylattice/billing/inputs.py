"""What the methods of a BillingService take: checked by the names of the arguments, before anything is read or sent.

The guard's own rules check what goes to the provider, once, when it is recorded: see
:func:`paylattice.guard.checked`. What comes from strangers (a body, an event) is checked where it is read.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import cast

from ..arguments import check_argument, check_timedelta, check_utc
from ..checking import Check, flag, instance, observer, whole, word, wrong
from ..frozen import FrozenMap
from .access import AccessPolicy

__all__ = ["CHECKS", "evidence_from"]

_LONGEST = 512
_MOST = 50


def _headers(name: str, value: object) -> None:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise wrong(name, value, "the headers of the request, a mapping or pairs")


def _as_for_providers(name: str, value: object) -> None:
    """By the rule of every provider: the organisation may have no provider yet."""
    check_argument("", name, value)


def _plans(name: str, value: object) -> None:
    plans: object = value
    if isinstance(plans, str | bytes) or not isinstance(plans, Collection) or not plans:
        raise wrong(name, value, "a set of the provider's ids of plans, not empty")
    for each in cast("Collection[object]", plans):
        word(name, each)


def _delta(name: str, value: object) -> None:
    whole(name, value)
    if value == 0:
        raise wrong(name, value, "a whole number that is not 0")


CHECKS: Mapping[str, Check] = {
    "org_id": word,
    "to_org_id": word,
    "provider_name": instance(str, "the name of a provider"),
    "session_id": word,
    "subscription_id": word,
    "customer_id": word,
    "plans": _plans,
    "idempotency_key": word,
    "after": word,
    "url": word,
    "return_url": _as_for_providers,
    "payment_method_id": _as_for_providers,
    "token": _as_for_providers,
    "verification_token": _as_for_providers,
    "quantity": whole,
    "expected_quantity": whole,
    "delta": _delta,
    "limit": _as_for_providers,
    "metadata": instance(Mapping, "a mapping of str to str"),
    "params": instance(Mapping, "the query parameters of the URL, a mapping"),
    "headers": _headers,
    "allow_second": flag,
    "final_invoice": flag,
    "everywhere": flag,
    "end_subscriptions": flag,
    "repair": flag,
    "now": check_utc,
    "since": check_utc,
    "before": check_utc,
    "older_than": check_timedelta,
    "policy": instance(AccessPolicy, "an AccessPolicy"),
    "on_difference": observer,
    "on_progress": observer,
}
"""The rule of every argument that is checked nowhere else, by its name."""


def evidence_from(params: Mapping[str, object] | None) -> Mapping[str, str]:
    """What the query parameters of a URL say: strangers can write them, so what is no short text is left out."""
    pairs = list((params or {}).items())[:_MOST]
    return FrozenMap(
        {name: value for name, value in pairs if isinstance(value, str) and len(name) + len(value) <= _LONGEST}
    )
