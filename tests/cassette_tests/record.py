"""Records the cassettes: ``nox -s record -- stripe`` against Stripe's sandbox, with ``--stand-in`` against the stand-in."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import vcr
import yaml

from paylattice import driving
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing.cassettes import leaks_in, vcr_config
from paylattice.testing.standins import StripeStandIn
from paylattice.transport import BlockingTransport

from .scenarios import SCENARIOS, Account, Scenario

CASSETTES = Path(__file__).parents[1] / "cassettes"
API = "https://api.stripe.com"
STAND_IN = "# Recorded against paylattice's own Stripe stand-in, not against Stripe."
SANDBOX = "# Recorded against Stripe's sandbox."
BEGINNING = datetime(2026, 11, 1, 12, tzinfo=UTC)


@contextmanager
def stand_in_for(scenario: Scenario) -> Iterator[tuple[StripeStandIn, str]]:
    """A new stand-in, whose pages are small, and its base URL."""
    server = StripeStandIn(now=BEGINNING, largest_page=2)
    with server.serve() as url:
        yield server, url


def record_stand_in(scenario: Scenario, folder: Path) -> Path:
    """Record one scenario against the stand-in: always the same bytes."""
    with stand_in_for(scenario) as (server, url):
        return _record(scenario, folder, url, server.secret_key, STAND_IN, server)


def record_sandbox(scenario: Scenario, folder: Path, secret_key: str) -> Path:
    """Record one scenario against Stripe's sandbox."""
    return _record(scenario, folder, API, secret_key, SANDBOX, None)


def _record(
    scenario: Scenario, folder: Path, url: str, secret_key: str, header: str, server: StripeStandIn | None
) -> Path:
    path = folder / f"{scenario.name}.yaml"
    path.unlink(missing_ok=True)
    with httpx.Client(base_url=url, auth=(secret_key, "")) as client:
        facts = scenario.prepare(Account(client))
    if scenario.disturb is not None:
        scenario.disturb(server)
    transport = BlockingTransport(sleep=lambda _: None)
    provider = StripeProvider(StripeConfig(secret_key=secret_key, base_url=url), transport=transport)
    recorder = vcr.VCR(record_mode="all", **vcr_config("stripe", base_url=url))
    with recorder.use_cassette(path) as cassette:
        cassette.get_metadata("facts", facts)
        driving.run(_told(scenario, provider, facts))
    driving.run(transport.aclose())
    written = yaml.safe_load(path.read_text())
    path.write_text(f"{header}\n{yaml.dump(written, Dumper=_Readable, sort_keys=False, width=1000)}")
    return path


async def _told(scenario: Scenario, provider: StripeProvider, facts: dict[str, str]) -> None:
    await scenario.tell(provider, facts)


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def main() -> None:
    """Record all scenarios of a provider."""
    parser = argparse.ArgumentParser(prog="nox -s record --", description=__doc__)
    parser.add_argument("provider", choices=["stripe"])
    parser.add_argument("--stand-in", action="store_true", help="against the stand-in; needs no key")
    arguments = parser.parse_args()
    folder = CASSETTES / arguments.provider
    key = os.environ.get("STRIPE_SECRET_KEY", "")
    if not arguments.stand_in and not key.startswith(("sk_test_", "rk_test_")):
        parser.error("STRIPE_SECRET_KEY must be the test key of a sandbox; or record --stand-in")
    for scenario in SCENARIOS:
        if arguments.stand_in:
            done = f"{record_stand_in(scenario, folder)}"
        elif scenario.disturb is None:
            done = f"{record_sandbox(scenario, folder, key)}"
        else:
            done = f"{scenario.name}: the sandbox cannot be made to do this; its cassette stays"
        sys.stdout.write(f"{done}\n")
    leaks = leaks_in(folder)
    if leaks:
        parser.exit(1, "\n".join(["do not commit these:", *map(str, leaks), ""]))


if __name__ == "__main__":
    main()
