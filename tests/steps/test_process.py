"""Programs that are run: what they get and give, how they fail, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from headwater import ConfigError, Pipeline, Result, Runner, Step, StepError, StreamEvent
from headwater.testing import breaking_stream, endless_stream
from headwater_steps.process import Pipe, ProgramError, ProgramTimeoutError, Run, Source
from headwater_steps.streams import take

ITEM = {"item": True}
ALLOW = {"process"}


def pipeline(*steps: Step | Any, **options: Any) -> Pipeline:
    """Return a chain of steps, with options of the first."""
    made = Pipeline("test", steps=dict(zip(["program", "next"], steps, strict=False)), allow=ALLOW)
    if not options:
        return made
    document = json.loads(made.to_json())
    document["steps"][0] |= options
    return Pipeline.load(document, allow=ALLOW)


async def run(step: Step, data: Any = None, **options: Any) -> Result:
    """Return what comes of one step."""
    return await pipeline(step, **options).run(data)


async def failure(step: Step, data: Any = None) -> BaseException:
    """Return how one step fails."""
    with pytest.raises(StepError) as error:
        await run(step, data)
    assert error.value.__cause__ is not None
    return error.value.__cause__


def sh(script: str, *arguments: Any) -> tuple[Any, ...]:
    """Return what runs a shell, which is a program like any other."""
    return ("sh", "-c", script, "sh", *arguments)


def of(**params: Any) -> Run:
    """Return a step, of params as a document has them."""
    return Run.model_validate(params)


# ---- one item


@pytest.mark.parametrize(
    ("argv", "data", "output"),
    [
        pytest.param(["cat"], "salt\nwater", "salt\nwater", id="text"),
        pytest.param(["cat"], b"salt", "salt", id="bytes"),
        pytest.param(["cat"], "", "", id="nothing"),
        pytest.param(["cat"], "é" * 500_000, "é" * 500_000, id="more than a pipe holds"),
        pytest.param(["head", "-c", "3"], "x" * 1_000_000, "xxx", id="not all is read"),
        pytest.param(["true"], "x" * 1_000_000, "", id="nothing is read"),
        pytest.param(["printf", "%s.%s", ITEM, ITEM], "a", "a.a", id="argument"),
        pytest.param(["printf", "%s", ITEM], "$(id) `id` ; * ~ \" '\n", "$(id) `id` ; * ~ \" '\n", id="no shell"),
        pytest.param(["printf", "--", "%s", ITEM], "-n", "-n", id="after --"),
        pytest.param(["cat", "-"], "stdin", "stdin", id="dash of the document"),
        pytest.param([*sh("cat; printf '<%s>' \"$1\""), ITEM], "arg", "<arg>", id="argument, and no stdin"),
    ],
)
async def test_run_gives_the_item_and_returns_the_output(argv: list[Any], data: Any, output: str) -> None:
    """The item is the standard input or an argument, the output is the standard output."""
    assert (await run(of(argv=argv), data)).output == output


async def test_run_is_mapped_over_a_stream() -> None:
    """The program is run for each item, several at a time, and order is kept."""
    result = await run(of(argv=["printf", "%s!", ITEM]), [str(number) for number in range(12)], concurrency=4)
    assert result.output == [f"{number}!" for number in range(12)]


@pytest.mark.parametrize(("item", "argv"), [("-rf", ["ls", ITEM]), ("--help", ["ls", ITEM, "--"])])
async def test_run_refuses_an_item_that_would_be_an_option(item: str, argv: list[Any]) -> None:
    """Data must not decide what a program does."""
    error = await failure(of(argv=argv), item)
    assert str(error) == (
        f"the item '{item}' would be an option of the program; "
        'put "--" before {"item": true} if the program supports it, or pass the item on stdin'
    )


@pytest.mark.parametrize("item", [b"bytes", "a\0b"])
async def test_run_refuses_an_item_that_cannot_be_an_argument(item: Any) -> None:
    """Arguments are texts, which end at NUL."""
    assert "an item must be a string without the NUL character" in str(await failure(of(argv=["echo", ITEM]), item))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"argv": ["no-such-program"]}, "the program no-such-program is not found; give its path, or add PATH"),
        ({"argv": ["cat"], "inherit_env": [], "env": {"PATH": "/nowhere"}}, "the program cat is not found"),
        ({"argv": ["cat"], "cwd": "/no/such/folder"}, "cannot be run: there is no folder /no/such/folder (cwd)"),
        ({"argv": ["/etc/passwd"]}, "cannot be run: [Errno 13] Permission denied"),
        ({"argv": sh("exit 3")}, "the program sh ended with code 3"),
        ({"argv": sh("exit 3"), "ok_codes": [0, 1]}, "the program sh ended with code 3"),
        ({"argv": sh("echo one >&2; echo two >&2; exit 1")}, "the program sh ended with code 1: one\ntwo"),
        ({"argv": sh("kill -SEGV $$")}, "the program sh was ended by the signal SIGSEGV"),
        (
            {"argv": sh("printf 'a\\377'")},
            "wrote invalid text: the bytes ff are not valid utf-8, at byte 1; set another",
        ),
        ({"argv": ["yes"], "max_output_bytes": 1_000}, "wrote more than 1000 bytes; raise max_output_bytes"),
        ({"argv": ["sleep", "60"], "timeout_s": 0.1}, "took longer than 0.1 s (timeout_s), and was ended"),
        ({"argv": ["yes"], "timeout_s": 0.1, "max_output_bytes": 2**40}, "took longer than 0.1 s (timeout_s)"),
    ],
)
async def test_run_fails_when_the_program_does(params: dict[str, Any], message: str) -> None:
    """The error says what happened, with the last that the program said about it."""
    error = await failure(of(**params), "")
    assert isinstance(error, ProgramError)
    assert message in str(error)
    assert isinstance(error, ProgramTimeoutError) is ("took longer" in message)


async def test_run_shows_the_last_lines_of_the_standard_error() -> None:
    """However much a program complains, the message stays short, and the program is not held up."""
    script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done >&2; exit 1"
    error = await failure(of(argv=sh(script)), "")
    assert str(error).endswith("code 1: " + "\n".join(f"line {number}" for number in range(19_995, 20_000)))


@pytest.mark.parametrize(
    ("params", "output"), [({"ok_codes": [1]}, ""), ({"ok_codes": [0, 1]}, ""), ({"argv": ["cat"]}, "x")]
)
async def test_run_accepts_the_codes_that_are_no_failure(params: dict[str, Any], output: str) -> None:
    """Some programs say with their code what they found, as `grep` does."""
    assert (await run(of(**{"argv": ["grep", "y"], **params}), "x")).output == output


async def test_run_replaces_what_is_not_text_when_asked() -> None:
    """Undecodable bytes become U+FFFD, or are another encoding."""
    argv = sh("printf 'caf\\351'")
    assert (await run(of(argv=argv, on_bad="replace"), "")).output == "caf\ufffd"
    assert (await run(of(argv=argv, encoding="latin-1"), "")).output == "café"


# ---- its surroundings


async def test_environment_is_empty_but_for_what_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing leaks into a program that the document does not name."""
    monkeypatch.setenv("CANARY", "leaked")
    monkeypatch.setenv("NAMED", "inherited")
    params = {"env": {"GIVEN": "a=b"}, "inherit_env": ["PATH", "NAMED", "MISSING"], "cwd": str(tmp_path)}
    output = (await run(of(argv=["env"], **params), "")).output
    assert set(output.splitlines()) == {f"PATH={os.environ['PATH']}", "NAMED=inherited", "GIVEN=a=b"}
    assert (await run(of(argv=["pwd"], cwd=str(tmp_path)), "")).output == f"{tmp_path}\n"


