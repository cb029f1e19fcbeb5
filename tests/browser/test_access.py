"""Everyone can use the monitor: by keyboard, on a narrow screen, in light and dark, with a screen reader and a key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.pipelines import GATE

VIEWS = [
    "pipelines",
    "pipeline",
    "broken",
    "executions",
    "failed",
    "ended",
    "events",
    "steps",
    "result",
    "text",
    "file",
]
TABS = {"events": "Events", "steps": "Steps", "result": "Result", "text": "Text"}


def opened(view: str, open_page: Callable[..., Page], site: Site, **options: Any) -> Page:
    """Open one of the views and wait until it is complete."""
    GATE.allow(100)
    if view == "failed":
        address = f"#/executions/{site.ended('failing')}"
    elif view == "text":
        address = f"#/executions/{site.ended('answer', input='Why?')}"
    elif view == "ended" or view in TABS:
        address = f"#/executions/{site.ended('gated')}"
    else:
        address = {"pipeline": "#/pipelines/gated", "broken": "#/pipelines/broken"}.get(view, f"#/{view}")
    page = open_page(address, **options)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle") if view in {"pipeline", "broken", "file"} else None
    if "#/executions/" in address:
        expect(page.get_by_role("status").first).to_have_text(re.compile("completed|failed"))
    if view in TABS:
        page.get_by_role("tab", name=TABS[view]).click()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious(
    view: str, scheme: str, open_page: Callable[..., Page], site: Site, axe: str
) -> None:
    """The checks of axe-core find nothing that they call serious or critical, with enough contrast in both themes."""
    page = opened(view, open_page, site, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run()).violations")
    serious = [
        (
            rule["id"],
            rule["help"],
            [(part["html"][:200], part.get("failureSummary", "")[:300]) for part in rule["nodes"][:3]],
        )
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    ]
    assert not serious, serious


@pytest.mark.parametrize("view", VIEWS)
def test_narrow_screen_needs_no_sideways_scroll(view: str, open_page: Callable[..., Page], site: Site) -> None:
    """At 360 pixels every view fits; what is wider, such as a graph, scrolls within its own frame."""
    page = opened(view, open_page, site, width=360, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_colors_follow_the_system_and_the_switch(open_page: Callable[..., Page]) -> None:
    """The page is dark where the system is, until the reader chooses otherwise, and remembers that."""
    background = "getComputedStyle(document.documentElement).backgroundColor"
    page = open_page(color_scheme="dark")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    dark = page.evaluate(background)
    page.get_by_role("button", name="Use light colors").click()
    light = page.evaluate(background)
    assert (dark, light) == ("rgb(13, 18, 22)", "rgb(245, 247, 248)")
    page.reload()
    expect(page.get_by_role("button", name="Use dark colors")).to_be_visible()
    assert page.evaluate(background) == light


def test_keyboard_alone_is_enough(open_page: Callable[..., Page]) -> None:
    """From the first Tab to the result of an execution without a mouse."""
    GATE.allow(100)
    page = open_page()
    press = page.keyboard.press
    expect(page.get_by_role("link", name="Run gated")).to_be_visible()
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    until_focused(page, page.get_by_role("link", name="Run gated"))
    press("Enter")
    expect(page.get_by_role("spinbutton", name="count")).to_be_visible()
    until_focused(page, page.get_by_role("button", name="Run", exact=True))
    press("Enter")
    expect(page.get_by_role("status").first).to_have_text("completed")
    until_focused(page, page.locator('[data-step="numbers"]'))
    press("ArrowRight")
    expect(page.locator('[data-step="gate"]')).to_be_focused()
    press("Enter")
    details = page.get_by_role("complementary", name="Details")
    expect(details.get_by_role("heading", name="gate")).to_be_visible()
    until_focused(page, page.get_by_role("tab", name="Timeline"))
    press("ArrowRight")
    press("ArrowRight")
    expect(page.get_by_role("tab", name="Events")).to_be_focused()
    until_focused(page, page.get_by_role("listbox", name="Events"))
    press("ArrowDown")
    press("End")
    expect(page.get_by_role("region", name="The chosen event")).to_contain_text('"event_type": "pipeline_complete"')


def until_focused(page: Page, target: Any) -> None:
    """Press Tab until an element has the focus, which must always be visible."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"{target} is not reached by Tab")


