"""The whole proof, some minutes long: ``python -m tests.databases.crash``; ``--part money`` runs a part of it.

The exit status is 1 if anything is not as it must be.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "repositories"))

from tests.mariadb import running_mariadb
from tests.postgres import running_server

from .checkouts import run_checkouts
from .maintenance import run_maintenance
from .money import run_money
from .report import Report
from .rows import Server
from .webhooks import run_webhooks


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.databases.crash", description=__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--copies", type=int, default=5, help="how often each event is delivered")
    parser.add_argument("--orgs", type=int, default=100, help="how many organisations check out")
    parser.add_argument("--maintained", type=int, default=1000, help="how many organisations two processes maintain")
    parser.add_argument("--payers", type=int, default=102, help="how many organisations are charged and refunded")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=200, help="of workers, in each part")
    parser.add_argument("--crashes", type=int, default=3, help="of the database server")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--part", choices=["webhooks", "checkouts", "money", "maintenance"], default=None)
    parser.add_argument("--mariadb", action="store_true", help="on MariaDB, whose server does not crash")
    asked = parser.parse_args()
    everybody = {"workers": asked.workers, "kills": asked.kills, "seed": asked.seed}
    crashes = 0 if asked.mariadb else asked.crashes
    parts: dict[str, Callable[[Server], Report]] = {
        "webhooks": lambda server: run_webhooks(
            server, events=asked.events, copies=asked.copies, server_crashes=crashes, **everybody
        ),
        "checkouts": lambda server: run_checkouts(server, orgs=asked.orgs, clicks=5, **everybody),
        "money": lambda server: run_money(server, orgs=asked.payers, **everybody),
        "maintenance": lambda server: run_maintenance(server, orgs=asked.maintained),
    }
    with running_mariadb() if asked.mariadb else running_server() as server:
        reports = [part(server) for name, part in parts.items() if asked.part in {None, name}]
    sys.stdout.write("\n\n".join(map(str, reports)) + "\n")
    return 1 if any(report.problems for report in reports) else 0


if __name__ == "__main__":
    raise SystemExit(main())
