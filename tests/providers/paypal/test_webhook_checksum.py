"""What PayPal's signature does not cover: the body itself, of which only a CRC-32 is signed."""

from zlib import crc32

from paylattice.providers.paypal.verification.verifier import transmission_from

from .certificates_support import BODY, WEBHOOK, World, delivery
from .forging import forged

MINE = {"id": "WH-MINE", "resource": {"amount": {"total": "9999.00", "currency": "USD"}}}


def test_whoever_has_seen_a_delivery_can_write_another_body_for_it() -> None:
    """So the id in the body, and the amounts, are not proven: the service reads them again from PayPal."""
    body, headers = forged(MINE, crc32(BODY)), delivery()
    assert World().verified(body, headers)["id"] == "WH-MINE"


def test_the_transmission_id_is_proven_and_stays_what_it_was() -> None:
    world, headers = World(), delivery()
    for body in (BODY, forged(MINE, crc32(BODY))):
        transmission = transmission_from(headers)
        world.verified(body, transmission)
        assert transmission.id == headers["PAYPAL-TRANSMISSION-ID"]
    signed = transmission.signed_text(WEBHOOK, BODY)
    assert signed == f"{transmission.id}|{transmission.time}|{WEBHOOK}|{crc32(BODY)}".encode()
