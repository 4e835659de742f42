"""A PostgreSQL of the tests' own: a cluster in a temporary folder, one port, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

PASSWORD = "p@ss:w/ord?"
"""What nothing may write down; its characters are those that a URL has to escape."""

ESCAPED = "p%40ss%3Aw%2Ford%3F"


class Server(NamedTuple):
    """A running server."""

    port: int

    def url(self, password=ESCAPED, database="trials"):
        """The URL of a database of it."""
        return f"postgresql://searcher:{password}@127.0.0.1:{self.port}/{database}"

    def add(self, database):
        """Make a further database."""
        _run(unprivileged(), "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "searcher", database)


def programs():
    """The folder of PostgreSQL's programs, None where it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return folders[0].parent if folders else None


def unprivileged():
    """The user that the server runs as: PostgreSQL refuses root. None where no other can be taken."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def why_not():
    """Why no server can be started here, "" where one can."""
    if not hasattr(os, "getuid"):
        return "PostgreSQL is started by the tests on POSIX systems alone"
    if programs() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    if unprivileged() is None:
        return "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody'"
    return ""


def started(folder):
    """Start a server with one user and one database; returns it and the function that stops it."""
    user = unprivileged()
    folder.chmod(0o755)
    home = folder / "cluster"
    home.mkdir()
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    for path in (home, secret):
        os.chown(path, user.pw_uid, user.pw_gid)
    login = ("-U", "searcher", f"--pwfile={secret}", "--auth=scram-sha-256")
    _run(user, "initdb", "-D", home / "data", *login, "-E", "UTF8", "-N")
    secret.unlink()
    port = _free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    _run(user, "pg_ctl", "-D", home / "data", "-w", "-l", home / "log", "-o", options, "start")
    server = Server(port)
    server.add("trials")
    return server, lambda: _run(user, "pg_ctl", "-D", home / "data", "-m", "immediate", "stop")


def _run(user, program, *arguments):
    """Run a program of PostgreSQL's as that user."""
    who = {} if user.pw_uid == os.getuid() else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PGPASSWORD": PASSWORD}
    with tempfile.TemporaryFile("w+") as said:  # no pipe: a server that pg_ctl starts would keep it open
        done = subprocess.run(
            [programs() / program, *arguments], cwd="/", env=environment, stdout=said, stderr=said, timeout=120,
            check=False, **who,
        )  # fmt: skip
        said.seek(0)
        assert done.returncode == 0, f"{program}: {said.read()}"


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
