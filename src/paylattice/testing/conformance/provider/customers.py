"""Checks of a provider: customers are created, found, changed and deleted."""

from ....errors import InvalidRequest
from ....operations import Capability
from ..expectations import expect
from .calls import EMAIL, PHONE
from .fixtures import ProviderFixtures
from .harness import ProviderHarness
from .models import expect_model

__all__ = ["CustomerChecks"]

_C = Capability
_SEVERAL = 3


def _name(harness: ProviderHarness) -> str:
    return harness.provider.get_provider_name()


class CustomerChecks(ProviderFixtures):
    """The life of a customer."""

    def test_a_customer_is_created(self, harness: ProviderHarness) -> None:
        """It is a valid model with the data that was given."""
        self.only_if_simulated(harness)
        customer = harness.run(harness.provider.create_customer(EMAIL, "Ada Lovelace"))
        expect_model(customer, _name(harness))
        expect(customer.email in {EMAIL, None}, "the customer has another e-mail address than was given")
        if harness.wire is not None and harness.wire.seen:
            expect(customer.raw, "the customer's raw is empty: keep the provider's own object in it")

    def test_a_customer_is_found_again(self, harness: ProviderHarness) -> None:
        """What ``create_customer`` returned can be read under its id, until it is deleted."""
        self.only_if_simulated(harness, _C.CUSTOMERS)

        async def life() -> None:
            provider = harness.provider
            customer = await provider.create_customer(EMAIL, "Ada Lovelace")
            found = await provider.get_customer(customer.id)
            expect(found is not None and found.id == customer.id, "a customer cannot be found under its own id")
            expect(found is not None and found.email == EMAIL, "a customer's e-mail address got lost")
            expect_model(found, _name(harness))
            renamed = await provider.update_customer(customer.id, name="Ada King")
            expect(renamed.id == customer.id and renamed.name == "Ada King", "update_customer did not change the name")
            expect(renamed.email == EMAIL, "update_customer changed what was not given")
            again = await provider.get_customer(customer.id)
            expect(again is not None and again.name == "Ada King", "update_customer's change is not there to be read")
            await provider.delete_customer(customer.id)
            expect(await provider.get_customer(customer.id) is None, "a deleted customer counts as None")
            await provider.delete_customer(customer.id)

        harness.run(life())

    def test_a_customer_needs_no_e_mail_address(self, harness: ProviderHarness) -> None:
        """Many applications have none to give. A phone number is kept as it is, or left out."""
        self.only_if_simulated(harness)

        async def life() -> None:
            provider = harness.provider
            customer = await provider.create_customer(name="Ada Lovelace", phone=PHONE)
            expect(customer.email is None, "the customer has an e-mail address that nobody gave")
            expect(customer.phone in {PHONE, None}, "the customer has another phone number than was given")
            if _C.CUSTOMERS not in provider.capabilities:
                return
            changed = await provider.update_customer(customer.id, email=EMAIL)
            expect(changed.email == EMAIL, "update_customer did not add the e-mail address")
            expect(changed.phone == customer.phone, "update_customer changed what was not given")

        harness.run(life())

    def test_customers_are_listed_page_by_page(self, harness: ProviderHarness) -> None:
        """Each is on one page, the deleted are on none, and what is read under an id is what the list shows."""
        self.only_if_simulated(harness, _C.CUSTOMERS, _C.LIST_CUSTOMERS)

        async def life() -> None:
            provider = harness.provider
            made = [(await provider.create_customer(EMAIL, f"Ada {number}")).id for number in range(_SEVERAL + 1)]
            gone = made.pop(1)
            await provider.delete_customer(gone)
            seen: list[str] = []
            while page := await provider.list_customers(after=seen[-1] if seen else None, limit=2):
                for customer in page:
                    expect_model(customer, _name(harness))
                expect(len(page) <= 2, "a page holds more customers than were asked for")  # noqa: PLR2004
                seen += [customer.id for customer in page]
                expect(len(seen) == len(set(seen)), "a customer is listed twice: 'after' has to lead on")
            expect(set(made) <= set(seen), "list_customers leaves a customer out")
            expect(gone not in seen, "list_customers lists a deleted customer")

        harness.run(life())

    def test_metadata_is_kept_or_refused(self, harness: ProviderHarness) -> None:
        """Metadata is not lost in silence: it comes back, or it is an InvalidRequest. Updating merges it."""
        self.only_if_simulated(harness, _C.CUSTOMERS)
        given = {"team": "größe ✓", "plan": "1"}

        async def life() -> None:
            provider = harness.provider
            try:
                customer = await provider.create_customer(EMAIL, metadata=given)
            except InvalidRequest:
                return
            found = await provider.get_customer(customer.id)
            expect(found is not None and dict(found.metadata) == given, "metadata got lost or was changed")
            merged = await provider.update_customer(customer.id, metadata={"plan": "2"})
            expect(dict(merged.metadata) == {**given, "plan": "2"}, "update_customer must merge metadata key by key")

        harness.run(life())