def test_key_is_asked_for(open_page: Callable[..., Page], serve: Callable[[Any], int], folder: Path) -> None:
    """A server with keys answers nothing without one; the page asks for it, and works with it."""
    from headwater_server.access.api_keys import ApiKeys
    from headwater_server.asgi_app import create_app

    keys = ApiKeys()
    key = keys.create("reader")
    port = serve(create_app(folder, auth=keys, drain_s=1))
    page = open_page(url=f"http://127.0.0.1:{port}", may_fail=True)
    page.get_by_role("dialog").get_by_label("Key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Run sum").click()
    page.get_by_label("Input of sum").fill("1\n2")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text("completed")


def test_page_works_below_a_path_of_another_application(
    open_page: Callable[..., Page], serve: Callable[[Any], int], folder: Path
) -> None:
    """Mounted in another application, the page finds its files and the server, with and without a slash at the end."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from headwater_server.asgi_app import create_app

    server = create_app(folder, drain_s=1)
    port = serve(Starlette(routes=[Mount("/tools/headwater", server)], lifespan=server.lifespan))
    page = open_page("tools/headwater", url=f"http://127.0.0.1:{port}")
    page.get_by_role("link", name="Run sum").click()
    page.get_by_label("Input of sum").fill("1\n2")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text("completed")
    expect(page.locator('[data-step="sum"]')).to_be_visible()


def test_element_sends_the_key_that_it_is_given(
    open_page: Callable[..., Page], serve: Callable[[Any], int], folder: Path
) -> None:
    """The key is a property of the element, and stands nowhere in the page."""
    from headwater_server.access.api_keys import ApiKeys
    from headwater_server.asgi_app import create_app

    keys = ApiKeys()
    key = keys.create("reader")
    url = f"http://127.0.0.1:{serve(create_app(folder, auth=keys, drain_s=1))}"
    with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {key}"}) as client:
        execution = client.post("/pipelines/sum/executions", json={"input": [1, 2]}).json()["id"]
    page = open_page("#/file", url=url)
    page.evaluate(
        """async ([execution, authorization]) => {
          await import(new URL("monitor/streaming-monitor.js", document.baseURI));
          const element = document.createElement("headwater-monitor");
          Object.assign(element, { authorization });
          element.setAttribute("execution", execution);
          document.querySelector("main").replaceChildren(element);
        }""",
        [execution, f"Bearer {key}"],
    )
    expect(page.locator("headwater-monitor").get_by_role("status").first).to_have_text("completed")
    assert key not in page.content()


def test_element_shows_an_execution_in_another_page(
    open_page: Callable[..., Page], serve: Callable[[Any], int], folder: Path
) -> None:
    """The page of the documentation shows an execution of a server with another origin, without our style sheets."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route

    from headwater_server.asgi_app import create_app

    guide = Path(__file__).parents[2] / "docs/how-to/show-an-execution-in-your-page.md"
    document = re.findall(r"```html\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)[0]
    assert len(document.splitlines()) <= 30
    shown: list[str] = []
    own = serve(
        Starlette(
            routes=[
                Route("/", lambda _request: HTMLResponse(shown[0])),
                Route("/favicon.ico", lambda _request: Response()),
            ]
        )
    )
    port = serve(create_app(folder, origins=[f"http://127.0.0.1:{own}"], drain_s=1))
    shown.append(
        document.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{port}")
        .replace("word-report", "gated")
        .replace('path: "LICENSE"', "count: 40")
    )
    page = open_page(url=f"http://127.0.0.1:{own}")
    GATE.allow(100)
    page.get_by_role("button", name="Start").click()
    element = page.locator("headwater-monitor")
    expect(element.get_by_role("status").first).to_have_text("completed")
    expect(element.locator('[data-step="gate"]')).to_have_attribute(
        "aria-label", re.compile("^gate 40, done, 40 in, 40 out")
    )
    expect(element.locator(".panel").first).to_have_css("border-radius", "8px")
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/executions").json()["executions"][0]["pipeline"] == "gated"
