"""A pgbouncer of the tests' own in front of their PostgreSQL server: transaction mode, on a free port of 127.0.0.1.

``from tests.pgbouncer import pgbouncer`` in a ``conftest.py`` brings the fixture, beside that of :mod:`tests.postgres`. Where
pgbouncer is not installed its tests are skipped; with ``PAYLATTICE_PGBOUNCER=required`` they fail instead.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import attrs
import psycopg
import pytest

from tests.postgres import PostgresServer, free_port, identity, server_account

__all__ = ["pgbouncer", "pooled"]

SETTINGS = """[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 400
server_idle_timeout = 1
ignore_startup_parameters = extra_float_digits
logfile = {home}/log
"""
"""Few connections for many clients: whoever leaves something behind on a connection leaves it to another."""


@contextlib.contextmanager
def pooled(server: PostgresServer) -> Generator[PostgresServer]:
    """The same server as one sees it through a pgbouncer.

    Raises:
        FileNotFoundError: pgbouncer is not installed.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is None:
        message = "pgbouncer is not installed here: on Debian, apt-get install pgbouncer"
        raise FileNotFoundError(message)
    account = server_account()
    home = Path(tempfile.mkdtemp(prefix="paylattice-pgbouncer-", dir="/tmp" if account else None))
    own = free_port()
    settings = home / "pgbouncer.ini"
    settings.touch(mode=0o600)
    settings.write_text(SETTINGS.format(**attrs.asdict(server), own=own, home=home), encoding="ascii")
    if account:
        for path in (home, settings):
            shutil.chown(path, account, pwd.getpwnam(account).pw_gid)
    process = subprocess.Popen(
        [program, "-q", settings], cwd=home, stdin=subprocess.DEVNULL, start_new_session=True, **identity(account)
    )
    try:
        through = attrs.evolve(server, port=own, pid=process.pid)
        _wait(through, process)
        yield through
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _wait(through: PostgresServer, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((through.host, through.port), timeout=1):
            psycopg.connect(through.url(), connect_timeout=5).close()
            return
        time.sleep(0.02)
    message = f"pgbouncer does not start: it ended with {process.poll()}"
    raise AssertionError(message)


@pytest.fixture(scope="session")
def pgbouncer(postgres: PostgresServer) -> Generator[PostgresServer]:
    """The tests' server, through pgbouncer."""
    with contextlib.ExitStack() as stack:
        try:
            through = stack.enter_context(pooled(postgres))
        except FileNotFoundError as none:
            if os.environ.get("PAYLATTICE_PGBOUNCER") == "required":
                raise
            pytest.skip(str(none))
        yield through
