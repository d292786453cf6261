"""A real browser, and the page in it: whatever it loads, logs and violates is looked at when the test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import program
from tests.support.serving.service import Running

ARTIFACTS = Path(__file__).parents[3] / "build" / "page"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
#: What the tests ask for again and again: JFK Airport to Times Square, a Monday at half past five.
RIDE = "#from=132&to=230&on=2026-11-23&at=17:30"
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP:", event.violatedDirective, event.blockedURI))"""
SETTINGS: dict[str, Any] = {
    "viewport": {"width": 1440, "height": 900},
    "locale": "en-US",
    "reduced_motion": "reduce",
}

#: How long what must come true is waited for, on a loaded machine, too (milliseconds).
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def service_url(service: Running) -> str:
    """Where the service answers, without a slash at the end."""
    return service.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module: as long as it is open, Playwright's event loop runs in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, service_url: str) -> Iterator[OpenPage]:
    """Opens the page at an address; `routes` of the service are replaced, `clock` puts time into the test's hands.

    Further options go to the browser's context.

    At the end nothing may have been asked of another host, logged as an error or forbidden by the policy. Answers that
    a test itself made bad (`page.route`) are logged by Chromium as resources that failed; those alone are let pass.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(
        address: str = "", *, routes: dict[str, Callable[..., Any]] | None = None, clock: bool = False, **options: Any
    ) -> Page:
        context = browser.new_context(**{**SETTINGS, **options})
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        if clock:
            page.clock.install()
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: stranger(request.url) and complaints.append(f"asked {request.url}"))
        page.on("console", lambda said: said.type == "error" and complain(said.text))
        for path, handler in (routes or {}).items():
            page.route(f"{service_url}/{path}", handler)
        page.goto(f"{service_url}/{address}")
        return page

    def stranger(url: str) -> bool:
        return not url.startswith((f"{service_url}/", "data:"))

    def complain(text: str) -> None:
        if not text.startswith("Failed to load resource"):
            complaints.append(text)

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def answered(open_page: OpenPage) -> Callable[..., Page]:
    """Opens the page on `RIDE` and waits for the whole answer, the curve over the day with it."""

    def open_(address: str = RIDE, **options: Any) -> Page:
        page = open_page(address, **options)
        page.locator("#curve circle.chosen").wait_for()
        return page

    return open_
