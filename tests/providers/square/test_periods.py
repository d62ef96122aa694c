"""Periods: the boundaries of a cadence, and both readings of ``charged_through_date``."""

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice.money import Money
from paylattice.providers.square.catalog import variation_from
from paylattice.providers.square.periods import CADENCES, Calendar, Phase, days_of
from paylattice.providers.square.states import Known, subscription_from
from paylattice.providers.square.times import day_of, midnight, moment_of, stamp, zone_of

from .samples import phase, subscription, variation

FREE = Money(0, "USD")
PRICE = Money(1900, "USD")
DAY = timedelta(days=1)
NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)
DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))
NOT_DAILY = [cadence for cadence in CADENCES if cadence != "DAILY"]
LENGTHS = {"day": 1, "week": 7}


def months_after(start: date, months: int, day: int) -> date:
    """Counted one month after the other: another way than the provider's."""
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def boundaries(start: date, cadence: str, count: int, anchor: int | None = None) -> list[date]:
    """The first days of the periods, one after the other."""
    unit, length = CADENCES[cadence]
    if unit in LENGTHS:
        return [start + timedelta(days=LENGTHS[unit] * length * number) for number in range(count)]
    step = length * (12 if unit == "year" else 1)
    if anchor is None or start.day == min(anchor, calendar.monthrange(start.year, start.month)[1]):
        return [months_after(start, step * number, anchor or start.day) for number in range(count)]
    first = months_after(start, 0, anchor)
    first = first if first > start else months_after(start, 1, anchor)
    return [start, *(months_after(first, step * number, anchor) for number in range(count - 1))]


@settings(max_examples=2000, deadline=None)
@given(start=DAYS, cadence=st.sampled_from(NOT_DAILY), number=st.integers(1, 40))
def test_both_readings_of_the_date_lead_to_the_same_period(start: date, cadence: str, number: int) -> None:
    days = Calendar(start, [Phase(cadence, price=PRICE)])
    expected = boundaries(start, cadence, number + 1)
    for charged in (expected[number] - DAY, expected[number]):
        assert days.end_of(charged) == expected[number]
    assert days.start_of(expected[number]) == expected[number - 1]


@settings(max_examples=1000, deadline=None)
@given(start=DAYS, cadence=st.sampled_from(NOT_DAILY), number=st.integers(1, 20), anchor=st.integers(1, 31))
def test_an_anchor_moves_the_boundaries_to_its_day(start: date, cadence: str, number: int, anchor: int) -> None:
    days = Calendar(start, [Phase(cadence, price=PRICE)], anchor)
    expected = boundaries(start, cadence, number + 1, anchor)
    if (expected[number] - expected[number - 1]).days < 3:  # a first period of a day or two
        return
    for charged in (expected[number] - DAY, expected[number]):
        assert days.end_of(charged) == expected[number]
    assert days.start_of(expected[number]) == expected[number - 1]


@settings(max_examples=1000, deadline=None)
@given(
    start=DAYS,
    trial=st.sampled_from(NOT_DAILY),
    periods=st.integers(1, 6),
    cadence=st.sampled_from(NOT_DAILY),
    number=st.integers(1, 20),
)
def test_a_phase_begins_where_the_one_before_it_ends(
    start: date, trial: str, periods: int, cadence: str, number: int
) -> None:
    days = Calendar(start, [Phase(trial, periods, FREE), Phase(cadence, price=PRICE)])
    paid_from = boundaries(start, trial, periods + 1)[-1]
    expected = boundaries(paid_from, cadence, number + 1)
    for charged in (expected[number] - DAY, expected[number]):
        assert days.end_of(charged) == expected[number]
    assert days.start_of(expected[number]) == expected[number - 1]
    assert days.trial_end(paid_from - DAY) == paid_from
    assert days.trial_end(paid_from) is None
    free, paid = days.phase_on(paid_from - DAY), days.phase_on(paid_from)
    assert (free and free.is_free, paid and paid.is_free) == (True, False)


@given(start=DAYS, number=st.integers(1, 4000))
def test_daily_dates_are_the_last_day_as_documented(start: date, number: int) -> None:
    days = Calendar(start, [Phase("DAILY", price=PRICE)])
    charged = start + timedelta(days=number - 1)
    assert days.end_of(charged) == charged + DAY
    assert days.start_of(charged + DAY) == charged


@given(start=DAYS, day=DAYS, cadence=st.sampled_from(sorted(CADENCES)))
def test_every_day_is_in_one_period(start: date, day: date, cadence: str) -> None:
    around = Calendar(start, [Phase(cadence, price=PRICE)]).period_around(day)
    if day < start:
        assert around is None
    else:
        assert around is not None
        assert around[0] <= day < around[1]


