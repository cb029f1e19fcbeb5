"""JSON Schemas of what goes into a pipeline and comes out of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import pytest
from pydantic import BaseModel, computed_field

from headwater import Emits, Footer, Header, Pipeline, Stream, step
from headwater.types.json_forms import json_schema

T = TypeVar("T")


class Level(BaseModel):
    """A measured level.

    Args:
        level_m: The level.
    """

    level_m: float
    raw: bytes = b""

    @computed_field
    @property
    def is_high(self) -> bool:
        return self.level_m > 2


@dataclass(frozen=True)
class Gauge:
    """Where the levels come from."""

    code: str


class Formless:
    """Something without a form as JSON."""


@step("example.schemas_levels")
async def levels(readings: Stream[Level, Gauge]) -> Emits[Level, Gauge, int]:
    """Pass levels on, and count them."""
    yield Header(await readings.header())
    count = 0
    async for level in readings:
        count += 1
        yield level
    yield Footer(count)


@step("example.schemas_words")
async def words(text: str) -> AsyncIterator[str]:
    """Split text."""
    for word in text.split():
        yield word


@step("example.schemas_join")
async def join(left: Stream[int], right: str) -> str:
    """Read two inputs."""
    return right + str([number async for number in left])


@step("example.schemas_loose")
def loose(item: str | int) -> bytes:
    """Take more than one type."""
    return str(item).encode()


@step("example.schemas_hide")
def hide(_text: str) -> Formless:
    """Return what has no form."""
    return Formless()


NO_FRAMES = {"header": None, "footer": None}
STRING = {"type": "string"}


def test_describes_items_headers_and_footers_when_they_are_declared() -> None:
    """Inputs are described as they are read, outputs as they are written; bytes are base64."""
    schemas = Pipeline("levels", steps={"levels": levels}).json_schemas()
    given, written = schemas["inputs"]["levels"], schemas["outputs"]["levels"]
    assert given["streaming"]
    assert given["item"]["properties"]["raw"] == {
        "contentEncoding": "base64",
        "default": "",
        "title": "Raw",
        "type": "string",
    }
    assert given["item"]["description"] == "A measured level."
    assert given["item"]["required"] == ["level_m"]
    assert given["header"]["properties"] == {"code": {"title": "Code", "type": "string"}}
    assert given["footer"] is None
    assert "is_high" not in given["item"]["properties"]
    assert "is_high" in written["item"]["properties"]
    assert written["footer"] == {"type": "integer"}
    assert schemas["parameters"] == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    json.dumps(schemas)


def test_shows_a_stream_when_the_input_is_one() -> None:
    """The plan for a stream of items decides, if it is asked for."""
    pipeline = Pipeline("words", steps={"words": words})
    assert pipeline.json_schemas()["inputs"] == {"words": {"streaming": False, "item": STRING, **NO_FRAMES}}
    streamed = pipeline.json_schemas(stream_input=True)
    assert streamed["inputs"] == {"words": {"streaming": True, "item": STRING, **NO_FRAMES}}


def test_names_inputs_as_data_does_when_there_are_several() -> None:
    """Each free input has the name by which data is given."""
    schemas = Pipeline("joined", steps={"join": join}).json_schemas()
    assert schemas["inputs"] == {
        "join.left": {"streaming": True, "item": {"type": "integer"}, **NO_FRAMES},
        "join.right": {"streaming": False, "item": STRING, **NO_FRAMES},
    }


def test_demands_all_types_when_several_steps_read_one_input() -> None:
    """Data that goes to several steps has to fit each of them."""
    edges = ["input -> words", "input -> loose"]
    pipeline = Pipeline("both", steps={"words": words, "loose": loose}, edges=edges)
    (name,) = schemas = pipeline.json_schemas()["inputs"]
    assert name == "input"
    assert schemas["input"]["item"] == {"allOf": [STRING, {"anyOf": [STRING, {"type": "integer"}]}]}
    assert pipeline.json_schemas()["outputs"]["loose"]["item"] == {"type": "string", "contentEncoding": "base64"}


def test_names_the_step_when_the_document_writes_the_edge() -> None:
    """An input with one reader has the name of the step."""
    pipeline = Pipeline("one", steps={"words": words}, edges=["input -> words"])
    assert set(pipeline.json_schemas()["inputs"]) == {"words"}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Any, {}),
        (object, {}),
        (T, {}),
        (Formless, {"description": "Formless, which has no form as JSON"}),
        (list[Formless], {"type": "array", "items": {"description": "Formless, which has no form as JSON"}}),
        (dict[str, Any], {"type": "object", "additionalProperties": True}),
        (Path, {"type": "string", "format": "path"}),
    ],
)
def test_accepts_anything_when_a_type_has_no_form(annotation: Any, schema: dict[str, Any]) -> None:
    """The name of the class stands in the description, and nothing is raised."""
    assert json_schema(annotation, "validation") == schema
    assert json_schema(annotation, "serialization") == schema


def test_shows_a_function_as_anything() -> None:
    """A type that pydantic checks, but has no JSON Schema, is described."""
    assert "no form as JSON" in json_schema(Callable[[], None], "validation")["description"]


def test_describes_an_output_without_a_form() -> None:
    """A pipeline with such items has schemas."""
    schemas = Pipeline("hidden", steps={"hide": hide}).json_schemas()
    assert schemas["outputs"]["hide"]["item"] == {"description": "Formless, which has no form as JSON"}


@pytest.mark.parametrize("file", sorted(Path("configs").glob("*.json")), ids=lambda file: file.stem)
def test_schemas_are_valid_when_a_pipeline_ships(file: Path) -> None:
    """Each schema of an example is one, by the meta-schema."""
    pipeline = _loaded(file)
    schemas = pipeline.json_schemas()
    jsonschema.Draft202012Validator.check_schema(schemas["parameters"])
    jsonschema.Draft202012Validator(schemas["parameters"]).validate(dict(pipeline.parameters))
    for described in (*schemas["inputs"].values(), *schemas["outputs"].values()):
        for part in ("item", "header", "footer"):
            if described[part] is not None:
                jsonschema.Draft202012Validator.check_schema(described[part])


def _loaded(file: Path) -> Pipeline:
    try:
        return Pipeline.load(file, {"path": "x"} if file.stem == "word-report" else None, allow=["private-network"])
    except Exception as error:  # noqa: BLE001 - such as a kind of a module of its own
        pytest.skip(str(error))
