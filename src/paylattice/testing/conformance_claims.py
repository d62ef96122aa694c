"""Checks of ``claim_event``, for repositories that have it: it does what four methods do one after another, at once."""

from datetime import timedelta
from typing import Any, TypeAlias, cast

import attrs
import pytest

from ..billing.records import BillingEvent, BillingSubscription
from ..billing.repository import Claim, ClaimsEvents, can_claim
from ..models import SubscriptionStatus
from .conformance_models import expect
from .conformance_records import NOW, customer, event, subscription
from .conformance_stage import Stage
from .conformance_storage import Repository, RepositoryChecks, UndoneError, undo
from .conformance_transactions import crowd, written_chain

__all__ = ["ClaimChecks"]

Claims: TypeAlias = ClaimsEvents[Any]


def _claims(repo: Repository) -> Claims:
    if not can_claim(repo):
        pytest.skip("the repository has no claim_event(), which it need not have")
    return cast("Claims", repo)


def _event(number: int, *, at: str = "acme", record: str | None = None) -> BillingEvent:
    return attrs.evolve(event(number, at=at, record=record), org_id=None, customer_id=None, processed_at=NOW)


def _state(
    version: int | None, status: SubscriptionStatus = SubscriptionStatus.ACTIVE, *, number: int = 1, at: str = "acme"
) -> BillingSubscription:
    """A state; another version is another value in every column, and every second one has nothing where that may be."""
    made = subscription(version or 99, number=number, version=version, status=status)
    later = timedelta(days=version or 99)
    bare = version is not None and version % 2 == 1
    return attrs.evolve(
        made,
        provider=at,
        customer_id="",
        ticket=0,
        plan_id=None if bare else made.plan_id,
        quantity=None if bare else made.quantity,
        current_period_start=None if bare else NOW + later,
        current_period_end=None if bare else NOW + 2 * later,
        cancel_at=None if bare else NOW + 3 * later,
        trial_end=None if bare else NOW + 4 * later,
        collection_paused=not bare,
        payment_failed_at=None if bare else NOW + 5 * later,
        paid_through=None if bare else NOW + 6 * later,
        ended_at=None if bare else NOW + 7 * later,
        metadata={"version": str(version)},
    )


def _owned(state: BillingSubscription, claim: Claim) -> BillingSubscription:
    """What has to be there after a claim that wrote the state."""
    ticket = claim.stored.ticket if claim.stored else 0
    owned = attrs.evolve(state, customer_id=claim.customer.id, ticket=ticket)
    return owned.replacing(claim.upserted.previous if claim.upserted else None)


