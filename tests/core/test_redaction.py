"""Text that others wrote, before it gets into an error or a log line."""

import string
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paylattice.redaction import redact

ALNUM = string.ascii_letters + string.digits
token = st.text(ALNUM, min_size=16, max_size=60)
local_part = st.text(ALNUM + ".+-_!#$%&'*/=?^`{|}~", min_size=1, max_size=64)
domain = st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12), min_size=2, max_size=4)
emails = st.builds(lambda local, labels: f"{local}@{'.'.join(labels)}", local_part, domain)
keys = st.one_of(
    st.builds("{}_{}_{}".format, st.sampled_from(["sk", "rk", "pk"]), st.sampled_from(["live", "test"]), token),
    st.builds("whsec_{}".format, token),
    st.builds("pi_{}_secret_{}".format, token, token),
    st.builds("seti_{}_secret_{}".format, token, token),
    st.builds("EAAA{}".format, token),
    st.builds("EAAAl{}".format, token),
    st.builds("sq0{}-{}".format, st.sampled_from(["atp", "csp", "idp", "idb"]), token),
    st.builds("Bearer {}".format, token),
    st.builds("bearer {}".format, token),
    st.builds("Basic {}==".format, token),
    st.builds("A21AA{}".format, token),
    st.builds("E{}".format, st.text(ALNUM, min_size=79, max_size=79)),
    st.builds("eyJ{}.{}.{}".format, token, token, token),
)


def luhn(digits: str) -> str:
    doubled = [int(d) * 2 if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits))]
    return digits + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


plain_cards = st.text(string.digits, min_size=12, max_size=18).map(luhn)
cards = st.one_of(
    plain_cards,
    *(plain_cards.map(lambda c, s=s: s.join(c[i : i + 4] for i in range(0, len(c), 4))) for s in (" ", "-", ".", "  ")),
)
around = st.one_of(
    st.sampled_from(
        ["", " ", "'", '"', "\n", ": ", ", ", "(", ")", "<", ">", ";", "=", "&", "?", "https://x.example/a?b="]
    ),
    st.text(max_size=5),
)
prose = st.text(string.ascii_letters + " ,.\n", max_size=300)


@given(prose, around, emails, around, prose)
def test_no_address_gets_through(before: str, left: str, email: str, right: str, after: str) -> None:
    assert email not in redact(f"{before} {left}{email}{right} {after}")


@given(prose, keys, prose)
def test_no_key_gets_through(before: str, key: str, after: str) -> None:
    assert key not in redact(f"{before} '{key}' {after}")
    assert key[-12:] not in redact(key)


@given(prose, st.sampled_from(["", "'", "#", "card", "(", ": "]), cards, prose)
def test_no_card_number_gets_through(before: str, left: str, card: str, after: str) -> None:
    shown = redact(f"{before} {left}{card} {after}")
    assert card not in shown
    assert card[:6] not in shown or "<number>" in shown


@given(st.text(ALNUM + ".+-_", min_size=8, max_size=64), st.integers(1100, 1300))
@example("ada.lovelace", 1192)
def test_an_address_at_the_end_of_what_is_read_does_not_get_through_in_part(local: str, at: int) -> None:
    filler = "sk_live_" + "x" * (at - 9) + " "
    assert local not in redact(f"{filler}{local}@example.com")


@given(st.text())
def test_the_result_is_short_and_printable(text: str) -> None:
    shown = redact(text)
    assert len(shown) <= 300
    assert shown.isprintable()


@given(st.text(string.ascii_letters + " ", max_size=300))
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "cus_NffrFeUfNV2Hib",
        "cus_123",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "pi_3Abc",
        "price_1PgafmB7WZ01zgkWvSFKmZTK",
        "seti_1Mm8s8LkdIwHu7ix28a3tqPa",
        "cs_test_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6",
        "sub_1MowQVLkdIwHu7ixeRlqHVzs",
        "req_8KJfh3sZkT4Rmp",
        "acct_1032D82eZvKYlo2C",
        "ch_3MmlLrLkdIwHu7ix0snN0B15",
        "evt_000000000012",
        "cus_424242424242424242",
        "I-BW452GLLEP1G",
        "5O190127TN364715T",
        "WH-58D329510W468432D-8HN650336L201105X",
        "PAYID-L7ZPSAQ8JT21372T4284330M",
        "inv:0-ChCHu2mZEabLeeHahQnXDjZQECY",
        "6ea4bd6f-3ba2-4bbb-9ce7-6b0b8e3b9a6d",
        "HTTP 402 at 2026-01-31T12:00:00.000000Z",
        "1769860800",
        "No such customer: 'cus_NffrFeUfNV2Hib'; a similar object exists in live mode.",
        "Basic authentication failed",
        "the bearer of this message",
        "secret: must be a string",
        "Invalid token=abc",
        "12 customers, 4.2 % of 3,000",
    ],
)
def test_ids_and_messages_stay_readable(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Invalid API Key provided: sk_test_********abcd", "Invalid API Key provided: <key>"),
        ("pi_3MtwBw_secret_YrKJUKribcBjcG8HVhfZluoGH was not found", "<key> was not found"),
        ("cs_test_a1b2c3_secret_fidwbEhqYWAn", "<key>"),
        ("sandbox-sq0idb-AbCdEfGhIjKlMn is unknown", "sandbox-<key> is unknown"),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer <secret>"),
        ('{"client_secret": "s3cr3t-value", "a": 1}', '{"client_secret": "<secret>", "a": 1}'),
        ("password=hunter2hunter2&x=1", "password=<secret>&x=1"),
        ("mailto:ada@example.com?subject=x", "mailto:<e-mail>?subject=x"),
        ("/v1/customers?email=ada%40example.com&limit=1", "/v1/customers?email=<e-mail>&limit=1"),
        ("o'hara@example.com", "o'<e-mail>"),
        ("Ada <ada@example.com>", "Ada <<e-mail>>"),
        ("the card 4242 4242 4242 4242 was refused", "the card <number> was refused"),
        ("incorrect number 4242424242424241", "incorrect number <number>"),
        ("4242\u00a04242\u00a04242\u00a04242", "<number>"),
        ("ada\u200b@example.com", "<e-mail>"),
        ("sk_li\x00ve_abcdefghijkl", "<key>"),
        ("two\nlines\tand\x1b[31m colours\x7f", "two lines and[31m colours"),
    ],
)
def test_secrets_and_personal_data_are_replaced_by_what_they_are(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("value", [None, 5, b"ada@example.com", ["ada@example.com"], {}])
def test_what_is_no_text_leaves_nothing(value: object) -> None:
    assert redact(value) == ""


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert redact("word " * 1000) == ("word " * 60)[:299] + "…"


@pytest.mark.parametrize(
    "unit",
    ["a", "4 ", "a_", "%", "sk_", "a%4", "1", "EAAA", "secret", "secret=", "a_secret_", "eyJ.", "@", "a@", "bearer "],
)
def test_hostile_repetition_takes_no_time(unit: str) -> None:
    started = time.process_time()
    redact(unit * 100_000)
    assert time.process_time() - started < 0.5
