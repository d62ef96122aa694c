"""Checks of a repository, one actor at a time: what is written is there, keys are unique, pages hold everything once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NoReturn, TypeAlias

import attrs

from ..billing.records import BillingCustomer
from ..billing.repository import BillingRepository
from ..models import SubscriptionStatus
from .conformance_models import expect
from .conformance_records import NOW, customer, event, subscription
from .conformance_stage import Stage

__all__ = ["Check", "Repository", "RepositoryChecks", "StorageChecks", "UndoneError", "undo"]

Repository: TypeAlias = BillingRepository[Any]
Check: TypeAlias = Callable[[Repository, Stage], Awaitable[None]]


class UndoneError(Exception):
    """What ends a transaction in these checks."""


def undo() -> NoReturn:
    """End a transaction so that nothing of it stays.

    Raises:
        UndoneError: always.
    """
    raise UndoneError


class RepositoryChecks:
    """A check is a coroutine over the async protocol; how it is driven is the face's affair."""

    def drive(self, repository: object, check: Check) -> None:
        """Run the check against what the fixture gave."""
        raise NotImplementedError


class StorageChecks(RepositoryChecks):
    """Records, their keys, their order."""

    # --- customers -----------------------------------------------------------------------------------------------

    def test_a_customer_comes_back_as_it_was_written(self, repository: object) -> None:
        """By org, by record id and by the provider's id; every field, to the microsecond and in UTC."""

        async def check(repo: Repository, _stage: Stage) -> None:
            written = customer()
            expect(await repo.insert_customer(written) is True, "insert_customer of a new customer must answer True")
            for found in (
                await repo.get_customer(written.org_id, written.provider),
                await repo.get_customer_by_id(written.id),
                await repo.get_customer_by_external_id(written.provider, written.external_customer_id),
            ):
                expect(found == written, f"a customer came back as {found!r}, and was written as {written!r}")
                expect(found is not None and found.metadata == written.metadata, "a customer's metadata was changed")
            bare = BillingCustomer("bare", "org-bare", "acme", "cus_bare")
            await repo.insert_customer(bare)
            expect(await repo.get_customer_by_id("bare") == bare, "a customer without the optional fields was changed")

        self.drive(repository, check)

    def test_who_is_not_there_is_none(self, repository: object) -> None:
        """Reading what nobody wrote answers None, or nothing."""

        async def check(repo: Repository, _stage: Stage) -> None:
            expect(await repo.get_customer("org-1", "acme") is None, "get_customer of nobody must be None")
            expect(await repo.get_customer_by_id("x") is None, "get_customer_by_id of nobody must be None")
            expect(
                await repo.get_customer_by_external_id("acme", "x") is None,
                "get_customer_by_external_id of nobody must be None",
            )
            expect(await repo.get_subscription("acme", "x") is None, "get_subscription of nothing must be None")
            expect(await repo.get_event("acme", "x") is None, "get_event of nothing must be None")
            expect(await repo.list_customers("acme") == [], "list_customers of nobody must be an empty list")
            expect(await repo.list_subscriptions("x") == [], "list_subscriptions of nobody must be an empty list")
            expect(await repo.parked_events("acme") == [], "parked_events without any must be an empty list")
            expect(await repo.get_operation("acme", "x") is None, "get_operation of nothing must be None")
            expect(await repo.operations("acme") == [], "operations without any must be an empty list")

        self.drive(repository, check)

    def test_an_org_has_one_customer_at_a_provider(self, repository: object) -> None:
        """``(org_id, provider)`` is unique; the first stays."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer(1))
            second = customer(2, org="org-1")
            expect(await repo.insert_customer(second) is False, "an org was given a second customer at a provider")
            expect(
                await repo.get_customer("org-1", "acme") == customer(1), "a refused insert changed the first customer"
            )
            expect(await repo.get_customer_by_id(second.id) is None, "a refused insert left a record behind")
            elsewhere = customer(1, at="other")
            expect(await repo.insert_customer(elsewhere) is True, "an org may have a customer at each provider")

        self.drive(repository, check)

    def test_an_external_id_belongs_to_one_customer(self, repository: object) -> None:
        """``(provider, external_customer_id)`` is unique: two orgs never share a customer."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer(1))
            second = customer(2, external="cus_1")
            expect(await repo.insert_customer(second) is False, "two orgs share one customer of the provider")
            expect(await repo.get_customer("org-2", "acme") is None, "a refused insert left a record behind")
            expect(
                await repo.insert_customer(customer(2, external="cus_1", at="other")) is True,
                "the same external id at another provider is another customer",
            )

        self.drive(repository, check)

    def test_a_customer_is_updated(self, repository: object) -> None:
        """External id, e-mail, name, metadata and ``updated_at``; all else stays as it was, and so do the others."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer(1))
            await repo.insert_customer(customer(2))
            changed = attrs.evolve(
                customer(1), email=None, name="Ada King", metadata={"a": "b"}, updated_at=NOW + timedelta(days=9)
            )
            wrong = attrs.evolve(changed, org_id="org-9", created_at=NOW - timedelta(days=9))
            expect(await repo.update_customer(wrong) is True, "update_customer of somebody must answer True")
            expect(
                await repo.get_customer_by_id(changed.id) == changed,
                "update_customer must write external id, e-mail, name, metadata and updated_at, and nothing else",
            )
            expect(await repo.get_customer("org-9", "acme") is None, "update_customer moved a customer to another org")
            expect(
                await repo.get_customer_by_id(customer(2).id) == customer(2), "update_customer changed another customer"
            )
            expect(await repo.update_customer(customer(3)) is False, "update_customer of nobody must answer False")
            expect(await repo.get_customer_by_id(customer(3).id) is None, "update_customer of nobody made somebody")

        self.drive(repository, check)

    def test_a_customer_moves_to_another_external_id(self, repository: object) -> None:
        """Unless it is somebody else's: then nothing is changed, and the transaction goes on."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer(1))
            await repo.insert_customer(customer(2))
            async with repo.transaction() as tx:
                taken = attrs.evolve(customer(1), external_customer_id="cus_2", name="Changed")
                expect(await repo.update_customer(taken, tx=tx) is False, "two orgs share one customer of the provider")
                await repo.insert_event(event(), tx=tx)
            expect(await repo.get_event("acme", "evt_1") is not None, "a refused update ended the transaction")
            expect(await repo.get_customer_by_id(customer(1).id) == customer(1), "a refused update changed something")
            moved = attrs.evolve(customer(1), external_customer_id="cus_9")
            expect(await repo.update_customer(moved) is True, "update_customer did not write the external id")
            found = await repo.get_customer_by_external_id("acme", "cus_9")
            expect(found == moved, "a customer cannot be found under the external id that it moved to")
            gone = await repo.get_customer_by_external_id("acme", "cus_1")
            expect(gone is None, "a customer is still found under the external id that it moved away from")
            free = customer(3, external="cus_1")
            expect(await repo.insert_customer(free) is True, "an external id that was given up cannot be taken")

        self.drive(repository, check)

    def test_pages_of_customers_hold_everybody_once(self, repository: object) -> None:
        """In an order that never changes, while others are inserted and updated between the pages."""

        async def check(repo: Repository, _stage: Stage) -> None:
            there = [customer(number) for number in (5, 3, 9, 1, 7, 2, 8)]
            for each in there:
                await repo.insert_customer(each)
            await repo.insert_customer(customer(1, at="other"))
            seen: list[str] = []
            after: str | None = None
            for turn in range(20):
                page = await repo.list_customers("acme", after, 2)
                expect(len(page) <= 2, "list_customers brought more than its limit")  # noqa: PLR2004 - the limit
                if not page:
                    break
                seen += [each.id for each in page]
                after = page[-1].id
                await repo.insert_customer(customer(100 + turn))
                await repo.update_customer(attrs.evolve(there[turn % 7], name="Changed"))
            expect(len(seen) == len(set(seen)), "a customer is on two pages: the order must never change")
            expect({each.id for each in there} <= set(seen), "a customer is on no page: the order must never change")
            expect(all(each.startswith("acme") for each in seen), "list_customers brought another provider's customers")
            everybody = [each.id for each in await repo.list_customers("acme")]
            again = [each.id for each in await repo.list_customers("acme")]
            expect(everybody == again, "list_customers has another order each time")
            expect(await repo.list_customers("acme", everybody[-1]) == [], "there is a page after the last customer")

        self.drive(repository, check)

    # --- subscriptions -------------------------------------------------------------------------------------------

    def test_a_subscription_comes_back_as_it_was_written(self, repository: object) -> None:
        """Every field; with ``previous`` None, as there was none."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer())
            for number, status in enumerate(SubscriptionStatus, start=1):
                written = subscription(number=number, status=status, version=2**50)
                done = await repo.upsert_subscription(written)
                expect(
                    done.written is True and done.previous is None, "a new subscription is written, and had no previous"
                )
                found = await repo.get_subscription("acme", written.external_subscription_id)
                expect(found == written, f"a subscription came back as {found!r}, and was written as {written!r}")
                expect(
                    found is not None and found.metadata == written.metadata, "a subscription's metadata was changed"
                )
            bare = attrs.evolve(
                subscription(number=99),
                plan_id=None,
                current_period_start=None,
                current_period_end=None,
                metadata=None,
                quantity=None,
                cancel_at=None,
                status_since=None,
                trial_end=None,
                collection_paused=False,
                payment_failed_at=None,
                paid_through=None,
                ended_at=None,
            )
            await repo.upsert_subscription(bare)
            expect(await repo.get_subscription("acme", "sub_99") == bare, "a subscription without periods was changed")

        self.drive(repository, check)

    def test_a_later_ticket_overwrites_an_earlier_one(self, repository: object) -> None:
        """``id`` and ``created_at`` stay; ``previous`` is the state that was overwritten."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer())
            first, second = subscription(1), subscription(2, status=SubscriptionStatus.PAST_DUE)
            await repo.upsert_subscription(first)
            done = await repo.upsert_subscription(second)
            expect(done.written, "a later ticket did not overwrite an earlier one")
            expect(done.previous == first, "previous is not the state that was overwritten")
            expect(
                await repo.get_subscription("acme", "sub_1") == second.replacing(first),
                "an overwritten subscription keeps its id, owner and created_at, and takes everything else: write "
                "subscription.replacing(stored)",
            )
            third = attrs.evolve(subscription(3, status=SubscriptionStatus.PAST_DUE), customer_id="acme-customer-2")
            await repo.upsert_subscription(third)
            found = await repo.get_subscription("acme", "sub_1")
            expect(
                found is not None and found.status_since == second.status_since,
                "a status that stays keeps the time since when it is so: write subscription.replacing(stored)",
            )
            expect(found == third.replacing(second.replacing(first)), "write subscription.replacing(stored)")

        self.drive(repository, check)

    def test_an_earlier_ticket_overwrites_nothing(self, repository: object) -> None:
        """Nor does the same one; ``previous`` is the state that stayed."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer())
            stored = subscription(5)
            await repo.upsert_subscription(stored)
            for ticket in (4, 5):
                done = await repo.upsert_subscription(
                    subscription(ticket, record="late", status=SubscriptionStatus.CANCELED)
                )
                expect(not done.written, f"ticket {ticket} overwrote ticket 5: ask BillingSubscription.supersedes")
                expect(done.previous == stored, "previous is not the state that stayed")
                expect(
                    await repo.get_subscription("acme", "sub_1") == stored,
                    "an older state was written over a newer one",
                )

        self.drive(repository, check)

    def test_versions_decide_where_both_states_have_one(self, repository: object) -> None:
        """``supersedes`` is the rule: a version that is not older overwrites, whatever the tickets."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer())
            await repo.upsert_subscription(subscription(5, version=10))
            older = await repo.upsert_subscription(subscription(9, version=9))
            expect(not older.written, "an older version overwrote a newer one: ask BillingSubscription.supersedes")
            same = await repo.upsert_subscription(subscription(2, version=10))
            expect(same.written, "the same version must overwrite: ask BillingSubscription.supersedes")
            unversioned = await repo.upsert_subscription(subscription(3))
            expect(unversioned.written, "without a version the ticket decides: ask BillingSubscription.supersedes")

        self.drive(repository, check)

    def test_a_customer_s_subscriptions_are_in_the_order_of_their_insertion(self, repository: object) -> None:
        """Overwriting one does not move it; others' are not among them."""

        async def check(repo: Repository, _stage: Stage) -> None:
            await repo.insert_customer(customer(1))
            await repo.insert_customer(customer(2))
            for number in (3, 1, 2):
                await repo.upsert_subscription(subscription(number=number))
            await repo.upsert_subscription(subscription(number=4, owner=customer(2)))
            await repo.upsert_subscription(subscription(9, number=3))
            listed = await repo.list_subscriptions(customer(1).id)
            order = [each.external_subscription_id for each in listed]
            expect(
                order == ["sub_3", "sub_1", "sub_2"], f"subscriptions are listed as {order}, not as they were inserted"
            )
            expect(listed[0].ticket == 9, "list_subscriptions brought an overwritten state")  # noqa: PLR2004 - as above

        self.drive(repository, check)

    # --- tickets -------------------------------------------------------------------------------------------------

    def test_tickets_increase(self, repository: object) -> None:
        """Each is greater than every one before, also after a transaction that failed."""

        async def check(repo: Repository, _stage: Stage) -> None:
            tickets = [await repo.next_ticket() for _ in range(20)]
            try:
                async with repo.transaction() as tx:
                    await repo.insert_customer(customer(), tx=tx)
                    undo()
            except UndoneError:
                pass
            tickets += [await repo.next_ticket() for _ in range(3)]
            expect(all(type(ticket) is int for ticket in tickets), "a ticket must be an int")
            expect(tickets == sorted(set(tickets)), f"tickets must strictly increase; these do not: {tickets}")

        self.drive(repository, check)
