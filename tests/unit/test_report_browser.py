"""The page in a real browser: it opens without an error, shuts nobody out, and its buttons copy.

The browser is the machine's own (Debian's `chromium`, GitHub's `google-chrome`): CONTRACT_BROWSER names another one,
and makes it a failure, not a skip, that it is not there.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT
from contract.engine.runner import PROFILES, run
from contract.faults import CLIENT_FAULTS, Faulty, Killed
from contract.model import Case, Outcome
from contract.report import write_report
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientAdapter, ClientSubject

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
HOSTILE = '</script><script>document.title = "obeyed"</script><img src=x onerror="document.title = 1"> \0 \u202e 𝄞'


class Hostile:
    """A client that says what a page could obey."""

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        return Outcome("crashed", type="Hostile", message=HOSTILE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    named = os.environ.get("CONTRACT_BROWSER", "")
    found = next(
        filter(
            None, map(shutil.which, [named] if named else ["chromium", "google-chrome"])
        ),
        None,
    )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found, wanted = None, "playwright, which is in the extra 'dev'"
    else:
        wanted = named or "chromium or google-chrome on the PATH"
    if found is None:
        (pytest.fail if named else pytest.skip)(
            f"NOT TESTED in a browser: needs {wanted}"
        )
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


def written(
    directory: Path, caller: ClientAdapter, *names: str, copies: int = 0
) -> Path:
    spec = load()
    scenarios = [each for each in client_scenarios(spec) if each.name in names]
    with MockedSites(spec.sites) as mock:
        verdict = run(
            ClientSubject(caller, mock, "theirs"),
            scenarios,
            CLIENT,
            spec,
            profile=PROFILES["quick"],
        )
    assert verdict.breaches
    one = next(iter(verdict.breaches.values()))
    verdict.breaches |= {
        f"{i:012x}": replace(one, fingerprint=f"{i:012x}") for i in range(copies)
    }
    write_report(
        verdict,
        spec,
        directory,
        [Killed("one", "C-BODY", {"C-BODY": 2}), Killed("two", "C-HOST", {})],
    )
    return directory / "index.html"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fault = next(each for each in CLIENT_FAULTS if each.id == "body-start-as-double")
    return written(
        tmp_path_factory.mktemp("faulty"), Faulty(fault), "valid-bodies", "snapshots"
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("hostile"), Hostile(), "valid-bodies")


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page and a breach of it; no page may write to its console or ask a network."""
    contexts, said = [], []

    def open_(path: Path, **settings: Any) -> Any:
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith("file:") else said.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        page.locator("details.breach > summary").first.click()
        page.locator("details.breach pre").first.wait_for()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [text for text in said if text != "data:,"] == []


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
        "document.querySelectorAll('details:not(.breach)').forEach(each => { each.open = true })"
    )
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("clipboard", ["granted", "missing"])
def test_the_buttons_copy(
    faulty: Path, opened: Callable[..., Any], clipboard: str
) -> None:
    granted = ["clipboard-read", "clipboard-write"]
    page = opened(faulty, permissions=granted)
    if clipboard == "missing":
        page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')) }"
        )
    for name, begins in (
        ("replay", "contract replay "),
        ("curl", "curl -X PATCH https://api."),
        ("case", "{\n"),
    ):
        button = page.get_by_role("button", name=f"copy {name}").first
        shown = button.locator("xpath=preceding-sibling::pre").text_content()
        button.press("Enter")
        page.wait_for_function(
            "text => document.getElementById('status').textContent === text",
            arg=f"copy {name}: copied",
        )
        assert page.evaluate("navigator.clipboard.readText()") == shown
        assert shown.startswith(begins)


def test_the_difference_is_marked(faulty: Path, opened: Callable[..., Any]) -> None:
    page = opened(faulty)
    assert page.locator("details.breach[open] .pair").first.locator(
        "mark"
    ).all_text_contents() == [
        "9007199254740993",
        "9007199254740992",
    ]


def test_what_is_quoted_is_shown_and_not_obeyed(
    hostile: Path, opened: Callable[..., Any]
) -> None:
    page = opened(hostile)
    assert page.title().startswith("broken: theirs")
    assert page.locator("img").count() == 0
    shown = page.locator("details.breach[open]").first.text_content()
    assert re.search(
        r"</script><script>document\.title = \"obeyed\"</script><img .*> \\x00 \\u202e 𝄞",
        shown,
    )


def test_the_keyboard_is_enough(faulty: Path, opened: Callable[..., Any]) -> None:
    page = opened(faulty)
    page.locator("td.broken a").first.focus()
    page.keyboard.press("Enter")
    assert re.search(r"#C-[A-Z-]+$", page.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    was = page.evaluate("document.activeElement.parentElement.open")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.parentElement.open") != was


def test_many_breaches_are_laid_out_by_and_by(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    page = opened(written(tmp_path, Hostile(), "valid-bodies", copies=450))
    breaches = page.locator("details.breach")
    more = page.get_by_role("button", name="show more of ").first
    counts = [breaches.count()]
    while more.count():
        more.press("Enter")
        counts.append(breaches.count())
    assert counts[1] - counts[0] == 200
    texts = page.locator("script.data").evaluate_all(
        "all => all.map(each => each.textContent.trim())"
    )
    assert counts[-1] == sum(text.count("\n") + 1 for text in texts)
    breaches.last.locator("summary").click()
    assert breaches.last.locator("pre").count() > 3
    numbers = breaches.evaluate_all(
        "all => all.map(each => Number(each.dataset.number))"
    )
    assert numbers == list(range(counts[-1]))


def test_an_address_opens_its_breach(faulty: Path, opened: Callable[..., Any]) -> None:
    page = opened(faulty)
    name = page.locator("details.breach").last.get_attribute("id")
    page.goto(f"{faulty.as_uri()}#{name}")
    page.reload()
    assert page.locator("details.breach").last.get_attribute("open") is not None
