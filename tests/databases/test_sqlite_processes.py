"""Processes share one SQLite file, and are killed in the middle of their transactions."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from sqlite_repository import SQLiteRepository

from .suites import ROOT

EVENTS = 2000
PROGRAM = """
import json, sys
sys.path.insert(0, "examples/repositories")
from datetime import UTC, datetime
from paylattice import BillingEvent
from sqlite_repository import SQLiteRepository

path, name, events = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
repository = SQLiteRepository(path)
print("ready", flush=True)
for number in events:
    event = BillingEvent(f"{name}-{number}", None, None, "invoice.paid", "acme", f"evt_{number}", created_at=datetime.now(UTC))
    ticket = repository.next_ticket()
    with repository.transaction() as tx:
        if repository.insert(event, tx=tx):
            tx.execute("insert into ledger values (?, ?, 100)", (f"evt_{number}", ticket))
"""


def test_what_killed_processes_leave_undone_others_do_once(tmp_path: Path) -> None:
    path, dice = tmp_path / "billing.db", random.Random()
    repository = SQLiteRepository(path)
    repository.create_tables()
    with repository.transaction() as tx:
        tx.execute("create table ledger (event_id text not null, ticket integer not null, cents integer not null)")

    def start(name: str) -> "subprocess.Popen[bytes]":
        events = dice.sample(range(EVENTS), EVENTS)
        command = [sys.executable, "-c", PROGRAM, str(path), name, json.dumps(events)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)

    for generation in range(5):
        workers = [start(f"{generation}-{number}") for number in range(2)]
        for worker in workers:
            with worker:
                assert worker.stdout is not None
                worker.stdout.readline()
                if generation < 4:
                    time.sleep(dice.uniform(0, 0.05))
                    worker.send_signal(signal.SIGKILL)
                assert worker.wait(60) == (-signal.SIGKILL if generation < 4 else 0)
    connection = sqlite3.connect(path)
    booked = connection.execute("select event_id, ticket from ledger").fetchall()
    connection.close()
    repository.close()
    assert Counter(event for event, _ in booked) == Counter(f"evt_{number}" for number in range(EVENTS))
    assert len({ticket for _, ticket in booked}) == EVENTS
