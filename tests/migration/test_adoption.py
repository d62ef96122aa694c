"""Customers and subscriptions that exist at a provider become billing's records: completely, once, and whatever happens."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator

import pytest

from paylattice import AccessReason, errors, sync
from paylattice.migration import Adoption, AdoptionOutcome, AdoptionProblem, AdoptionReport, csv_lines, json_lines
from paylattice.migration.sync import Adoption as BlockingAdoption
from paylattice.providers.memory import InMemoryProvider
from tests.billing.support import all_of

from .support import NOW, PAGES, SHOPS, USD, MemoryShop, PayPalShop, Shop, SquareShop, StripeShop

P = AdoptionProblem
OUT = AdoptionOutcome


@pytest.mark.parametrize("kind", SHOPS)
def test_what_exists_is_stored_and_grants_access(kind: type[Shop]) -> None:
    async def story() -> None:
        shop = kind()
        pairs = [await shop.pair("ada"), await shop.pair("bob", "team")]
        dry = await shop.previewed(pairs)
        assert [(line.outcome, line.problems) for line in dry] == [(OUT.WOULD_STORE, ())] * 2
        assert (shop.customers(), shop.subscriptions()) == ([], [])

        report = await shop.adoption().run(pairs)
        assert (report.pairs, report.is_complete, report.after) == (2, True, "bob")
        access = await shop.billing.access("bob")
        assert (access.allowed, access.reason) == (True, AccessReason.ACTIVE)
        assert access.subscription is not None
        assert access.subscription.plan_id == "team"
        found = await shop.adoption().verify(pairs)
        assert (found.is_clean, found.pairs, found.customers) == (True, 2, 2)

    asyncio.run(story())


@pytest.mark.parametrize("kind", SHOPS)
def test_running_it_again_changes_nothing(kind: type[Shop]) -> None:
    async def story() -> None:
        shop = kind()
        pairs = [await shop.pair("ada"), await shop.pair("bob")]
        told: list[str] = []
        shop.billing.on("subscription.started")(lambda event, context: told.append(str(event.subscription_id)))
        await shop.adoption().run(pairs)
        before = (shop.customers(), [(each.id, each.status) for each in shop.subscriptions()], len(told))
        again = await shop.adoption().run(pairs)
        assert again.outcomes == {OUT.KNOWN: 2}
        assert (shop.customers(), [(each.id, each.status) for each in shop.subscriptions()], len(told)) == before
        assert [line.outcome for line in await shop.previewed(pairs)] == [OUT.KNOWN] * 2

    asyncio.run(story())


def test_a_dry_run_says_what_does_not_fit_and_a_run_leaves_it_out() -> None:
    async def story() -> None:
        shop = StripeShop()
        pairs = [await shop.pair(each) for each in ("ada", "bob", "gone", "two", "odd")]
        ids = dict(pairs)
        await shop.provider.delete_customer(ids["gone"])
        shop.server.add_subscription(ids["two"], "team")
        shop.server.note_other_mode("cus_live")
        await shop.billing.ensure_customer("known", email="known@example.com")
        more = [("eve", ids["ada"]), ("bob", "cus_1"), ("live", "cus_live"), ("none", "cus_none"), ("bad", "a/b")]
        pairs += [*more, ("known", (await shop.pair("known"))[1])]
        lines = {line.org_id: line for line in await shop.previewed(pairs[:6] + pairs[7:], plans={"pro"})}
        expected = {
            "ada": (),
            "bob": (),
            "gone": (P.DELETED,),
            "two": (P.SEVERAL_SUBSCRIPTIONS, P.UNKNOWN_PLAN),
            "odd": (),
            "eve": (P.TAKEN,),
            "live": (P.OTHER_MODE,),
            "none": (P.MISSING,),
            "bad": (P.MALFORMED,),
            "known": (P.OTHER_CUSTOMER,),
        }
        assert {org: line.problems for org, line in lines.items()} == expected
        assert all(line.advice for line in lines.values() if line.problem)
        assert len(lines["two"].subscriptions) == 2
        twice = [line.problem for line in await shop.previewed(pairs) if line.external_id == "cus_1"]
        assert twice == [P.OTHER_CUSTOMER]

        report = await shop.adoption(plans={"pro"}).run(pairs)
        assert report.outcomes == {OUT.STORED: 4, OUT.LEFT_OUT: 7}
        counts = {P.TAKEN: 1, P.OTHER_CUSTOMER: 2, P.OTHER_MODE: 1, P.MISSING: 1, P.MALFORMED: 1, P.DELETED: 1}
        assert {each: count for each, count in report.problems.items() if each.keeps_out} == counts
        assert {each.org_id for each in shop.customers()} == {"ada", "bob", "two", "odd", "known"}
        assert "taken" in report.as_text()
        found = await shop.adoption().verify(pairs)
        assert not found.is_clean
        assert found.counts == {"not_stored": 5, "other_id": 2}

    asyncio.run(story())


def test_a_paypal_subscription_of_another_organisation_is_left_out() -> None:
    async def story() -> None:
        shop = PayPalShop()
        pairs = [await shop.pair("ada")]
        await shop.adoption().run(pairs)
        report = await shop.adoption().run([("eve", pairs[0][1]), ("bob", "I-NONE")])
        assert report.problems == {P.TAKEN: 1, P.MISSING: 1}
        assert [each.org_id for each in shop.customers()] == ["ada"]

    asyncio.run(story())


def test_the_lines_are_csv_and_json() -> None:
    async def story() -> None:
        shop = StripeShop()
        pairs = [await shop.pair("ada"), ("=cmd()", "cus_none")]
        table, objects = io.StringIO(newline=""), io.StringIO()
        await shop.adoption().run(pairs, on_line=csv_lines(table))
        await shop.adoption().run(pairs, on_line=json_lines(objects))
        rows = list(csv.DictReader(io.StringIO(table.getvalue())))
        assert [(row["org_id"], row["outcome"], row["problems"]) for row in rows] == [
            ("ada", "stored", ""),
            ("'=cmd()", "left_out", "missing"),
        ]
        lines = [json.loads(line) for line in objects.getvalue().splitlines()]
        assert [line["outcome"] for line in lines] == ["known", "left_out"]

    asyncio.run(story())


def test_customers_are_discovered_at_the_provider_and_one_that_goes_meanwhile_does_no_harm() -> None:
    async def story() -> None:
        shop = StripeShop()
        made = [(await shop.pair(f"org{number}")) for number in range(3)]
        made += [(await shop.pair(f"more{number}")) for number in range(100)]
        adoption = shop.adoption()
        found: list[tuple[str, str]] = []
        async for pair in adoption.discover(lambda each: each.metadata.get("account")):
            found.append(pair)
            if len(found) == 100:  # the last one of the first page
                await shop.provider.delete_customer(pair[1])
        assert sorted(found) == sorted(made)
        rest = [pair async for pair in adoption.discover(lambda each: each.metadata.get("account"), after=found[-2][1])]
        assert rest == found[-1:]
        with pytest.raises(errors.UnsupportedOperation, match="subscription ids"):
            [pair async for pair in PayPalShop().adoption().discover(lambda _: None)]

    asyncio.run(story())


def test_shards_share_the_pairs_and_each_sees_what_two_of_them_share() -> None:
    async def story() -> None:
        shop = StripeShop()
        pairs = [await shop.pair(f"org{number}") for number in range(20)]
        reports = [await shop.adoption().run(pairs, shard=(number, 3)) for number in (1, 2, 3)]
        assert [report.outcomes.get(OUT.KNOWN) for report in reports] == [None] * 3
        assert sum(report.pairs for report in reports) == 20
        assert len(shop.customers()) == 20
        twin = [("twin", pairs[0][1])]
        lines = [
            line
            for number in (1, 2, 3)
            async for line in shop.adoption().preview([*pairs, *twin], shard=(number, 3))
            if line.problem
        ]
        assert [(line.org_id, line.problem) for line in lines] == [("twin", P.TAKEN)]
        with pytest.raises(errors.InvalidRequest, match="shard"):
            await shop.adoption().run(pairs, shard=(4, 3))

    asyncio.run(story())


def test_no_more_requests_begin_in_a_second_than_are_allowed() -> None:
    async def story() -> None:
        shop = StripeShop()
        pairs = [await shop.pair(f"org{number}") for number in range(30)]
        before = len(shop.server.requests)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await shop.adoption(per_second=400, in_flight=5).run(pairs)
        assert len(shop.server.requests) - before == 60  # two for each
        assert loop.time() - began >= 58 / 400
        for wrong in ({"per_second": 0}, {"in_flight": 0}, {"in_flight": 101}):
            with pytest.raises(errors.InvalidRequest):
                shop.adoption(**wrong)

    asyncio.run(story())


class Busy(InMemoryProvider):
    """Counts how many reads are under way."""

    under_way = most = 0

    async def list_subscriptions(self, customer_id: str) -> list:  # type: ignore[type-arg]  # as the base has it
        Busy.under_way += 1
        Busy.most = max(Busy.most, Busy.under_way)
        await asyncio.sleep(0)
        Busy.under_way -= 1
        return await super().list_subscriptions(customer_id)


def test_no_more_pairs_are_read_at_a_time_than_are_allowed() -> None:
    async def story() -> None:
        shop = MemoryShop()
        pairs = [await shop.pair(f"org{number}") for number in range(30)]
        shop.provider.__class__ = Busy
        await shop.adoption(in_flight=4).run(pairs)
        assert Busy.most == 4

    asyncio.run(story())


def test_what_the_provider_fails_at_is_told_and_the_others_go_on() -> None:
    async def story() -> None:
        shop = MemoryShop()
        pairs = [await shop.pair("ada"), await shop.pair("bob")]
        shop.provider.fail_next_call(errors.ProviderUnavailable("down", provider="memory"))
        report = await shop.adoption(in_flight=1).run(pairs)
        assert report.outcomes == {OUT.FAILED: 1, OUT.STORED: 1}
        assert report.with_problems[0].error == "ProviderUnavailable"
        assert (await shop.adoption().run(pairs)).is_complete
        shop.provider.fail_next_call(errors.AuthenticationError("no", provider="memory"))
        with pytest.raises(errors.AuthenticationError):
            await shop.adoption().run(pairs)

    asyncio.run(story())


class Killed(BaseException):
    """The process dies."""


def test_a_run_that_is_killed_ten_times_is_complete_and_nothing_is_doubled() -> None:
    """Two thousand customers; each process dies at a place of its own, and the next one goes on."""

    async def story() -> None:
        shop = MemoryShop()
        pairs = [await shop.pair(f"org{number}") for number in range(2000)]
        real, calls, dies_at = shop.repository.insert, 0, 0

        async def insert(record: object, *, tx: object = None) -> bool:
            nonlocal calls
            calls += 1
            if calls == dies_at:
                raise Killed
            return await real(record, tx=tx)  # type: ignore[arg-type]  # as it came

        shop.repository.insert = insert  # type: ignore[method-assign,assignment]  # the process dies in here
        reached: list[AdoptionReport] = []
        for death in range(10):
            calls, dies_at = 0, 151 + 37 * death
            with pytest.raises(Killed):
                await Adoption(shop.restarted(), "memory", in_flight=1 + death).run(
                    pairs, after=reached[-1].after if reached else None, on_progress=reached.append
                )
        dies_at = 0
        await shop.adoption().run(pairs, after=reached[-1].after)
        assert {(each.org_id, each.external_customer_id) for each in shop.customers()} == set(pairs)
        assert len(shop.subscriptions()) == 2000
        assert (await shop.adoption().verify(pairs)).is_clean

    asyncio.run(story())


def test_pairs_come_from_anything_that_can_be_iterated() -> None:
    async def story() -> None:
        shop = MemoryShop()
        pairs = [await shop.pair("ada"), await shop.pair("bob")]

        async def rows() -> AsyncIterator[tuple[str, str]]:
            for pair in pairs:
                yield pair

        assert (await shop.adoption().run(rows())).pairs == 2
        assert (await shop.adoption().run(iter(pairs), after="ada")).pairs == 1
        with pytest.raises(errors.InvalidRequest, match="after="):
            await shop.adoption().run(pairs, after="nobody")
        with pytest.raises(errors.InvalidRequest, match="two texts"):
            await shop.adoption().run([(1, "cus")])  # type: ignore[list-item]  # what a database may bring

    asyncio.run(story())


def test_the_sync_api_does_the_same() -> None:
    provider = InMemoryProvider(now=NOW)
    provider.add_plan("pro", USD)
    blocking = sync.Provider(provider)
    pairs = []
    for org in ("ada", "bob"):
        customer = blocking.create_customer(f"{org}@example.com", metadata={"account": org})
        session = blocking.create_checkout_session(customer.id, "pro", **PAGES)
        provider.complete_checkout(session.id)
        pairs.append((org, customer.id))
    billing = sync.BillingService(blocking, sync.InMemoryRepository(), clock=lambda: NOW)
    adoption = BlockingAdoption(billing, "memory")
    assert list(adoption.discover(lambda each: each.metadata.get("account"))) == pairs
    assert [line.outcome for line in adoption.preview(pairs)] == [OUT.WOULD_STORE] * 2
    assert adoption.run(pairs).is_complete
    assert adoption.verify(pairs).is_clean
    assert billing.access("ada").allowed


def test_a_merged_profile_at_square_is_stored_as_what_it_was_merged_into() -> None:
    async def story() -> None:
        shop = SquareShop()
        org, first = await shop.pair("ada")
        _, second = await shop.pair("bob")
        new = shop.server.merge(first, second)
        report = await shop.adoption().run([(org, first)])
        assert report.outcomes == {OUT.STORED: 1}
        assert [each.external_customer_id for each in shop.customers()] == [new]
        assert (await shop.adoption().run([(org, first)])).outcomes == {OUT.KNOWN: 1}

    asyncio.run(story())


def test_deliveries_before_meanwhile_and_afterwards_end_in_the_true_state() -> None:
    async def story() -> None:
        shop = StripeShop()
        pairs = [await shop.pair("ada"), await shop.pair("bob")]
        assert set(await shop.deliver()) == {200}  # unmatched, and kept
        [subscription] = await shop.provider.list_subscriptions(pairs[0][1])
        await shop.provider.cancel_subscription(subscription.id, at_period_end=True)
        await shop.adoption().run(pairs)
        await shop.deliver()
        stored = await shop.billing.subscription("ada")
        assert stored is not None
        assert stored.cancel_at is not None
        assert await shop.billing.apply_unmatched("stripe") == 0
        with pytest.raises(errors.Conflict, match="subscription"):
            await shop.billing.start_checkout("bob", "team", email="bob@example.com", **PAGES)

    asyncio.run(story())


def test_a_customer_that_billing_has_made_meanwhile_is_reported_and_not_replaced() -> None:
    async def story() -> None:
        shop = StripeShop()
        pairs = [await shop.pair("ada")]
        made = await shop.billing.ensure_customer("ada", email="ada@example.com")
        report = await shop.adoption().run(pairs)
        assert report.problems == {P.OTHER_CUSTOMER: 1}
        assert shop.customers() == [made]
        with pytest.raises(errors.Conflict, match="another customer"):
            await shop.billing.assign_customer("ada", pairs[0][1])

    asyncio.run(story())


def test_assigning_says_what_is_wrong() -> None:
    async def story() -> None:
        shop = StripeShop()
        pair = await shop.pair("ada")
        await shop.billing.assign_customer(*pair)
        with pytest.raises(errors.Conflict, match="another organisation"):
            await shop.billing.assign_customer("eve", pair[1])
        with pytest.raises(errors.NotFound):
            await shop.billing.assign_customer("bob", "cus_none")
        with pytest.raises(errors.UnsupportedOperation):
            await PayPalShop().billing.assign_customer("ada", "I-1")
        assert len(all_of(shop.repository, type(shop.customers()[0]))) == 1

    asyncio.run(story())
