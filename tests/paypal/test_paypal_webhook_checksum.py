"""What PayPal's signature does not cover: the body itself, of which only a CRC-32 is signed."""

import json
from zlib import crc32

from paypal_certificates_support import BODY, WEBHOOK, World, delivery

from paylattice.providers.paypal.webhooks import transmission_from

CASE = 0x20
LETTERS = 64


def forged(wanted: int) -> bytes:
    """An event of my own with the checksum of another one: the case of the letters in a field nobody reads makes it fit."""
    event = {"id": "WH-MINE", "resource": {"amount": {"total": "9999.00", "currency": "USD"}}, "x": "a" * LETTERS}
    body = bytearray(json.dumps(event).encode())
    places = range(len(body) - 2 - LETTERS, len(body) - 2)
    start = crc32(body)
    basis: dict[int, tuple[int, frozenset[int]]] = {}  # by its highest bit: what a set of changes does to the checksum
    for place in places:
        body[place] ^= CASE
        effect, changes = crc32(body) ^ start, frozenset({place})
        body[place] ^= CASE
        while effect and effect.bit_length() in basis:
            other, others = basis[effect.bit_length()]
            effect, changes = effect ^ other, changes ^ others
        if effect:
            basis[effect.bit_length()] = effect, changes
    missing, chosen = start ^ wanted, frozenset[int]()
    while missing:
        effect, changes = basis[missing.bit_length()]
        missing, chosen = missing ^ effect, chosen ^ changes
    for place in chosen:
        body[place] ^= CASE
    return bytes(body)


def test_whoever_has_seen_a_delivery_can_write_another_body_for_it() -> None:
    """So the id in the body, and the amounts, are not proven: the service reads them again from PayPal."""
    body, headers = forged(crc32(BODY)), delivery()
    assert World().verified(body, headers)["id"] == "WH-MINE"


def test_the_transmission_id_is_proven_and_stays_what_it_was() -> None:
    world, headers = World(), delivery()
    for body in (BODY, forged(crc32(BODY))):
        transmission = transmission_from(headers)
        world.verified(body, transmission)
        assert transmission.id == headers["PAYPAL-TRANSMISSION-ID"]
    signed = transmission.signed_text(WEBHOOK, BODY)
    assert signed == f"{transmission.id}|{transmission.time}|{WEBHOOK}|{crc32(BODY)}".encode()
