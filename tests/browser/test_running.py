"""Pipelines are run and watched in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Site
from tests.browser.pipelines import GATE


def node(page: Page, step: str) -> Locator:
    """Return the box of a step in the graph."""
    return page.locator(f'[data-step="{step}"]')


def test_pipeline_runs_in_two_clicks_and_its_counts_move(open_page: Callable[..., Page]) -> None:
    """The list leads to the form, the form to the execution, whose graph shows what passes."""
    page = open_page()
    page.get_by_role("link", name="Run gated").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("gated")
    expect(page.get_by_role("status").first).to_have_text("running")
    GATE.allow(7)
    expect(node(page, "gate")).to_contain_text("7")
    GATE.allow(8)
    expect(node(page, "gate")).to_contain_text("15")
    expect(page.locator(".edge.flows").first).to_be_visible()
    GATE.allow(25)
    expect(page.get_by_role("status").first).to_have_text("completed")
    expect(node(page, "count")).to_have_attribute("aria-label", re.compile("^count .*, done, 40 in, 1 out"))
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("region", name="Output")).to_contain_text('"total": 780')


def test_edge_glows_where_items_back_up(open_page: Callable[..., Page], site: Site) -> None:
    """An edge whose buffer is full says how many items wait, until its reader goes on."""
    page = open_page(f"#/executions/{site.start('gated', parameters={'count': 2000})}")
    full = page.locator(".edge.full")
    expect(full).to_have_count(1)
    expect(full.locator(".amount")).to_have_text("256 / 256")
    GATE.allow(2000)
    expect(page.get_by_role("status").first).to_have_text("completed")
    expect(full).to_have_count(0)


def test_form_is_made_from_the_schema(open_page: Callable[..., Page], site: Site) -> None:
    """Each parameter has the field of its type, with its default, and what was typed is what runs."""
    page = open_page("#/pipelines/gated")
    expect(page.get_by_role("spinbutton", name="count")).to_have_value("40")
    expect(page.get_by_role("spinbutton", name="count")).to_have_attribute("type", "number")
    expect(page.get_by_label("label")).to_have_value("river")
    expect(page.get_by_label("dry")).not_to_be_checked()
    page.get_by_role("spinbutton", name="count").fill("3")
    page.get_by_label("mode").select_option(label="thorough")
    page.get_by_label("dry").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page).to_have_url(re.compile("#/executions/"))
    parameters = site.execution(page.url.rpartition("/")[2])["parameters"]
    assert parameters == {"count": 3, "label": "river", "mode": "thorough", "dry": True}


def test_form_says_what_is_wrong(open_page: Callable[..., Page]) -> None:
    """A value out of its range is marked at its field, which gets the focus, and nothing starts."""
    page = open_page("#/pipelines/gated")
    page.get_by_role("spinbutton", name="count").fill("0")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("spinbutton", name="count")).to_be_focused()
    expect(page.get_by_role("spinbutton", name="count")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("The least is 1.")).to_be_visible()


def test_list_is_given_as_json(open_page: Callable[..., Page]) -> None:
    """A list is typed as JSON; what is not JSON, and what the server refuses, is said at the field."""
    page = open_page("#/pipelines/listed", may_fail=True)
    field, run = page.get_by_label("items", exact=True), page.get_by_role("button", name="Run", exact=True)
    expect(field).to_have_value(re.compile(r"1,\s+2"))
    field.fill("[1, 2")
    run.click()
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    field.fill('{"one": 1}')
    run.click()
    expect(page.locator(".wrong")).to_contain_text("expected")
    field.fill("[20, 22]")
    run.click()
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("region", name="Output")).to_have_text("42")


def test_items_of_a_streaming_input_are_lines(open_page: Callable[..., Page]) -> None:
    """One item per line reaches a step that reads a stream, and the result is shown."""
    page = open_page("#/pipelines/sum")
    page.get_by_label("Input of sum").fill("1\n2\n40\n")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text("completed")
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("region", name="Output")).to_have_text("43")
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("status").first).to_have_text("completed")
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("region", name="Output")).to_have_text("43")


def test_text_of_tokens_is_put_together(open_page: Callable[..., Page], site: Site) -> None:
    """The words that a step writes appear as one text, as they come."""
    page = open_page(f"#/executions/{site.start('answer', input='Why?')}")
    GATE.allow(4)
    page.get_by_role("tab", name="Text").click()
    text = page.get_by_role("region", name="Text of upper")
    expect(text).to_have_text("YOU ASKED: WHY? THE ")
    GATE.allow(10)
    expect(text).to_have_text("YOU ASKED: WHY? THE ANSWER IS WATER. ")


def test_execution_is_cancelled_and_run_again(open_page: Callable[..., Page], site: Site) -> None:
    """Cancel ends it with its reason, and "Run again" starts another one with the same parameters."""
    execution_id = site.start("gated", parameters={"count": 5})
    page = open_page(f"#/executions/{execution_id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").first).to_have_text("cancelled")
    assert site.execution(execution_id)["state"] == "cancelled"
    page.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(re.compile(execution_id))
    expect(page.get_by_role("status").first).to_have_text("running")
    assert site.execution(page.url.rpartition("/")[2])["parameters"] == {"count": 5}


def test_network_is_lost_and_nothing_is_missed(open_page: Callable[..., Page], site: Site) -> None:
    """While the connection is cut the page says so; after it, the events continue without a gap."""
    execution_id = site.start("gated")
    page = open_page(f"#/executions/{execution_id}", may_fail=True)
    GATE.allow(5)
    expect(node(page, "gate")).to_contain_text("5")
    site.cut()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    GATE.allow(20)
    site.restore()
    expect(node(page, "gate")).to_contain_text("25")
    expect(page.get_by_text("Reconnecting")).to_be_hidden()
    GATE.allow(20)
    expect(page.get_by_role("status").first).to_have_text("completed")
    last_seq = site.execution(execution_id)["last_seq"]
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_text(f"{last_seq} of {last_seq}")).to_be_visible()
    numbers = page.evaluate(
        "[...document.querySelectorAll('.event-row > :first-child')].map((each) => +each.textContent)"
    )
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_list_of_executions_is_live(open_page: Callable[..., Page], site: Site) -> None:
    """An execution that starts while the list is open appears in it, and filters leave out the others."""
    page = open_page("#/executions")
    execution_id = site.start("gated")
    row = page.get_by_role("row").filter(has=page.locator(f'a[title="{execution_id}"]'))
    expect(row).to_contain_text("running")
    GATE.allow(100)
    expect(row).to_contain_text("completed")
    page.get_by_label("All states").select_option("failed")
    expect(row).to_have_count(0)
    page.get_by_label("All states").select_option("completed")
    expect(row).to_have_count(1)


def test_older_executions_are_shown_on_request(open_page: Callable[..., Page], site: Site) -> None:
    """The list has fifty executions, and fifty more each time that the reader asks for them."""
    ids = [site.ended("sum", input=[1]) for _ in range(52)]
    page = open_page("#/executions?pipeline=sum")
    rows = page.get_by_role("row")
    expect(rows).to_have_count(51)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(f'a[title="{ids[0]}"]')).to_be_visible()
    expect(rows.nth(1)).to_contain_text(ids[-1][:12])


def test_broken_document_is_listed_with_its_problems(open_page: Callable[..., Page]) -> None:
    """The problem says what is wrong, where, and what to do, and the others can still be run."""
    page = open_page()
    entry = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="broken", exact=True))
    expect(entry).to_contain_text("no step of kind 'source.line' is known")
    expect(entry).to_contain_text("did you mean 'source.lines'?")
    expect(entry).to_contain_text("broken.json:")
    expect(page.get_by_role("link", name="Run gated")).to_be_visible()
