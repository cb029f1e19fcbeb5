"""The pipelines of a server: documents of a folder, broken ones beside good ones, and those that callers upload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headwater_server import Limits, create_app
from tests.server.conftest import client_of, on_every_server

pytestmark = on_every_server

UPPER: dict[str, Any] = {"name": "upper", "steps": [{"id": "up", "kind": "text.upper"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good document, one that needs a parameter, two broken ones, and other files."""
    documents = {
        "upper.json": UPPER,
        "lines.json": {
            "name": "lines",
            "parameters": {"path": {"type": "string"}},
            "steps": [{"id": "read", "kind": "source.lines", "params": {"path": "${parameters.path}"}}],
        },
        "broken.json": {"name": "broken", "steps": [{"id": "x", "kind": "text.unknown"}]},
        "again.json": {**UPPER, "steps": [{"id": "low", "kind": "text.lower"}]},
        "keys.json": {"keys": []},
    }
    for name, document in documents.items():
        (tmp_path / name).write_text(json.dumps(document))
    (tmp_path / "cut.json").write_text('{"name": "cut", "steps": [')
    return tmp_path


async def test_broken_documents_are_listed_beside_good_ones(folder: Path) -> None:
    """Each document has its state; what is no document of a pipeline is left out."""
    async with client_of(create_app(folder)) as client:
        listed = (await client.get("/pipelines")).json()["pipelines"]
        good = await client.post("/pipelines/upper/run", json={"input": "a"})
        broken = await client.post("/pipelines/broken/run", json={"input": "a"})
    states = {one["name"]: one["state"] for one in listed}
    assert states.pop("broken") == "broken"
    assert states.pop("cut") == "broken"
    assert states.pop("lines") == "ready"
    assert sorted(states.values()) == ["broken", "ready"]  # the name that two documents have is that of the first
    assert good.json()["output"] in {"A", "a"}
    assert (broken.status_code, broken.json()["code"]) == (409, "broken-pipeline")
    assert broken.json()["problems"][0]["code"] == "unknown-kind"


async def test_pipeline_is_described_before_its_parameters_have_values(folder: Path) -> None:
    """The steps, types and drawing of a pipeline are known, also where a parameter has no default."""
    async with client_of(create_app(folder)) as client:
        described = (await client.get("/pipelines/lines")).json()
        refused = await client.post("/pipelines/lines/executions", json={})
    assert described["parameters"]["required"] == ["path"]
    assert described["outputs"]["read.out"]["item"] == {"type": "string"}
    assert [step["id"] for step in described["steps"]] == ["read"]
    assert {node["id"] for node in described["drawing"]["nodes"]} >= {"read"}
    assert (refused.status_code, refused.json()["code"]) == (422, "missing-parameter")


async def test_documents_are_taken_only_where_the_operator_allows_it(folder: Path) -> None:
    """Without the option, an upload is refused."""
    async with client_of(create_app(folder)) as client:
        refused = await client.post("/pipelines", json={**UPPER, "name": "mine"})
    assert (refused.status_code, refused.json()["code"]) == (403, "documents-not-allowed")


async def test_uploaded_document_runs_and_is_deleted(folder: Path) -> None:
    """A document of a caller runs like the others, cannot take their names, and is bounded in number."""
    server = create_app(folder, allow_documents=True, limits=Limits(documents_per_caller=1))
    async with client_of(server) as client:
        added = await client.post("/pipelines", json={**UPPER, "name": "mine"})
        run = await client.post("/pipelines/mine/run", json={"input": "b"})
        taken = await client.post("/pipelines", json=UPPER)
        another = await client.post("/pipelines", json={**UPPER, "name": "mine-2"})
        deleted = await client.delete("/pipelines/mine")
        gone = await client.get("/pipelines/mine")
    assert (added.status_code, added.headers["location"]) == (201, "/pipelines/mine")
    assert run.json()["output"] == "B"
    assert (taken.status_code, another.status_code) == (409, 429)
    assert (deleted.status_code, gone.status_code) == (204, 404)


async def test_reload_takes_what_changed_and_keeps_what_runs(folder: Path) -> None:
    """After a reload, new requests get the new documents."""
    server = create_app(folder)
    async with client_of(server) as client:
        (folder / "new.json").write_text(json.dumps({**UPPER, "name": "new"}))
        before = await client.get("/pipelines/new")
        server.service.catalog.reload()
        after = await client.get("/pipelines/new")
    assert (before.status_code, after.status_code) == (404, 200)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_operators_see_how_the_server_is(path: str) -> None:
    """A server that runs says so, and has metrics."""
    async with client_of(create_app([])) as client:
        answer = await client.get(path)
    assert answer.status_code == 200


async def test_files_are_confined_to_the_folders_of_the_operator(folder: Path, tmp_path: Path) -> None:
    """A parameter cannot name a file elsewhere: not directly, not by a link, and no device."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "good.txt").write_text("a\n")
    (data / "link.txt").symlink_to("/etc/passwd")
    server = create_app(folder, files=[data])
    async with client_of(server) as client:
        answers = [
            await client.post("/pipelines/lines/run", json={"parameters": {"path": path}})
            for path in (f"{data}/good.txt", f"{data}/link.txt", f"{data}/../upper.json", "/etc/passwd", "/dev/zero")
        ]
        without = create_app(folder)
    async with client_of(without) as client:
        none = await client.post("/pipelines/lines/run", json={"parameters": {"path": f"{data}/good.txt"}})
    assert answers[0].json()["output"] == ["a"]
    assert [(one.status_code, one.json()["code"]) for one in [*answers[1:], none]] == [(422, "outside-roots")] * 5
    assert "--files" in none.json()["detail"]


@pytest.mark.parametrize("name", ["café", "日本語", "a b?c#d", "50%", 'q"uote', "line\nbreak"])
async def test_links_of_a_name_are_addresses(name: str) -> None:
    """They can be requested as they are, whatever characters the name has."""
    async with client_of(create_app([], allow_documents=True)) as client:
        added = await client.post("/pipelines", json={**UPPER, "name": name})
        links = added.json()["links"]
        assert (added.status_code, added.headers["location"]) == (201, links["self"])
        assert (await client.get(links["self"])).json()["name"] == name
        ran = await client.post(links["run"], json={"input": "a"})
        started = await client.post(links["executions"], json={"input": "a"})
        again = await client.get(started.json()["links"]["pipeline"])
    assert ran.json()["output"] == "A"
    assert again.json()["name"] == name


@pytest.mark.parametrize("name", ["a/b", "..", "."])
async def test_name_that_no_path_leads_to_is_refused(tmp_path: Path, name: str) -> None:
    """A document of a caller is refused; one of the operator is listed as broken."""
    (tmp_path / "odd.json").write_text(json.dumps({**UPPER, "name": name}))
    async with client_of(create_app(tmp_path, allow_documents=True)) as client:
        refused = await client.post("/pipelines", json={**UPPER, "name": name})
        (listed,) = (await client.get("/pipelines")).json()["pipelines"]
    assert (refused.status_code, refused.json()["code"]) == (422, "unreachable-name")
    assert (listed["state"], listed["problems"][0]["code"]) == ("broken", "unreachable-name")
