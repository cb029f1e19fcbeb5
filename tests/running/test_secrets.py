# ruff: noqa: D103 - example steps are the subject of these tests, not an API
"""A secret that a step was given is told to nobody: not in events, logs, errors, plans, reprs or files."""

import io
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from headwater import Pipeline, Runner, Step, StepContext, StepError, Stream, StreamEvent, step
from tests.running import kinds


@step("secrets.ok")
async def knows(number: int, ctx: StepContext, *, key: SecretStr) -> int:
    ctx.progress(0.5, f"calling with {key.get_secret_value()}", key=key.get_secret_value())
    return number


@step("secrets.def")
def leaks_def(number: int, *, key: SecretStr) -> int:
    raise ValueError(f"401 for key {key.get_secret_value()}")


@step("secrets.stream")
async def leaks_in_stream(numbers: Stream[int], *, key: SecretStr) -> AsyncIterator[int]:
    yield 1
    raise ValueError(f"401 for key {key.get_secret_value()}")


@step("secrets.thread", blocking=True)
def leaks_in_thread(number: int, *, key: SecretStr) -> Iterator[int]:
    yield 1
    raise ValueError(f"401 for key {key.get_secret_value()}")


@step("secrets.process", cpu=True)
def leaks_in_process(number: int, *, key: SecretStr) -> int:
    raise ValueError(f"401 for key {key.get_secret_value()}")


class TellsStep(Step, kind="secrets.class"):
    key: SecretStr

    async def run(self, number: int) -> int:
        raise ValueError(f"401 for key {self.key.get_secret_value()}")


class TellsLifespan(Step, kind="secrets.lifespan"):
    key: SecretStr

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        raise ValueError(f"401 for key {self.key.get_secret_value()}")
        yield

    def run(self, number: int) -> int:
        return number


@step("secrets.quoted")
def leaks_quoted(number: int, *, key: SecretStr) -> int:
    raise KeyError(key.get_secret_value())


@step("secrets.log")
def leaks_to_the_log(number: int, ctx: StepContext, *, key: SecretStr) -> int:
    secret = key.get_secret_value()
    try:
        raise ValueError(secret)
    except ValueError:
        ctx.log.exception("calling with %s", secret, url=f"https://example.com/?key={quote(secret)}", lines=[secret])
    return number


@step("secrets.type")
def leaks_as_wrong_type(number: int, *, key: SecretStr) -> int:
    return cast("int", [key.get_secret_value()])


@step("secrets.many")
def leaks_around_the_cut(number: int, *, key: SecretStr) -> list[str]:
    return ["x" * before + key.get_secret_value() for before in range(950, 1_000)]


@step("secrets.echo")
def echo(number: int, *, key: SecretStr) -> str:
    return f"item with {key.get_secret_value()}"


KINDS = {
    "secrets.ok": knows,
    "secrets.def": leaks_def,
    "secrets.stream": leaks_in_stream,
    "secrets.thread": leaks_in_thread,
    "secrets.process": leaks_in_process,
    "secrets.class": TellsStep,
    "secrets.lifespan": TellsLifespan,
    "secrets.quoted": leaks_quoted,
    "secrets.log": leaks_to_the_log,
    "secrets.type": leaks_as_wrong_type,
    "secrets.many": leaks_around_the_cut,
    "secrets.echo": echo,
}


def pipeline(kind: str, canary: str) -> Pipeline:
    document = {
        "name": "secret",
        "steps": [
            {"id": "first", "kind": kinds.def_double.kind},
            {"id": "keeper", "kind": kind, "params": {"key": "${secret.KEY}"}},
            {"id": "last", "kind": "secrets.any"},
        ],
        "streaming": {"emit_items": "all"},
    }
    return Pipeline.load(document, secrets={"KEY": canary})


@step("secrets.any")
def any_item(item: object) -> object:
    return item


CANARIES: dict[str, Callable[[str], str]] = {
    "word": lambda text: text,
    "digits": lambda text: str(int(text, 16)),
    "quotes": lambda text: f"{text[:8]}\"{text[8:16]}'{text[16:24]}\\{text[24:]}",
    "lines": lambda text: f"-----BEGIN KEY-----\n{text[:16]}\n{text[16:]}\n-----END KEY-----\n",
}


def runs_of(canary: str) -> set[str]:
    """Return the parts of a canary of which none may be seen."""
    words = re.findall(r"[0-9a-f]{8,}", canary)
    return {word[at : at + 8] for word in words for at in range(len(word) - 7)}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("data", [1, [1]], ids=["value", "stream"])
@pytest.mark.parametrize("make", CANARIES.values(), ids=CANARIES)
async def test_shows_no_secret(
    kind: str, data: Any, make: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No eight characters of a random secret are seen anywhere, also when the step puts it in its error."""
    monkeypatch.chdir(tmp_path)
    canary = make(secrets.token_hex(16))
    target = pipeline(kind, canary)
    events: list[StreamEvent] = []
    error: BaseException | None = None
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        try:
            async with Runner([events.append]).start(target, data) as execution:
                result = await execution.result(check=False)
                error = result.error
        except StepError as raised:
            error = raised
    assert (error is None) is (kind in {"secrets.ok", "secrets.echo", "secrets.log", "secrets.many"})
    emitted = {
        "events": "".join(str(event.to_json()) for event in events),
        "events as text": repr(events) + "".join(map(str, events)) + "".join(repr(event.data) for event in events),
        "error": f"{error} {error!r} {getattr(error, 'args', ())} {getattr(error, 'message', '')}",
        "error as JSON": json.dumps(error.to_json()) if isinstance(error, StepError) else "",
        "log": stdout.getvalue() + stderr.getvalue(),
        "plan": repr(target.plan()) + repr(target),
        "document": target.to_json() + target.draw(),
        "files": "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file()),  # noqa: ASYNC240 - nothing else runs
    }
    assert [place for place, text in emitted.items() if any(part in text for part in runs_of(canary))] == []
    if error is not None:
        assert "**********" in str(error)


async def test_gives_the_secret_to_the_step() -> None:
    """What is hidden from everyone else is there for the step."""
    result = await pipeline("secrets.echo", "the key").run(1)
    assert result.output == "item with the key"


async def test_logs_the_traceback_of_an_exception_once_when_secrets_are_masked() -> None:
    """What a step logs of its exception is as readable with a secret as without one."""
    with redirect_stderr(io.StringIO()) as stderr:
        await pipeline("secrets.log", "a key of the house").run(1)
    log = stderr.getvalue()
    assert log.count("Traceback") == log.count("ValueError: **********") == 1
    assert "calling with **********" in log.splitlines()[0]
