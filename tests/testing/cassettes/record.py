"""Records the cassettes: ``nox -s record -- stripe`` against a sandbox, with ``--stand-in`` against the stand-in."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vcr
import yaml

from paylattice import driving
from paylattice.errors import ConfigurationError
from paylattice.testing.cassette_rules import RULES
from paylattice.testing.cassettes import leaks_in, vcr_config
from paylattice.transport import BlockingTransport

from .scenario import Scenario
from .scenarios import of
from .services import BEGINNING, SERVICES, Service, serving

CASSETTES = Path(__file__).parents[2] / "cassettes"


def path_of(scenario: Scenario, root: Path = CASSETTES) -> Path:
    """Where the scenario's cassette is."""
    return root / scenario.provider / f"{scenario.name}.yaml"


def record_stand_in(scenario: Scenario, root: Path = CASSETTES) -> Path:
    """Record one scenario against the stand-in: always the same bytes."""
    service = SERVICES[scenario.provider]
    with serving(service) as (server, url):
        config = service.of_stand_in(server, url)
        with service.prepared(config, url) as account:
            facts = scenario.prepare(account)
        if scenario.disturb is not None:
            scenario.disturb(server)

        def pay(session_id: str, _url: str | None) -> None:
            service.pay(server, session_id)

        story = _story(service, scenario, config, facts, BEGINNING.timestamp(), pay)
        return _record(story, path_of(scenario, root), url, scenario.provider, service.header_of_stand_in, facts)


def record_sandbox(scenario: Scenario, root: Path = CASSETTES) -> Path:
    """Record one scenario against the sandbox whose credentials are in the environment.

    Raises:
        ConfigurationError: they are not.
        ValueError: they are those of a live account.
    """
    service = SERVICES[scenario.provider]
    config = service.of_sandbox(os.environ)
    url = RULES[scenario.provider].url
    with service.prepared(config, url) as account:
        facts = scenario.prepare(account)
    facts["now"] = str(time.time())

    def pay(_session_id: str, address: str | None) -> None:
        sys.stdout.write(f"Be the customer on {address}, then press Enter. ")
        sys.stdin.readline()

    story = _story(service, scenario, config, facts, float(facts["now"]), pay)
    return _record(story, path_of(scenario, root), url, scenario.provider, service.header_of_sandbox, facts)


def _story(
    service: Service,
    scenario: Scenario,
    config: Any,
    facts: dict[str, str],
    now: float,
    pay: Callable[[str, str | None], None],
) -> Callable[[], None]:
    def tell() -> None:
        transport = BlockingTransport(sleep=lambda _: None)
        provider = service.provider(config, transport, now)
        try:
            driving.run(_awaited(scenario.tell(provider, facts, pay)))
        finally:
            driving.run(transport.aclose())

    return tell


async def _awaited(story: Any) -> None:
    await story


def _record(story: Callable[[], None], path: Path, url: str, provider: str, header: str, facts: dict[str, str]) -> Path:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    recorder = vcr.VCR(record_mode="all", **vcr_config(provider, base_url=url))
    with recorder.use_cassette(path) as cassette:
        cassette.get_metadata("facts", facts)
        story()
    written = yaml.safe_load(path.read_text())
    path.write_text(f"{header}\n{yaml.dump(written, Dumper=_Readable, sort_keys=False, width=1000)}")
    return path


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def main() -> None:
    """Record all scenarios of a provider."""
    parser = argparse.ArgumentParser(prog="nox -s record --", description=__doc__)
    parser.add_argument("provider", choices=sorted(SERVICES))
    parser.add_argument("--stand-in", action="store_true", help="against the stand-in; needs no key")
    arguments = parser.parse_args()
    for scenario in of(arguments.provider):
        if arguments.stand_in:
            done = f"{record_stand_in(scenario)}"
        elif scenario.disturb is None:
            try:
                done = f"{record_sandbox(scenario)}"
            except (ConfigurationError, ValueError) as error:
                parser.error(f"{error}; or record --stand-in")
        else:
            done = f"{scenario.name}: the sandbox cannot be made to do this; its cassette stays"
        sys.stdout.write(f"{done}\n")
    leaks = leaks_in(CASSETTES / arguments.provider)
    if leaks:
        parser.exit(1, "\n".join(["do not commit these:", *map(str, leaks), ""]))


if __name__ == "__main__":
    main()
