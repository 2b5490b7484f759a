"""The page in a real browser: it opens without an error, and its buttons copy.

The browser is the machine's own (Debian's `chromium`, GitHub's `google-chrome`). If
CONTRACT_BROWSER names one, a missing browser is a failure and no skip.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.engine.verdict import Verdict
from contract.report.rendering import write_report
from contract.report.view import make_view
from tests.unit.verdicts import (
    KILLS,
    SPEC,
    breach,
    client_exchange,
    hostile_verdict,
    rule,
    verdict_of,
)

pytestmark = pytest.mark.slow

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    wanted_name = os.environ.get("CONTRACT_BROWSER", "")
    path = next(
        filter(
            None,
            map(
                shutil.which,
                [wanted_name] if wanted_name else ["chromium", "google-chrome"],
            ),
        ),
        None,
    )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path, wanted = None, "playwright, which is in the extra 'dev'"
    else:
        wanted = wanted_name or "chromium or google-chrome on the PATH"
    if path is None:
        (pytest.fail if wanted_name else pytest.skip)(
            f"NOT TESTED in a browser: needs {wanted}"
        )
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


def written(directory: Path, verdict: Verdict) -> Path:
    """Write the report of a verdict and return its page."""
    write_report(make_view(verdict, SPEC, KILLS), directory)
    return directory / "index.html"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    body = {"data": {"start": 9007199254740993}}
    sent = {"data": {"start": 9007199254740992}}
    example = client_exchange(body=body, sent=sent)
    items = [
        breach(rule("number-altered"), "/data/start", clause="C-BODY", example=example),
        breach(rule("mild"), clause="C-OTHER", sites=SPEC.sites[:1]),
        breach(rule("known"), clause="C-KNOWN", is_accepted=True, reason="known"),
    ]
    verdict = verdict_of(*items, clauses=("C-GOOD", "C-TLS"))
    return written(tmp_path_factory.mktemp("faulty"), verdict)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("hostile"), hostile_verdict())


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page and a breach of it.

    No page may write to its console or ask a network.
    """
    contexts, messages = [], []

    def open_(path: Path, **settings: Any) -> Any:
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith("file:")
                else messages.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        page.locator("details.breach > summary").first.click()
        page.locator("details.breach pre").first.wait_for()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [text for text in messages if text != "data:,"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("which", ["faulty", "hostile"])
def test_the_page_shuts_nobody_out(
    which: str,
    width: int,
    scheme: str,
    request: pytest.FixtureRequest,
    opened: Callable[..., Any],
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="NOT TESTED with axe: needs extra 'dev'",
    )
    settings = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = opened(request.getfixturevalue(which), **settings)
    page.evaluate(
        "document.querySelectorAll('details:not(.breach)')"
        ".forEach(item => { item.open = true })"
    )
    result = axe.Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("clipboard", ["granted", "missing"])
def test_the_buttons_copy_or_select(
    faulty: Path, opened: Callable[..., Any], clipboard: str
) -> None:
    page = opened(faulty, permissions=["clipboard-read", "clipboard-write"])
    done = "copied"
    if clipboard == "missing":
        done = "selected"
        page.evaluate(
            "() => { navigator.clipboard.writeText = "
            "() => Promise.reject(new Error('not allowed')) }"
        )
    for name, begins in (
        ("replay", "contract replay "),
        ("curl", "curl -X PATCH https://api."),
        ("case", "{\n"),
    ):
        button = page.get_by_role("button", name=f"copy {name}").first
        text = button.locator("xpath=preceding-sibling::pre").text_content()
        button.press("Enter")
        page.wait_for_function(
            "text => document.getElementById('status').textContent === text",
            arg=f"copy {name}: {done}",
        )
        copied = "navigator.clipboard.readText()"
        selected = "getSelection().toString()"
        assert page.evaluate(copied if done == "copied" else selected) == text
        assert text.startswith(begins)


def test_what_is_quoted_is_shown_and_not_obeyed(
    hostile: Path, opened: Callable[..., Any]
) -> None:
    page = opened(hostile)
    assert page.title().startswith("broken: client")
    assert page.locator("img").count() == 0
    text = page.locator("details.breach[open]").first.text_content()
    assert re.search(r"</script><script>alert\(1\)</script> <img src=x> \\x00", text)


def test_the_keyboard_is_enough(faulty: Path, opened: Callable[..., Any]) -> None:
    page = opened(faulty)
    page.locator("td.broken a").first.focus()
    page.keyboard.press("Enter")
    assert re.search(r"#C-[A-Z-]+/[a-z-]+$", page.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    was = page.evaluate("document.activeElement.parentElement.open")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.parentElement.open") != was


def test_an_address_opens_its_breach(faulty: Path, opened: Callable[..., Any]) -> None:
    page = opened(faulty)
    name = page.locator("details.breach").last.get_attribute("id")
    page.goto(f"{faulty.as_uri()}#{name}")
    page.reload()
    assert page.locator("details.breach").last.get_attribute("open") is not None