async def test_secrets_are_passed_and_not_shown() -> None:
    """The program gets a secret in its environment, and no message has it."""
    argv = list(sh('echo "key is $KEY" >&2; exit 1'))
    params = {"argv": argv, "secret_env": {"KEY": "${secret.KEY}"}}
    document = {"name": "secret", "steps": [{"id": "program", "kind": "process.run", "params": params}]}
    loaded = Pipeline.load(document, secrets={"KEY": "canary"}, allow=ALLOW)
    reported: list[StreamEvent] = []
    with pytest.raises(StepError, match=r"key is \*{10}") as error:
        await loaded.run("", subscribers=[reported.append])
    assert "canary" not in f"{error.value}{reported}{loaded!r}"


@pytest.mark.parametrize("code", [0, 1])
async def test_no_line_of_a_secret_is_shown_when_a_program_writes_it(code: int) -> None:
    """A key of several lines, and one that is longer than the excerpt, are masked in the error and in the log."""
    key = "-----BEGIN KEY-----\n" + "\n".join(f"line{number}of-the-key" * 3 for number in range(40))
    long = "0123456789abcdef" * 200
    argv = list(sh(f'echo "$KEY" >&2; echo "$LONG" >&2; exit {code}'))
    secret_env = {"KEY": "${secret.KEY}", "LONG": "${secret.LONG}"}
    step = {"id": "program", "kind": "process.run", "params": {"argv": argv, "secret_env": secret_env}}
    loaded = Pipeline.load({"name": "secret", "steps": [step]}, secrets={"KEY": key, "LONG": long}, allow=ALLOW)
    with capture_logs() as logs:
        async with Runner().start(loaded, "") as execution:
            result = await execution.result(check=False)
    shown = f"{result.error}{logs}"
    assert "**********" in shown
    assert "of-the-key" not in shown
    assert "0123456789" not in shown


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"argv": []},
        {"argv": [""]},
        {"argv": [ITEM]},
        {"argv": ["a\0b"]},
        {"argv": "ls -l"},
        {"argv": ["ls", {"item": False}]},
        {"argv": ["ls"], "env": {"A=B": "c"}},
        {"argv": ["ls"], "env": {"A": "b\0"}},
        {"argv": ["ls"], "inherit_env": ["HEADWATER_SECRET_KEY"]},
        {"argv": ["ls"], "ok_codes": []},
        {"argv": ["ls"], "timeout_s": 0},
        {"argv": ["ls"], "shell": True},
    ],
)
def test_params_are_refused_when_they_are_wrong(params: dict[str, Any]) -> None:
    """Everything that can be known beforehand is told when the document is loaded."""
    with pytest.raises(ValidationError):
        of(**params)


