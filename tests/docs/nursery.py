"""Starts interpreters with everything imported already: a fork takes milliseconds, where imports take half a second.

What is run is what would be run otherwise, in a process of its own. `python nursery.py SOCKET` is the parent of these
processes; the commands `headwater` and `python` that `write_commands` writes ask it for one, and hand over their
arguments, working directory, environment and standard streams.
"""

from __future__ import annotations

import atexit
import gc
import os
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import NoReturn

PACKAGES = ("headwater", "headwater_client", "headwater_server", "headwater_steps", "headwater_subscribers")
STARTED = {
    "headwater.cli.__main__",
    "headwater.running.workers.process_main",
}  # they begin to work when they are imported
OTHERS = ("anyio._backends._asyncio", "rich.live", "rich.traceback", "structlog.dev", "typer.testing", "uvloop")
LONGEST = 1 << 20
# Written for speed: a client that imports nothing but `_socket` starts in ten milliseconds.
CLIENT = """\
#!{python} -ISs
import sys, os, array, _socket
parent = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
parent.connect({address!r})
parts = [{command!r}, os.getcwd(), str(len(sys.argv) - 1), *sys.argv[1:]]
parts += [name + "=" + value for name, value in os.environ.items()]
data = "\\0".join(parts).encode("utf-8", "surrogateescape")
streams = array.array("i", [0, 1, 2])
parent.sendmsg([len(data).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
while data:
    data = data[parent.send(data):]
for number in (0, 1, 2):
    os.close(number)
code = parent.recv(1)
os._exit(code[0] if code else 70)
"""


def write_commands(folder: Path, address: Path, python: str = sys.executable) -> None:
    """Write the commands into a folder that is to stand first in `PATH`."""
    for command in ("headwater", "python"):
        file = folder / command
        file.write_text(CLIENT.format(python=python, address=str(address), command=command), "utf-8")
        file.chmod(0o755)


def serve(address: str) -> NoReturn:
    """Answer every request by a child, until whoever started this one is gone."""
    modules = [
        info.name for package in PACKAGES for info in walk_packages(import_module(package).__path__, f"{package}.")
    ]
    for name in {*modules, *OTHERS} - STARTED:
        with suppress(ImportError):  # what an extra would bring
            import_module(name)
    gc.freeze()  # what is never looked at is never copied
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended: each tells its client
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _attend(client)
        client.close()


def _attend(client: socket.socket) -> NoReturn:
    """Run what a client asks for in a child, and tell it the exit code."""
    head, streams, _, _ = socket.recv_fds(client, 4, 3)
    size, data = int.from_bytes(head, "big"), b""
    while len(data) < size:
        data += client.recv(min(size - len(data), LONGEST))
    command, folder, count, *rest = data.decode("utf-8", "surrogateescape").split("\0")
    arguments, variables = rest[: int(count)], rest[int(count) :]
    child = os.fork()
    if child == 0:
        client.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(folder)
        _become(command, arguments, dict(variable.split("=", 1) for variable in variables))
    for stream in streams:
        os.close(stream)
    threading.Thread(target=_stop_without_client, args=(client, child), daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    client.send(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _stop_without_client(client: socket.socket, child: int) -> None:
    """Stop what runs for a client that was killed, such as a server in the background."""
    with suppress(OSError):
        if not client.recv(1):
            os.kill(child, signal.SIGTERM)


def _become(command: str, arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run a command as an interpreter that was started for it would."""
    os.environ.clear()
    os.environ.update(environment)
    if command == "python" and (not arguments or (arguments[0] != "-c" and arguments[0].startswith("-"))):
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - anything else is started anew
    sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    code = 0
    try:
        _run(command, arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # there is one
        code = 1
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter does at its end
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
    os._exit(code)


def _run(command: str, arguments: Sequence[str]) -> None:
    if command == "headwater":
        from headwater.cli import main

        sys.argv = ["headwater", *arguments]
        sys.exit(main())
    if arguments[0] != "-c":
        sys.argv, sys.path[:0] = list(arguments), [str(Path(arguments[0]).parent.absolute())]
        runpy.run_path(arguments[0], run_name="__main__")
        return
    main_module = ModuleType("__main__")
    sys.modules["__main__"] = main_module
    sys.argv, sys.path[:0] = ["-c", *arguments[2:]], [""]
    exec(compile(arguments[1], "<string>", "exec"), main_module.__dict__)  # noqa: S102 - what `python -c` does


if __name__ == "__main__":
    serve(sys.argv[1])
