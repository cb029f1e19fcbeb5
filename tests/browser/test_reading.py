"""Executions are read in the browser: failures, the replay, and files of events."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.pipelines import GATE

COUNT_OF = "(page) => document.querySelectorAll('*').length"


def test_failed_execution_says_why(open_page: Callable[..., Page], site: Site) -> None:
    """The step that failed is open, with its error and everything that led to it."""
    page = open_page("#/executions")
    execution_id = site.ended("failing")
    page.locator(f'a[title="{execution_id}"]').click()
    expect(page.get_by_role("status").first).to_have_text("failed")
    details = page.get_by_role("complementary", name="Details")
    expect(details.get_by_role("heading", name="enrich")).to_be_visible()
    expect(details).to_contain_text("number 12 cannot be enriched")
    causes = details.get_by_role("list", name="Causes").get_by_role("listitem")
    expect(causes).to_have_text(
        [
            re.compile("ConnectionError.*the gauge service has no such station"),
            re.compile("KeyError.*gauge-12"),
        ]
    )
    page.locator('[data-step="count"]').click()
    expect(details).to_contain_text("Stopped, as step")
    details.get_by_role("button", name="enrich").click()
    expect(details.get_by_role("heading", name="enrich")).to_be_visible()


def test_slider_replays_the_execution(open_page: Callable[..., Page], site: Site) -> None:
    """The view shows the state after the event that the slider points at, and the newest on request."""
    GATE.allow(100)
    execution_id = site.ended("gated")
    last_seq = site.execution(execution_id)["last_seq"]
    page = open_page(f"#/executions/{execution_id}")
    status, slider = page.get_by_role("status").first, page.get_by_label("Position in the events")
    expect(status).to_have_text("completed")
    slider.fill("1")
    expect(status).to_have_text("running")
    expect(page.locator('[data-step="gate"]')).to_have_attribute("aria-label", "gate browser.gated, waiting")
    slider.press("End")
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(f"event {last_seq - 1} of {last_seq}"))
    expect(status).to_have_text("running")
    page.get_by_role("button", name="Newest").click()
    expect(status).to_have_text("completed")


def test_events_are_played_again(open_page: Callable[..., Page], site: Site) -> None:
    """Play goes from the first event to the last at the chosen speed."""
    GATE.allow(100)
    page = open_page(f"#/executions/{site.ended('gated')}")
    expect(page.get_by_role("status").first).to_have_text("completed")
    # Within one turn of the event loop, in which no frame is drawn, so that it cannot come to its end in between.
    labels = page.get_by_role("button", name="Play the events again").evaluate(
        """async (button) => {
          const labels = [];
          for (let click = 0; click < 2; click += 1) {
            button.click();
            for (let turn = 0; turn < 10; turn += 1) await null;
            labels.push(button.ariaLabel);
          }
          return labels;
        }"""
    )
    assert labels == ["Pause", "Play the events again"]
    page.get_by_label("Speed").select_option("100")
    page.get_by_label("Position in the events").fill("2")
    page.get_by_role("button", name="Play the events again").click()
    expect(page.get_by_role("status").first).to_have_text("completed")


def test_events_are_filtered_and_shown_in_full(open_page: Callable[..., Page], site: Site) -> None:
    """Filters by type, step and text leave the others out; the chosen event is shown as JSON."""
    page = open_page(f"#/executions/{site.ended('failing')}")
    page.get_by_role("tab", name="Events").click()
    events = page.get_by_role("listbox", name="Events")
    page.get_by_label("All types").select_option("step_error")
    page.get_by_label("All steps").select_option("enrich")
    expect(events.get_by_role("option")).to_have_count(1)
    events.get_by_role("option").click()
    details = page.get_by_role("region", name="The chosen event")
    expect(details).to_contain_text('"event_type": "step_error"')
    details.get_by_role("button", name="Replay from here").click()
    expect(page.get_by_role("status").first).to_have_text("running")


def test_timeline_and_steps_choose_a_step(open_page: Callable[..., Page], site: Site) -> None:
    """A row of the timeline or of the table opens the step beside the graph."""
    page = open_page(f"#/executions/{site.ended('failing')}")
    details = page.get_by_role("complementary", name="Details")
    page.get_by_role("listbox", name="Timeline of the steps").get_by_role("option").filter(has_text="numbers").click()
    expect(details.get_by_role("heading", name="numbers")).to_be_visible()
    page.get_by_role("tab", name="Steps").click()
    page.get_by_role("listbox", name="Steps").get_by_role("option").filter(has_text="count").click()
    expect(details.get_by_role("heading", name="count")).to_be_visible()
    details.get_by_role("button", name="Show the overview").click()
    expect(details.get_by_role("heading", name="Overview")).to_be_visible()


def test_file_of_events_is_replayed(open_page: Callable[..., Page], site: Site, tmp_path: Path) -> None:
    """What is downloaded can be dropped on the page again, and looks the same without a server."""
    page = open_page(f"#/executions/{site.ended('failing')}")
    expect(page.get_by_role("status").first).to_have_text("failed")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the events").click()
    path = tmp_path / "run.jsonl"
    download.value.save_as(path)
    transfer = page.evaluate_handle(
        "(text) => { const data = new DataTransfer(); data.items.add(new File([text], 'run.jsonl')); return data; }",
        path.read_text("utf-8"),
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop a file of events to replay it")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    expect(page.get_by_text("Events of run.jsonl")).to_be_visible()
    expect(page.get_by_role("status").first).to_have_text("failed")
    expect(page.locator('[data-step="enrich"]')).to_have_attribute("aria-label", re.compile("^enrich .*, failed"))
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("number 12 cannot be enriched")


def test_file_with_a_damaged_line_is_refused(open_page: Callable[..., Page], tmp_path: Path) -> None:
    """The message says which line is wrong."""
    (tmp_path / "bad.jsonl").write_text('{"seq": 1}\n', "utf-8")
    page = open_page("#/file")
    page.locator("input[type=file]").set_input_files(tmp_path / "bad.jsonl")
    expect(page.get_by_role("alert")).to_have_text("bad.jsonl: Line 1 is not an event of an execution.")


def test_thousand_steps_stay_light(open_page: Callable[..., Page], site: Site) -> None:
    """Of a large graph only what is in sight exists, also while it is scrolled and played again."""
    page = open_page(f"#/executions/{site.ended('thousand')}")
    expect(page.get_by_role("status").first).to_have_text("completed")
    assert page.evaluate(COUNT_OF) < 4000
    page.get_by_label("Position in the events").fill("1500")
    page.locator(".graph-scroll").evaluate("(box) => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator('[data-step="s49-0"]')).to_be_attached()
    expect(page.locator('[data-step="s0-0"]')).not_to_be_attached()
    assert page.evaluate(COUNT_OF) < 4000
    page.get_by_role("button", name="Fit the whole graph").click()
    expect(page.locator(".node")).to_have_count(1001)


def test_unknown_execution_says_so(open_page: Callable[..., Page]) -> None:
    """An address of an execution that is not there shows the answer of the server."""
    page = open_page("#/executions/missing", may_fail=True)
    expect(page.get_by_role("alert").first).to_contain_text("execution")
