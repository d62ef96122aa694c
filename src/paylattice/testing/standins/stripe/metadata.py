"""Metadata: https://docs.stripe.com/api/metadata."""

from typing import cast

__all__ = ["merged"]


def merged(old: dict[str, str], sent: object) -> dict[str, str]:
    """Metadata after a change: merged key by key; an empty value takes its key away, and empty metadata all of them."""
    if not isinstance(sent, dict):
        return {}
    joined = {**old, **cast("dict[str, str]", sent)}
    return {key: value for key, value in joined.items() if value != ""}