class ClaimChecks(RepositoryChecks):
    """The customer, the event, the ticket and the state, in one call."""

    def test_a_claim_does_what_four_methods_do(self, repository: object) -> None:
        """First states, newer, equal and older ones; over what a payload brought, and over what was read."""

        async def check(repo: Repository, _stage: Stage) -> None:
            claims, tickets = _claims(repo), [await repo.next_ticket()]
            await repo.insert_customer(customer())
            past_due, active = SubscriptionStatus.PAST_DUE, SubscriptionStatus.ACTIVE
            read = attrs.evolve(subscription(await repo.next_ticket(), number=2), version=None)
            long_ago = attrs.evolve(subscription(1, number=3, version=1), status_since=None)
            for stored in (read, long_ago):
                await repo.upsert_subscription(stored)
            steps: list[tuple[str, BillingSubscription, bool]] = [
                ("the first state", _state(5), True),
                ("a newer state", _state(8, past_due), True),
                ("a state of the same version", attrs.evolve(_state(8, past_due), plan_id="another"), True),
                ("an older state", _state(3), False),
                ("a newer state with nothing in it", _state(9, past_due), True),
                ("a state without a version", _state(None, active), True),
                ("a state that is older than the last version", _state(7), False),
                ("a state over one that was read", _state(1, number=2), True),
                ("a state over one that has its status since nobody knows when", _state(2, number=3), True),
            ]
            for number, (what, state, written) in enumerate(steps, 1):
                name = state.external_subscription_id
                before = await repo.get_subscription("acme", name)
                async with repo.transaction() as tx:
                    claim = await claims.claim_event(_event(number), state, "cus_1", tx=tx)
                if claim is None or claim.stored is None or claim.upserted is None:
                    message = f"{what}: the claim of a new event about a known customer was refused"
                    raise AssertionError(message)
                expect(claim.customer == customer(), f"{what}: the customer is not the one with this external id")
                expect(claim.upserted.written is written, f"{what}: written must be {written}")
                expect(claim.upserted.previous == before, f"{what}: previous is not the state that was stored before")
                after = await repo.get_subscription("acme", name)
                wanted = _owned(state, claim) if written else before
                expect(after == wanted, f"{what}: stored is {after!r}, and should be {wanted!r}")
                expect(claim.stored == after, f"{what}: the claim answers another state than the stored one")
                expect(after is not None and after.metadata == claim.stored.metadata, f"{what}: the metadata differ")
                known = attrs.evolve(_event(number), org_id="org-1", customer_id=customer().id)
                expect(
                    await repo.get_event("acme", f"evt_{number}") == known, f"{what}: the event is not its customer's"
                )
                tickets += [claim.stored.ticket] if written else []
            tickets.append(await repo.next_ticket())
            expect(tickets == sorted(set(tickets)), f"tickets must strictly increase; these do not: {tickets}")

        self.drive(repository, check)

    def test_a_claim_for_nobody_changes_nothing(self, repository: object) -> None:
        """The answer is None; the event can be parked, and claimed when the customer is there."""

        async def check(repo: Repository, _stage: Stage) -> None:
            claims = _claims(repo)
            await repo.insert_customer(customer(2))
            await repo.insert_customer(customer(at="other"))
            async with repo.transaction() as tx:
                refused = await claims.claim_event(_event(1), _state(1), "cus_1", tx=tx)
            expect(refused is None, "the claim of an event about nobody who is known must be None")
            expect(await repo.get_event("acme", "evt_1") is None, "the event of a claim for nobody was inserted")
            expect(await repo.get_subscription("acme", "sub_1") is None, "the state of a claim for nobody was written")
            async with repo.transaction() as tx:
                await repo.insert_customer(customer(), tx=tx)
                claimed = await claims.claim_event(_event(1), _state(1), "cus_1", tx=tx)
            expect(claimed is not None, "a claim does not see the customer that its transaction inserted")

        self.drive(repository, check)

    def test_an_event_is_claimed_once(self, repository: object) -> None:
        """The second claim changes nothing, whatever state it brings."""

        async def check(repo: Repository, _stage: Stage) -> None:
            claims = _claims(repo)
            for at in ("acme", "other"):
                await repo.insert_customer(customer(at=at))
            for again in (False, True):
                async with repo.transaction() as tx:
                    event = _event(1, record=f"record-{again}")
                    claim = await claims.claim_event(event, _state(5 + again), "cus_1", tx=tx)
                said = None if claim is None else (claim.customer, claim.upserted is None)
                expect(said == (customer(), again), "an event was claimed twice, or not at all")
            stored = await repo.get_subscription("acme", "sub_1")
            expect(stored is not None and stored.version == 5, "a refused claim wrote its state")  # noqa: PLR2004
            async with repo.transaction() as tx:
                claim = await claims.claim_event(_event(1, at="other"), _state(6, at="other"), "cus_1", tx=tx)
            if claim is None or claim.stored is None:
                message = "another provider's event may have the same id"
                raise AssertionError(message)
            others = await repo.get_subscription("other", "sub_1")
            expect(
                others == claim.stored == _owned(_state(6, at="other"), claim), "another provider's state is not there"
            )
            expect(
                await repo.get_subscription("acme", "sub_1") == stored, "a claim wrote over another provider's state"
            )

        self.drive(repository, check)

    def test_a_claim_leaves_a_subscription_to_its_owner(self, repository: object) -> None:
        """Who stored it first has the last word on whose it is."""

        async def check(repo: Repository, _stage: Stage) -> None:
            claims, owner = _claims(repo), customer(2)
            await repo.insert_customer(customer())
            await repo.insert_customer(owner)
            await repo.upsert_subscription(subscription(1, owner=owner, version=1))
            async with repo.transaction() as tx:
                claim = await claims.claim_event(_event(1), _state(2), "cus_1", tx=tx)
            stored = await repo.get_subscription("acme", "sub_1")
            expect(claim is not None and stored == _owned(_state(2), claim), "a claim must keep what replacing() keeps")
            expect(stored is not None and stored.customer_id == owner.id, "a claim took a subscription from its owner")

        self.drive(repository, check)

    def test_a_claim_is_a_part_of_the_transaction(self, repository: object) -> None:
        """What fails leaves nothing of it; and the event can be claimed again."""

        async def check(repo: Repository, _stage: Stage) -> None:
            claims = _claims(repo)
            await repo.insert_customer(customer())
            try:
                async with repo.transaction() as tx:
                    await claims.claim_event(_event(1), _state(1), "cus_1", tx=tx)
                    expect(
                        await repo.get_event("acme", "evt_1", tx=tx) is not None, "a transaction misses its own claim"
                    )
                    undo()
            except UndoneError:
                pass
            expect(
                await repo.get_event("acme", "evt_1") is None, "the event of a claim that failed is there: it is lost"
            )
            expect(await repo.get_subscription("acme", "sub_1") is None, "the state of a claim that failed is there")
            async with repo.transaction() as tx:
                claim = await claims.claim_event(_event(1), _state(1), "cus_1", tx=tx)
            expect(
                claim is not None and claim.upserted is not None, "an event whose claim failed cannot be claimed again"
            )

        self.drive(repository, check)

    def test_of_many_claims_of_one_event_one_gets_through(self, repository: object) -> None:
        """Two workers with the same delivery: one applies it."""

        async def check(repo: Repository, stage: Stage) -> None:
            claims = _claims(repo)
            await repo.insert_customer(customer())

            async def claim(number: int) -> int:
                async with repo.transaction() as tx:
                    mine = _event(1, record=f"record-{number}")
                    claimed = await claims.claim_event(mine, _state(number), "cus_1", tx=tx)
                    await stage.moment()
                    return number if claimed is not None and claimed.upserted is not None else 0

            done = await stage.play(crowd(claim))
            first = [number for number in done if number]
            expect(len(first) == 1, f"{len(first)} claims of one event got through")
            stored = await repo.get_subscription("acme", "sub_1")
            expect(stored is not None and stored.version == first[0], "the state of a refused claim was written")

        self.drive(repository, check)

    def test_of_many_claimed_states_the_latest_stays(self, repository: object) -> None:
        """Comparing and writing is one step, for a subscription that is new and for one that is stored."""

        async def check(repo: Repository, stage: Stage) -> None:
            claims = _claims(repo)
            await repo.insert_customer(customer())
            for start in (None, 10):

                async def claim(number: int, start: int | None = start) -> tuple[int, bool, int | None]:
                    version = (start or 0) + 1 + (number * 5) % 8
                    async with repo.transaction() as tx:
                        done = await claims.claim_event(_event((start or 0) + number), _state(version), "cus_1", tx=tx)
                        await stage.moment()
                        stored = await repo.get_subscription("acme", "sub_1", tx=tx)
                    if done is None or done.stored is None or done.upserted is None:
                        message = "the claim of a new event was refused"
                        raise AssertionError(message)
                    expect(done.stored == stored, "a claim answers another state than the stored one")
                    previous = done.upserted.previous
                    return version, done.upserted.written, previous.version if previous else None

                before = await repo.get_subscription("acme", "sub_1")
                done = await stage.play(crowd(claim))
                stored = await repo.get_subscription("acme", "sub_1")
                latest = max(version for version, _, _ in done)
                stayed = stored.version if stored else None
                expect(
                    stayed == latest, f"of versions up to {latest}, {stayed} stayed: an older state overwrote a newer"
                )
                chained = written_chain(done, before.version if before else None)
                expect(chained, "previous is not the state that was overwritten: compare and write on a locked row")

        self.drive(repository, check)