@given(
    start=st.dates(),
    charged=st.dates(),
    phases=st.lists(
        st.builds(
            Phase, st.sampled_from([*CADENCES, None, "FORTNIGHTLY"]), st.none() | st.integers(-1, 10**12), st.none()
        )
    ),
    anchor=st.none() | st.integers(1, 31),
)
def test_no_dates_and_phases_break_it(start: date, charged: date, phases: list[Phase], anchor: int | None) -> None:
    days = Calendar(start, phases, anchor)
    end = days.end_of(charged)
    assert end is None or abs((end - charged).days) <= 4
    days.phase_on(charged)
    days.trial_end(charged)
    days.period_around(charged)


def test_months_are_counted_from_the_first_day() -> None:
    days = Calendar(date(2026, 1, 31), [Phase("MONTHLY", price=PRICE)])
    assert days.end_of(date(2026, 2, 27)) == date(2026, 2, 28)
    assert days.end_of(date(2026, 3, 30)) == date(2026, 3, 31)
    assert days.start_of(date(2026, 3, 31)) == date(2026, 2, 28)


def test_a_date_near_no_boundary_is_not_bent_to_one() -> None:
    days = Calendar(date(2026, 1, 5), [Phase("MONTHLY", price=PRICE)])
    assert days.end_of(date(2026, 3, 20)) is None
    assert days.end_of(date(2026, 3, 6)) == date(2026, 3, 5)


def test_nominal_lengths_of_free_phases() -> None:
    assert days_of([Phase("WEEKLY", 2, FREE)]) == 14
    assert days_of([Phase("MONTHLY", 1, FREE), Phase("DAILY", 3, FREE)]) == 33
    assert days_of([Phase("ANNUAL", 1, FREE)]) == 365
    assert days_of([Phase("FORTNIGHTLY", 1, FREE)]) == 0


# --- instants ------------------------------------------------------------------------------------------------------


def periods(**changes: object) -> tuple[datetime | None, datetime | None]:
    known = Known(NOW, variation_from(variation()), ())
    found = subscription_from(subscription(**changes), known)
    return found.current_period_start, found.current_period_end


@pytest.mark.parametrize(
    ("timezone", "start", "end"),
    [
        ("America/Los_Angeles", "2026-09-05T07:00", "2026-10-05T07:00"),
        ("UTC", "2026-09-05T00:00", "2026-10-05T00:00"),
        ("Asia/Tokyo", "2026-09-04T15:00", "2026-10-04T15:00"),
        ("Pacific/Kiritimati", "2026-09-04T10:00", "2026-10-04T10:00"),
        ("No/Such_Zone", "2026-09-05T00:00", "2026-10-05T00:00"),
        ("../../etc/passwd", "2026-09-05T00:00", "2026-10-05T00:00"),
        ("America", "2026-09-05T00:00", "2026-10-05T00:00"),
        ("", "2026-09-05T00:00", "2026-10-05T00:00"),
    ],
)
def test_a_date_is_a_day_where_the_subscription_is(timezone: str, start: str, end: str) -> None:
    found = periods(timezone=timezone)
    assert found == (datetime.fromisoformat(start + "Z"), datetime.fromisoformat(end + "Z"))


def test_a_period_over_a_change_of_clocks_is_whole_days() -> None:
    start, end = periods(start_date="2026-10-15", charged_through_date="2026-11-14")
    assert start == datetime(2026, 10, 15, 7, tzinfo=UTC)
    assert end == datetime(2026, 11, 15, 8, tzinfo=UTC)


def test_without_a_date_there_is_no_period() -> None:
    assert periods(charged_through_date=None) == (None, None)


def test_without_phases_the_end_is_as_documented_and_the_start_is_unknown() -> None:
    found = subscription_from(subscription(), Known(NOW))
    assert found.current_period_start is None
    assert found.current_period_end == datetime(2026, 10, 5, 7, tzinfo=UTC)


def test_off_the_grid_the_last_invoice_is_the_start() -> None:
    known = Known(NOW, variation_from(variation()), ({"created_at": "2026-09-12T10:00:00Z", "status": "PAID"},))
    found = subscription_from(subscription(charged_through_date="2026-10-18"), known)
    assert found.current_period_start == datetime(2026, 9, 12, 7, tzinfo=UTC)
    assert found.current_period_end == datetime(2026, 10, 19, 7, tzinfo=UTC)


