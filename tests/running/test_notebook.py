"""What a notebook shows of pipelines and results is complete, bounded, and nothing but text where it is not ours."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from headwater import Pipeline, Result, Runner, StepError, Stream, run_sync, step

TAGS = {"div", "b", "span", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"}
DRAWN = {"svg", "style", "rect", "path", "circle", "text", "title", "g"}


class Reader(HTMLParser):
    """Reads HTML: its elements, its attributes and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def shown(value: Any) -> Reader:
    """Return what a notebook shows of a value, after looking for what must never be there."""
    reader = Reader(value._repr_html_())
    assert reader.tags <= TAGS | DRAWN
    assert not {name for name in reader.attributes if name.startswith("on") or name in {"href", "src", "id"}}
    return reader


HOSTILE = "<script>alert('x')</script><img src=x onerror=y>&amp;\x1b[31m"


class Person(BaseModel):
    name: str
    key: SecretStr


@step("notebook.person")
def person(number: int) -> Person:
    """Make a person of a number."""
    return Person(name=f"{HOSTILE} {number}", key=SecretStr("hush"))


@step("notebook.fail")
def fail(number: int) -> int:
    """Fail at two."""
    if number == 2:
        raise ValueError(HOSTILE)
    return number


@step("notebook.log_in")
def log_in(user: str, *, password: SecretStr) -> str:
    """Fail, and tell the secret."""
    raise ValueError(f"{user} cannot log in with {password.get_secret_value()}")


@step("notebook.gather")
async def gather(numbers: Stream[int]) -> dict[str, Any]:
    """Gather numbers into an object."""
    return {"numbers": [number async for number in numbers], "about": {"by": HOSTILE}}


def failed(pipeline: Pipeline, data: Any) -> Result:
    """Return the result of a run that fails."""
    with pytest.raises(StepError) as caught:
        run_sync(pipeline, data)
    assert caught.value.result is not None
    return caught.value.result


def test_pipeline_is_a_drawing() -> None:
    """The steps, their kinds and types are drawn, below the name and the size."""
    reader = shown(Pipeline("people <b>", steps={"person": person}))
    assert {"person", "notebook.person", "Person", "people <b>"} <= set(reader.texts)
    assert ": 1 step, 2 edges" in reader.texts
    assert reader.tags >= DRAWN


def test_pipeline_is_not_drawn_when_it_is_too_large() -> None:
    """More steps than one can look at in a notebook are counted only."""
    reader = shown(Pipeline("long", steps={f"n{number}": fail for number in range(151)}))
    assert ": 151 steps, 152 edges" in reader.texts
    assert not reader.tags & DRAWN


def test_result_has_steps_and_records() -> None:
    """Each step has its figures, and records are a table of at most ten rows, hostile texts and secrets included."""
    reader = shown(run_sync(Pipeline("people", steps={"person": person}), range(30)))
    texts = reader.texts
    assert texts[texts.index("notebook.person") + 1 :][:3] == ["done", "30", "30"]
    assert "completed" in texts
    assert ": 30 items" in texts
    assert [text for text in texts if text.startswith("<script>")] == [
        f"{HOSTILE} {number}".replace("\x1b", "\ufffd") for number in range(10)
    ]
    assert texts.count("**********") == 10
    assert "and 20 more" in texts


def test_failure_is_reported_with_what_came_before() -> None:
    """A failed result names the step and the error, and shows the items that were written."""
    reader = shown(failed(Pipeline("failing", steps={"fail": fail}), range(9)))
    assert f"step 'fail': ValueError: {HOSTILE}".replace("\x1b", "\ufffd") in "".join(reader.texts)
    assert ": 2 items" in reader.texts
    assert {"0", "1"} <= set(reader.texts)
    assert reader.texts.count("failed") == 2


def test_secrets_of_the_document_are_masked_in_a_failure() -> None:
    """What a step puts of its secrets into its error does not get into a notebook."""
    steps = [{"id": "log_in", "kind": "notebook.log_in", "params": {"password": "${secret.PASSWORD}"}}]
    pipeline = Pipeline.load({"name": "log-in", "steps": steps}, secrets={"PASSWORD": "hush-hush"})
    result = failed(pipeline, "somebody")
    assert "hush-hush" not in result._repr_html_() + pipeline._repr_html_()
    assert "cannot log in with **********" in "".join(shown(result).texts)


def test_value_that_is_an_object_has_its_parts() -> None:
    """A single value is shown by its parts, lists in them too, each within bounds."""
    reader = shown(run_sync(Pipeline("gather", steps={"gather": gather}), range(1_000)))
    assert {"numbers", "about", "9", "and 990 more"} <= set(reader.texts)
    assert "10" not in reader.texts


@pytest.mark.parametrize("output", ["x" * 100_000, {"a": "x" * 100_000}, [["x" * 100_000]], b"x" * 100_000])
def test_notebook_stays_small_when_the_output_is_large(output: Any) -> None:
    """Only the beginning of a large value is shown."""
    html = Result(status="completed", output=output, execution_id="e", duration_s=0.1)._repr_html_()
    assert len(html) < 3_000
    assert "xxx" in html


def test_result_is_shown_when_its_events_are_gone() -> None:
    """Without events there is no table of steps; header, output and footer are there."""
    result = Result(status="completed", output=[], execution_id="e", duration_s=2.0, header={"a": 1}, footer="end")
    texts = shown(result).texts
    assert [text for text in texts if text in {"header", "output", "footer"}] == ["header", "output", "footer"]
    assert "2.00 s" in " ".join(texts)


@step("notebook.broken")
async def broken(number: int) -> int:
    """Fail."""
    raise ValueError("wrong number")


async def _leave(pipeline: Pipeline, data: Any) -> None:
    async with Runner().start(pipeline, data) as execution:
        async for _ in execution.events():
            pass


async def _read(pipeline: Pipeline, data: Any) -> None:
    async with Runner().start(pipeline, data) as execution:
        await execution.output.collect()


async def _run_sync(pipeline: Pipeline, data: Any) -> None:
    run_sync(pipeline, data)


@pytest.mark.parametrize("data", [1, [1]], ids=["unary", "stream"])
@pytest.mark.parametrize("door", [Pipeline.run, _run_sync, _read, _leave])
async def test_gets_an_error_that_it_reports(door: Any, data: Any) -> None:
    """No group is in the context of an error: IPython would only print it, and the cell would not count as failed."""
    with pytest.raises(StepError, match="wrong number") as caught:
        await door(Pipeline("broken", steps={"broken": broken}), data)
    error: BaseException | None = caught.value
    while error is not None:
        assert not isinstance(error, BaseExceptionGroup)
        error = error.__context__
