"""A MariaDB server of the tests' own, on a free port of 127.0.0.1, in a folder that goes with it.

``PAYLATTICE_MARIADB_URL`` names a running one, which is then used and left alone: tests that start Python again hand it on.
"""

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pymysql
import pytest

__all__ = ["MariaDB", "mariadb", "running_mariadb"]

_WHERE = ("/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec")
_PATIENCE = 60


def _program(*names: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", ""), *_WHERE))
    found = next((where for name in names if (where := shutil.which(name, path=path))), None)
    if found is None:
        why = f"no {names[0]} is installed here: apt-get install mariadb-server"
        if os.environ.get("PAYLATTICE_MARIADB") == "required":
            raise RuntimeError(why)
        pytest.skip(why)
    return found


_numbers = itertools.count(1)
_SETTINGS = {
    "innodb-flush-log-at-trx-commit": "2",  # what a process wrote outlives it all the same; only the machine must not fail
    "innodb-buffer-pool-size": "64M",
    "default-time-zone": "+05:30",  # not UTC: times have to come back in UTC whatever the server thinks
    "skip-name-resolve": "ON",
    "skip-log-bin": "ON",
}


@attrs.frozen
class MariaDB:
    """A server.

    Args:
        port: of 127.0.0.1, where it listens.
        password: of the user ``tests``, who may do everything.
        pid: of the server that was started here; None: somebody else's.
    """

    port: int
    password: str = attrs.field(repr=False)
    pid: int | None = None

    def url(self, database: str = "test", driver: str = "") -> str:
        """The address of a database; with ``driver="pymysql"`` for SQLAlchemy."""
        scheme = f"mysql+{driver}" if driver else "mysql"
        return f"{scheme}://tests:{self.password}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "test") -> list[tuple[object, ...]]:
        """Run statements; the rows of the last one.

        Raises:
            MySQLError: one of them is refused.
        """
        several = pymysql.constants.CLIENT.MULTI_STATEMENTS
        with (
            pymysql.connect(
                host="127.0.0.1",
                port=self.port,
                user="tests",
                password=self.password,
                database=database or None,
                charset="utf8mb4",
                client_flag=several,
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            rows = cursor.fetchall()
            while cursor.nextset():
                rows = cursor.fetchall()
            return list(rows)

    @contextmanager
    def database(self) -> Generator[str]:
        """The name of a new database, until the end of the block."""
        name = f"t{os.getpid()}_{next(_numbers)}"
        self.execute(f"create database {name}")
        try:
            yield name
        finally:
            self.execute(f"drop database {name}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_mariadb() -> Generator[MariaDB]:
    """A server, until the end of the block; where none is installed, the test is skipped, or fails if one is required."""
    server, install = _program("mariadbd", "mysqld"), _program("mariadb-install-db", "mysql_install_db")
    home = Path(tempfile.mkdtemp(prefix="paylattice-mariadb-"))
    own = ["--user=root"] if os.geteuid() == 0 else []
    try:
        command = [install, "--no-defaults", f"--datadir={home / 'data'}", "--auth-root-authentication-method=socket"]
        subprocess.run([*command, *own], capture_output=True, check=True)
        found = MariaDB(_free_port(), secrets.token_hex(16))
        first = home / "first.sql"
        first.write_text(
            "create database if not exists test;\n"
            f"create user tests@'127.0.0.1' identified by '{found.password}';\n"
            "grant all on *.* to tests@'127.0.0.1' with grant option;\n",
            encoding="ascii",
        )
        options = {
            "datadir": home / "data",
            "socket": home / "socket",
            "pid-file": home / "pid",
            "log-error": home / "log.err",
        }
        options |= {"port": found.port, "bind-address": "127.0.0.1", "init-file": first, **_SETTINGS}
        running = subprocess.Popen(
            [server, "--no-defaults", *(f"--{name}={value}" for name, value in options.items()), *own],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(found, running, home / "log.err")
            yield attrs.evolve(found, pid=running.pid)
        finally:
            running.terminate()
            running.wait(_PATIENCE)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait(server: MariaDB, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            server.execute("select 1")
        except pymysql.MySQLError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{error}\n{log.read_text()[-2000:]}") from error
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def mariadb() -> Generator[MariaDB]:
    """A server, until the session ends; skipped where none is installed, unless PAYLATTICE_MARIADB is ``required``."""
    url = os.environ.get("PAYLATTICE_MARIADB_URL")
    if url:
        said = urlsplit(url)
        yield MariaDB(int(said.port or 3306), str(said.password))
        return
    with running_mariadb() as server:
        yield server
