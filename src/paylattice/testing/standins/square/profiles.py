"""What a profile is, and which one an id leads to."""

import re
from collections.abc import Mapping
from typing import Any

from .fields import ADDRESS, Fields, Text
from .refusals import bad
from .world import JSON, World, stamp

__all__ = ["PROFILE", "check_profile", "identified", "merge", "new_customer", "profile_of", "said"]

IDENTIFYING = ("given_name", "family_name", "company_name", "email_address", "phone_number")
_PHONE = re.compile(r"\+?[0-9]{9,16}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SEPARATORS = re.compile(r"[\s().-]")
_MOVING = ("subscription", "card")

PROFILE: Fields = {
    "given_name": Text(300),
    "family_name": Text(300),
    "company_name": Text(500),
    "nickname": Text(100),
    "email_address": Text(254),
    "address": ADDRESS,
    "phone_number": str,
    "reference_id": Text(100),
    "note": str,
    "birthday": str,
    "tax_ids": {"eu_vat": Text(20)},
}


def identified(about: Mapping[str, Any]) -> None:
    """Refuse an empty profile.

    Raises:
        Refusal: it does not.
    """
    if not any(about.get(name) for name in IDENTIFYING):
        detail = f"At least one of {', '.join(IDENTIFYING)} is required for a customer."
        raise bad("MISSING_REQUIRED_PARAMETER", detail)


def said(sent: Mapping[str, Any]) -> JSON:
    """What holds something: neither null nor an empty text."""
    return {name: value for name, value in sent.items() if value is not None and value != ""}


def new_customer(world: World, sent: Mapping[str, Any], *, source: str = "THIRD_PARTY") -> JSON:
    """A new profile.

    Raises:
        Refusal: it is empty.
    """
    about = said(sent)
    identified(about)
    check_profile(about)
    fixed = {
        "preferences": {"email_unsubscribed": False},
        "creation_source": source,
        "version": 0,
        "updated_at": stamp(world.now, decimals=0),
    }
    made = world.add("customer", world.new_id("CUS"), {**about, **fixed})
    world.tell("customer.created", made)
    return made


def check_profile(sent: Mapping[str, Any]) -> None:
    """Refuse what is no phone number, and no e-mail address.

    Raises:
        Refusal: it is none.
    """
    phone, email = sent.get("phone_number"), sent.get("email_address")
    if phone and not _PHONE.fullmatch(_SEPARATORS.sub("", phone)):
        raise bad("INVALID_PHONE_NUMBER", "Expected phone_number to be a valid phone number.", "phone_number")
    if email and not _EMAIL.fullmatch(email):
        raise bad("INVALID_EMAIL_ADDRESS", "Expected email_address to be a valid email address.", "email_address")


def profile_of(world: World, identifier: object) -> JSON | None:
    """The profile that an id leads to: that of a merged one is the one that it was merged into. None if there is none."""
    found = world.get("customer", identifier)
    while found is not None and "_merged_into" in found:
        found = world.get("customer", found["_merged_into"])
    return found


def merge(world: World, from_id: str, to_id: str) -> JSON:
    """Two profiles become a new one, with the data of the second; what belonged to either belongs to it.

    Raises:
        ValueError: they are not two.
    """
    olds = [profile for one in (from_id, to_id) if (profile := profile_of(world, one)) is not None]
    if len({old["id"] for old in olds}) != len((from_id, to_id)):
        message = "two profiles are needed for a merge"
        raise ValueError(message)
    about = {name: value for name, value in olds[1].items() if name in PROFILE and value is not None}
    for name, value in olds[0].items():
        if name in PROFILE:
            about.setdefault(name, value)
    new = new_customer(world, about, source="MERGE")
    ids = [old["id"] for old in olds]
    for old in olds:
        old["_merged_into"] = new["id"]
        context = {"merge": {"from_customer_ids": ids, "to_customer_id": new["id"]}}
        event = world.tell("customer.deleted", old, deleted=True)
        event["data"]["object"]["event_context"] = context
    for kind in _MOVING:
        for each in world.all(kind, lambda row: row.get("customer_id") in ids):
            each["customer_id"] = new["id"]
    for invoice in world.all("invoice", lambda row: row["primary_recipient"]["customer_id"] in ids):
        invoice["primary_recipient"]["customer_id"] = new["id"]
    return new
