"""A PostgreSQL server of the tests' own: a fresh data directory, 127.0.0.1, a free port, gone with the session.

``from tests.postgres import postgres`` in a ``conftest.py`` brings the fixture. Where no server is installed its tests are
skipped; with ``PAYLATTICE_POSTGRES=required`` they fail instead. ``PAYLATTICE_POSTGRES_URL`` names a running server, which
is then used and left alone: tests that start pytest or Python again hand their own on in this way.
"""

import contextlib
import functools
import itertools
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path

import attrs
import psycopg
import pytest
from psycopg import sql

__all__ = ["NoServerError", "PostgresServer", "fresh_databases", "postgres", "running_server"]

WHERE = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/pgsql/bin")
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "fsync": "off",  # what a process wrote outlives it all the same; only the machine must not fail
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "timezone": "Asia/Kolkata",  # not UTC: times have to come back in UTC whatever the server thinks
    "lc_messages": "C",
    "deadlock_timeout": "200ms",
    "authentication_timeout": "3s",  # a connection that was given up half-way keeps a database from being dropped so long
}
FOLLOW = """read -r _ || {
    kill -QUIT "$1"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null && sleep 0.2; done
    rm -rf "$2"
}"""
_numbers = itertools.count(1)


class NoServerError(Exception):
    """There is no PostgreSQL server to start here."""


@attrs.frozen
class PostgresServer:
    """A running server.

    Args:
        host: where it listens.
        port: where it listens.
        user: a superuser.
        password: the superuser's.
        pid: of the server that was started here; None: somebody else's.
    """

    host: str
    port: int
    user: str
    password: str = attrs.field(repr=False)
    pid: int | None = None

    def url(self, database: str = "postgres", driver: str = "") -> str:
        """The address of a database, for ``psycopg.connect``; with ``driver="psycopg"`` for SQLAlchemy."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{database}"

    def execute(self, statement: sql.Composed | sql.SQL, database: str = "postgres") -> None:
        """Run a statement by itself."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def create_database(self, template: str | None = None) -> str:
        """A new database, empty or a copy of another, which nobody may be using. Returns its name."""
        name = f"t{os.getpid()}_{next(_numbers)}"
        source = sql.SQL(" template {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self.execute(sql.SQL("create database {}{}").format(sql.Identifier(name), source))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, and whoever is still connected to it."""
        self.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@functools.cache
def binaries() -> Path:
    """The directory with ``initdb`` and ``postgres``.

    Raises:
        NoServerError: there is none.
    """
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"), shutil.which("postgres")) if path]
    config = shutil.which("pg_config")
    if config:
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(said.stdout.strip() or "/nowhere"))
    for pattern in WHERE:
        found += sorted(Path("/").glob(pattern[1:]), key=_version, reverse=True)
    for directory in found:
        if all(os.access(directory / name, os.X_OK) for name in ("initdb", "postgres")):
            return directory
    message = (
        "no PostgreSQL server is installed here (initdb and postgres were looked for on PATH, where pg_config says, and in "
        f"{', '.join(WHERE)}): on Debian, apt-get install postgresql"
    )
    raise NoServerError(message)


def _version(directory: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(directory)))


def server_account() -> str | None:
    """Whom the server runs as: root may not, so it takes another's account."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    message = "PostgreSQL does not run as root, and there is no account postgres or nobody to run it"
    raise NoServerError(message)


@contextlib.contextmanager
def running_server(**settings: str) -> Generator[PostgresServer]:
    """A server, until the end of the block, or of this process however it ends.

    Args:
        settings: in place of those of the tests.

    Raises:
        NoServerError: there is none to start.
    """
    directory, account = binaries(), server_account()
    home = Path(tempfile.mkdtemp(prefix="paylattice-postgres-", dir="/tmp" if account else None))
    try:
        password = secrets.token_hex(16)
        (home / "password").write_text(password, encoding="ascii")
        if account:
            for path in (home, home / "password"):
                shutil.chown(path, account, pwd.getpwnam(account).pw_gid)
        options = {"pgdata": home / "data", "username": "tests", "pwfile": home / "password", "auth": "scram-sha-256"}
        _initialise([directory / "initdb", "--encoding=UTF8", "--locale=C", "--no-sync"], options, home, account)
        server, process = _start(directory, account, home, password, {**SETTINGS, **settings})
        with _following(process.pid, home, account):
            try:
                yield server
            finally:
                process.send_signal(signal.SIGQUIT)  # pg_ctl stop -m immediate
                process.wait(30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _initialise(command: list[str | Path], options: Mapping[str, object], home: Path, account: str | None) -> None:
    done = subprocess.run(
        [*command, *(f"--{name}={value}" for name, value in options.items())],
        cwd=home,
        env=_environment(home),
        capture_output=True,
        text=True,
        check=False,
        **identity(account),
    )
    if done.returncode:
        message = f"initdb failed: {done.stderr.strip() or done.stdout.strip()}"
        raise NoServerError(message)


def identity(account: str | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []}


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}


def _start(
    directory: Path, account: str | None, home: Path, password: str, settings: Mapping[str, str]
) -> tuple[PostgresServer, "subprocess.Popen[bytes]"]:
    for _ in range(5):  # somebody else may take the port before the server does
        port = free_port()
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [directory / "postgres", "-D", home / "data", "-p", str(port), *chosen],
                cwd=home,
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # ^C is for pytest, which then ends the server
                **identity(account),
            )
        server = PostgresServer("127.0.0.1", port, "tests", password, process.pid)
        if _answers(server, process):
            return server, process
        process.kill()
        process.wait()
    said = (home / "log").read_text(encoding="utf-8", errors="replace")
    message = f"the PostgreSQL server does not start:\n{said[-2000:]}"
    raise NoServerError(message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(server: PostgresServer, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.url(), connect_timeout=5):
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def _following(pid: int, home: Path, account: str | None) -> Generator[None]:
    """Whoever reads from a pipe notices the end of this process, even by SIGKILL; and then clears up after it."""
    follower = subprocess.Popen(
        ["/bin/sh", "-c", FOLLOW, "sh", str(pid), str(home)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        **identity(account),
    )
    try:
        yield
    finally:
        follower.communicate(b"done\n")


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """The session's server; each process of pytest-xdist has its own."""
    url = os.environ.get("PAYLATTICE_POSTGRES_URL")
    if url:
        said = psycopg.conninfo.conninfo_to_dict(url)
        yield PostgresServer(
            str(said["host"]), int(str(said.get("port", 5432))), str(said["user"]), str(said.get("password", ""))
        )
        return
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except NoServerError as error:
            if os.environ.get("PAYLATTICE_POSTGRES") == "required":
                pytest.fail(f"PAYLATTICE_POSTGRES=required, and {error}", pytrace=False)
            pytest.skip(str(error))
        yield server


@contextlib.contextmanager
def fresh_databases(server: PostgresServer) -> Generator["Databases"]:
    """Makes databases, and drops them at the end of the block."""
    databases = Databases(server)
    try:
        yield databases
    finally:
        for name in databases.made:
            server.drop_database(name)


@attrs.define(eq=False)
class Databases:
    """Databases that are dropped together."""

    server: PostgresServer
    made: list[str] = attrs.field(factory=list)

    def create(self, template: str | None = None) -> str:
        """The name of a new one."""
        name = self.server.create_database(template)
        self.made.append(name)
        return name
