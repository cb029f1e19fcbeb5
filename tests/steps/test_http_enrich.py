"""Records that get what a server knows of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from headwater import Pipeline, StepError
from headwater_steps.http import Enrich
from headwater_steps.http.url_templates import Filler
from tests.steps.http_server import answer, routes, serving

LOCAL = ["127.0.0.1:*"]
USERS = {"/users/7": answer('{"name": "Ida"}'), "/users/8": answer('{"name": "Ole"}')}


async def run(step: Enrich, data: Any) -> Any:
    """Return what comes of one step."""
    return (await Pipeline("test", steps={"enrich": step}, allow={"private-network"}).run(data)).output


class User(BaseModel):
    id: int


@pytest.mark.parametrize("item", [{"id": 7, "x": 1}, User(id=7)])
async def test_record_gets_what_was_found(item: Any) -> None:
    """The record is passed on with a new field, and the one that came in is as it was."""
    before = dict(item)
    async with serving(routes(USERS)) as server:
        step = Enrich(url=server.url + "/users/{id}", into="user.data", hosts=LOCAL)
        assert await run(step, item) == {**before, "user": {"data": {"name": "Ida"}}}
    assert dict(item) == before


async def test_records_stay_in_order() -> None:
    """Several are enriched at the same time."""
    async with serving(routes(USERS)) as server:
        step = {"id": "e", "kind": "http.enrich", "concurrency": 4}
        step["params"] = {"url": server.url + "/users/{u.id}", "into": "user", "hosts": LOCAL}
        pipeline = Pipeline.load({"name": "test", "steps": [step]}, allow={"private-network"})
        output = (await pipeline.run([{"u": {"id": 7 + number % 2}} for number in range(10)])).output
    assert [item["user"]["name"] for item in output] == ["Ida", "Ole"] * 5


async def test_record_gets_null_when_there_is_nothing() -> None:
    """Whether that is an error is said by the document; other errors are errors in any case."""
    pages = {"/410": answer(status="410 Gone"), "/500": answer(status="500 Internal Server Error")}
    async with serving(routes(pages)) as server:
        url = server.url + "/{id}"
        lenient = Enrich(url=url, into="found", hosts=LOCAL, on_absent="null")
        assert await run(lenient, [{"id": "none"}, {"id": 410}]) == [
            {"id": "none", "found": None},
            {"id": 410, "found": None},
        ]
        with pytest.raises(StepError, match="500 Internal Server Error"):
            await run(lenient, {"id": 500})
        with pytest.raises(StepError, match="404 Not Found"):
            await run(Enrich(url=url, into="found", hosts=LOCAL), {"id": "none"})


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"ID": 7}, "there is no field 'id' in an item with the fields 'ID'"),
        ({"id": None}, "expected a string, a number or a boolean in the field 'id', found null"),
        ({"id": [7]}, "found list"),
        ({"id": ".."}, "would make a part of the path . or .."),
        ({"id": "."}, "would make a part of the path . or .."),
    ],
)
async def test_record_is_refused_when_no_url_can_be_made_of_it(item: Any, message: str) -> None:
    """Nothing is sent, and the error names the field."""
    async with serving(routes({})) as server:
        with pytest.raises(StepError) as error:
            await run(Enrich(url=server.url + "/{id}", into="user", hosts=LOCAL), item)
    assert message in str(error.value)
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/users/{id}",
        "ftp://example.com/{id}",
        "{scheme}://example.com/",
        "https://{host}/",
        "https://{host}.example.com/",
        "https://example.com{id}/",
        "https://me@example.com/{id}",
        "https://example.com",
        "https://example.com/{id",
        "https://example.com/{}",
        "https://example.com/{a..b}",
        "https://example.com/{{id}}",
    ],
)
def test_template_is_refused_when_a_field_could_choose_the_host(url: str) -> None:
    """Where requests go is said by the document alone."""
    with pytest.raises(ValidationError, match="expected"):
        Enrich(url=url, into="x", hosts=["*"])


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_field_stays_one_part_of_the_url(first: str, second: str) -> None:
    """Whatever is in a field, it has no meaning in the URL."""
    if {first, second} & {".", ".."}:
        return
    url = Filler("https://example.com/a/{first}/b?x={second}&y=1").fill({"first": first, "second": second})
    path, _, query = url.removeprefix("https://example.com").partition("?")
    assert (path.count("/"), query.count("&"), query.count("="), url.count("#")) == (3, 1, 2, 0)
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


def test_values_are_written_as_json_does() -> None:
    """Numbers and truth values are as in the document."""
    filled = Filler("http://h/{a}/{b}/{c}/{d}").fill({"a": True, "b": 1.5, "c": -3, "d": "é/"})
    assert filled == "http://h/true/1.5/-3/%C3%A9%2F"