@pytest.mark.parametrize("said", ["2026-10-15", "2026-10-16"], ids=["the last day", "the next billing date"])
def test_a_pause_moves_the_boundaries(said: str) -> None:
    """Paid on the 5th until the pause, and resumed on September 16th, from which Square bills:
    https://developer.squareup.com/docs/subscriptions-api/manage-subscriptions#resume-a-subscription."""
    resumed = {"created_at": "2026-09-16T10:00:00Z", "status": "PAID"}
    known = Known(datetime(2026, 9, 21, 14, tzinfo=UTC), variation_from(variation()), (resumed,))
    found = subscription_from(subscription(start_date="2026-05-05", charged_through_date=said), known)
    assert found.current_period_start == datetime(2026, 9, 16, 7, tzinfo=UTC)
    assert found.current_period_end == datetime(2026, 10, 16, 7, tzinfo=UTC)


@given(resumed=DAYS, start=DAYS, cadence=st.sampled_from(NOT_DAILY), number=st.integers(1, 5), late=st.booleans())
def test_after_a_pause_both_readings_lead_to_the_same_period(
    resumed: date, start: date, cadence: str, number: int, late: bool
) -> None:
    grid = Calendar(start, [Phase(cadence, price=PRICE)])
    moved = grid.moved_to(resumed)
    if moved is None:  # before the start, or on one of its boundaries, or beside one
        around = grid.period_around(resumed)
        assert around is None or min(abs(resumed - day) for day in around) <= DAY
        return
    expected = boundaries(resumed, cadence, number + 1)
    assert moved.end_of(expected[number] - (DAY if late else 0 * DAY), exactly=True) == expected[number]
    assert moved.start_of(expected[number]) == expected[number - 1]


def test_an_invoice_that_is_made_a_day_late_moves_nothing() -> None:
    late = {"created_at": "2026-09-06T10:00:00Z", "status": "PAID"}
    found = subscription_from(subscription(), Known(NOW, variation_from(variation()), (late,)))
    assert found.current_period_start == datetime(2026, 9, 5, 7, tzinfo=UTC)
    assert found.current_period_end == datetime(2026, 10, 5, 7, tzinfo=UTC)


def test_a_trial_is_its_own_period() -> None:
    plan = variation_from(variation(phase(0, "WEEKLY", periods=3), phase(1900, ordinal=1)))
    found = subscription_from(subscription(charged_through_date=None), Known(NOW, plan, ()))
    assert found.trial_end == found.current_period_end == datetime(2026, 9, 26, 7, tzinfo=UTC)
    assert found.current_period_start == datetime(2026, 9, 5, 7, tzinfo=UTC)


@given(zone=st.sampled_from(sorted(available_timezones())), day=st.dates())
def test_every_zone_s_midnight_is_that_day(zone: str, day: date) -> None:
    begins = midnight(day, zone_of(zone))
    if begins is not None and date(2, 1, 1) < day < date(9998, 1, 1):
        assert begins.astimezone(zone_of(zone)).date() in {day, day + DAY}
        assert (begins - timedelta(minutes=1)).astimezone(zone_of(zone)).date() <= day


# --- timestamps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-21T14:13:20Z", "2026-09-21T14:13:20+00:00"),
        ("2026-09-21T14:13:20.123Z", "2026-09-21T14:13:20.123+00:00"),
        ("2022-07-13T20:30:59.037339943Z", "2022-07-13T20:30:59.037339+00:00"),
        ("2022-04-26T10:08:40.454726", "2022-04-26T10:08:40.454726+00:00"),
        ("2020-7-05T14:13:20Z", "2020-07-05T14:13:20+00:00"),
        ("2020-07-05 14:13:20.5 +0000 UTC", "2020-07-05T14:13:20.5+00:00"),
        ("2020-07-05 14:13:20 -0730 UTC", "2020-07-05T21:43:20+00:00"),
        ("2026-09-21T14:13:20+02:00", "2026-09-21T12:13:20+00:00"),
    ],
)
def test_timestamps_are_read_as_they_come(text: str, expected: str) -> None:
    assert moment_of({"at": text}, "at") == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-1-32 00:00:00", "9" * 80, None, 7, [], "0000-1-1 00:00:00"]
)
def test_what_is_no_timestamp_is_none(text: object) -> None:
    assert moment_of({"at": text}, "at") is None


@pytest.mark.parametrize("text", ["", "2026-9-1", "20260901", "2026-09-31", None, 7, "2026-09-01T00:00"])
def test_what_is_no_date_is_none(text: object) -> None:
    assert day_of({"on": text}, "on") is None


def test_a_time_is_written_as_square_takes_it() -> None:
    assert stamp(datetime.fromisoformat("2026-09-21T16:13:20.5+02:00")) == "2026-09-21T14:13:20.500Z"
