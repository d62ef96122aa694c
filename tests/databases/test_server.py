"""The tests' own PostgreSQL server: it is nobody else's, goes with its block, and where there is none the tests say so."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer, running_server

from .suites import ROOT

NOTHING_INSTALLED = """
import sys
import pytest
from tests import postgres as module

module.WHERE = ("/nowhere/*/bin",)
sys.exit(pytest.main(["-q", "-rs", "-p", "no:cacheprovider", "tests/databases/test_server.py::test_it_listens_here_alone"]))
"""

KILLED = """
import os
from tests.postgres import running_server

with running_server() as server:
    print(os.readlink(f"/proc/{server.pid}/cwd"), flush=True)
    os.kill(os.getpid(), 9)
"""


def test_it_listens_here_alone(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url()) as connection:
        row = connection.execute(
            "select inet_server_addr()::text, current_setting('unix_socket_directories')"
        ).fetchone()
    assert row == ("127.0.0.1/32", "")


def test_it_wants_its_password(postgres: PostgresServer) -> None:
    """Whoever else has an account on the machine is not let in: a superuser of a database can run programs."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url(), password="another")


def test_it_is_gone_after_its_block() -> None:
    with running_server() as server:
        assert server.pid is not None
        home = Path(f"/proc/{server.pid}/cwd").readlink().parent
        os.kill(server.pid, 0)
        if os.geteuid() == 0:
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert not home.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_it_does_not_outlive_a_session_that_was_killed(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -9
    home = Path(killed.stdout.strip()).parent
    assert home.name.startswith("paylattice-postgres-")
    deadline = time.monotonic() + 20
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not home.exists()


@pytest.mark.parametrize(("required", "word"), [("", "SKIPPED"), ("required", "ERROR")])
def test_where_no_server_is_installed_that_is_said(required: str, word: str) -> None:
    environment = {**os.environ, "PATH": "/nowhere", "PAYLATTICE_POSTGRES": required, "PAYLATTICE_POSTGRES_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", NOTHING_INSTALLED],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no PostgreSQL server is installed here" in done.stdout
    assert "apt-get install postgresql" in done.stdout
    assert word in done.stdout
    assert done.returncode == (1 if required else 0)
