"""Bodies with the checksum of another one: what whoever has seen a delivery can make, as only the checksum is signed."""

import json
from collections.abc import Mapping
from zlib import crc32

CASE = 0x20
LETTERS = 64


def forged(event: Mapping[str, object], wanted: int) -> bytes:
    """The event, with this checksum: the case of the letters in a field that nobody reads makes it fit."""
    body = bytearray(json.dumps({**event, "x": "a" * LETTERS}).encode())
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