@pytest.mark.parametrize("kind", ["process.run", "process.pipe", "source.process"])
def test_document_is_refused_when_the_operator_does_not_allow_programs(kind: str) -> None:
    """A document alone runs no program."""
    document = {"name": "no", "steps": [{"id": "program", "kind": kind, "params": {"argv": ["true"]}}]}
    with pytest.raises(ConfigError, match="needs the permission 'process', which is not given"):
        Pipeline.load(document)


async def test_standard_error_is_logged_when_the_program_succeeds() -> None:
    """What a program has to say is told to the operator once, cut when it is long."""
    with capture_logs() as logs:
        await run(of(argv=sh("echo careful >&2")), "")
    (reported,) = [entry for entry in logs if entry["event"] == "standard error of a program"]
    assert (reported["program"], reported["size_bytes"], reported["last"]) == ("sh", 8, "careful\n")


# ---- streams


async def test_pipe_runs_once_for_all_items() -> None:
    """The items are the lines in, the lines out are the items, and the footer tells what came."""
    result = await run(Pipe(argv=("sort", "-n")), [str(number) for number in range(20_000, 0, -1)])
    assert result.output == [str(number) for number in range(1, 20_001)]
    footer = result.footer
    assert (footer.exit_code, footer.lines, footer.items, footer.stderr_bytes) == (0, 20_000, 20_000, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
async def test_pipe_encodes_its_lines(encoding: Any) -> None:
    """Whatever the encoding, the lines that go in come out."""
    lines = [f"é{number}" for number in range(3_000)]
    assert (await run(Pipe(argv=("cat",), encoding=encoding), lines)).output == lines


@pytest.mark.parametrize("items", [[], ["a"]])
async def test_pipe_ends_when_the_program_does(items: list[str]) -> None:
    """A short stream and an empty one are fine; a last line needs no end."""
    assert (await run(Pipe(argv=sh("cat; printf end")), items)).output == [*items, "end"]


async def test_pipe_overlaps_with_its_neighbors() -> None:
    """A line comes back before the next one goes in."""
    back = anyio.Event()

    async def in_turn() -> Any:
        yield "one"
        with anyio.fail_after(60):
            await back.wait()
        yield "two"

    lines: list[str] = []
    async with Runner().start(pipeline(Pipe(argv=("sed", "-u", "s/$/!/"))), in_turn()) as execution:
        async for line in execution.output:
            lines.append(line)
            back.set()
    assert lines == ["one!", "two!"]


async def test_pipe_leaves_its_source_when_the_program_reads_no_further() -> None:
    """A program that has enough ends the stream before it."""
    numbers = endless_stream(str)
    result = await run(Pipe(argv=("head", "-n", "3")), numbers)
    assert result.output == ["0", "1", "2"]
    assert numbers.closed


async def test_pipe_refuses_an_item_with_a_line_feed() -> None:
    """One item must not become two lines."""
    assert "the item 'b\\nc' has a line feed" in str(await failure(Pipe(argv=("cat",)), ["a", "b\nc"]))


async def test_pipe_breaks_when_its_source_does() -> None:
    """The failure is told as that of the source, and the program is ended."""
    with pytest.raises(StepError) as error:
        await run(Pipe(argv=("cat",)), breaking_stream(["a"] * 10))
    assert error.value.step_id == "input"


async def test_pipe_breaks_after_the_lines_that_came_when_the_program_fails() -> None:
    """What a failing program wrote is read first."""
    lines: list[str] = []
    async with Runner().start(pipeline(Pipe(argv=sh("cat; exit 7"))), ["a", "b"]) as execution:
        with pytest.raises(Exception, match="the program sh ended with code 7"):
            async for line in execution.output:
                lines.append(line)  # noqa: PERF401 - what was read before the error is kept
    assert lines == ["a", "b"]


@pytest.mark.parametrize(("on_bad", "lines", "items"), [("replace", ["a", "b\ufffd", "c"], 3), ("skip", ["a", "c"], 2)])
async def test_source_reports_bytes_that_are_not_text(on_bad: Any, lines: list[str], items: int) -> None:
    """What was mended or left out is counted."""
    result = await run(Source(argv=sh("printf 'a\\nb\\377\\nc\\n'"), on_bad=on_bad))
    assert result.output == lines
    assert (result.footer.items, result.footer.bad_rows, result.footer.first_bad_lines) == (items, 1, (2,))


async def test_source_fails_when_a_line_is_too_long() -> None:
    """The error names the program and the line."""
    error = await failure(Source(argv=sh("echo a; echo bbbbbb"), max_line_chars=4))
    assert str(error).startswith("the output of sh:2: the line is longer than 4 characters")


async def test_source_reads_while_the_program_runs() -> None:
    """Endless output is read as far as somebody wants it."""
    assert (await pipeline(Source(argv=("yes", "salt")), take.with_params(n=3)).run()).output == ["salt"] * 3


async def test_source_takes_too_long() -> None:
    """The time of a whole stream can be limited as well."""
    error = await failure(Source(argv=sh("echo a; exec sleep 60"), timeout_s=0.2))
    assert str(error) == "the program sh took longer than 0.2 s (timeout_s), and was ended"


# ---- nothing is left


async def until_gone(pid: int) -> None:
    """Wait until a process is no more."""
    with anyio.fail_after(60):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110 - no event
            await anyio.sleep(0.01)  # the system tells nobody of a process that is no child of ours


GRANDCHILD = "sleep 600 & echo $! > pids; echo $$ >> pids; "


async def pids(folder: Path) -> list[int]:
    """Wait for a program and its child to have begun, and return their ids."""
    with anyio.fail_after(60):
        while True:
            text = await anyio.Path(folder, "pids").read_text() if (folder / "pids").exists() else ""
            if text.count("\n") == 2:
                return [int(line) for line in text.splitlines()]
            await anyio.sleep(0.01)  # a file tells nobody that it is written


@pytest.mark.parametrize("kind", [Run, Pipe, Source])
@pytest.mark.parametrize(
    "then",
    [pytest.param("wait", id="at once"), pytest.param("trap '' TERM; while :; do sleep 600; done", id="by force")],
)
async def test_nothing_is_left_when_the_execution_is_cancelled(kind: Any, then: str, tmp_path: Path) -> None:
    """The program and what it has started are ended, also when it does not want to."""
    script = (f"trap '' TERM; {GRANDCHILD}" if "trap" in then else GRANDCHILD) + then
    step = kind(argv=sh(script), cwd=tmp_path, kill_after_s=0.2)
    data = None if kind is Source else "text" if kind is Run else ["text"]
    async with Runner().start(pipeline(step), data) as execution:
        started = await pids(tmp_path)
        execution.cancel()
    for pid in started:
        await until_gone(pid)


@pytest.mark.parametrize("end", ["exit 0", "exit 1"])
async def test_nothing_is_left_when_the_program_ends(end: str, tmp_path: Path) -> None:
    """A child that a program leaves behind is ended, and does not keep the step from ending."""
    step = Source(argv=sh(f"echo a; {GRANDCHILD}{end}"), cwd=tmp_path, ok_codes=(0, 1))
    with anyio.fail_after(60):
        assert (await run(step)).output == ["a"]
    for pid in await pids(tmp_path):
        await until_gone(pid)


async def test_a_program_may_end_itself_when_it_is_no_longer_needed(tmp_path: Path) -> None:
    """It is asked first, and has time to put things right."""
    script = "trap 'echo done > put-right; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    source = Source(argv=sh(script), cwd=tmp_path, kill_after_s=60)
    result = await pipeline(source, take.with_params(n=1)).run()
    assert result.output == ["ready"]
    assert (tmp_path / "put-right").read_text() == "done\n"


async def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    """However a program ends, its pipes are closed here."""
    await run(of(argv=["true"]), "")
    before = psutil.Process().num_fds()
    for params in ({"argv": ["cat"]}, {"argv": ["false"]}, {"argv": ["no-such"]}, {"argv": ["cat"], "cwd": "/no"}):
        try:
            await run(of(**params), "x" * 100_000)
        except StepError:
            continue
    assert psutil.Process().num_fds() == before


def test_program_is_unharmed_by_the_interrupt_of_a_terminal() -> None:
    """A program has a session of its own, so that it is this process that decides when it ends."""
    script = "import os; print(os.getsid(0) == os.getpid())"
    made = pipeline(of(argv=[sys.executable, "-c", script]))
    assert anyio.run(made.run, "").output == "True\n"
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
