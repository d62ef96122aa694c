"""Signed deliveries, with the same scheme as real providers use: ``Paylattice-Signature: t=<unix seconds>,v1=<hex>``."""

from collections.abc import Mapping

import attrs

from ...jsonlike import JsonObject, has_identities
from ...signatures import TimestampedScheme

__all__ = ["SIGNATURE", "Delivery"]


def _is_event(data: JsonObject) -> bool:
    return has_identities(data, "id", "type")


SIGNATURE = TimestampedScheme("the memory provider", "Paylattice-Signature", _is_event)


@attrs.frozen
class Delivery:
    """One webhook, as it would arrive over HTTP. ``payload`` and ``headers`` go into ``respond()``."""

    type: str
    payload: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    event_id: str
