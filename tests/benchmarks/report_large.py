"""How long a report of 10,000 breaches takes to write and to open in Chromium.

python tests/benchmarks/report_large.py [COUNT]
"""

import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT
from contract.engine.runner import PROFILES, run
from contract.engine.verdict import Verdict
from contract.faults import CLIENT_FAULTS, Faulty
from contract.report import write_report
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientSubject

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
TIMES = """() => {
    const entry = performance.getEntriesByType("navigation")[0];
    return {interactive: entry.domInteractive, loaded: entry.loadEventEnd,
            painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null};
}"""


def large(count: int) -> Verdict:
    """Return a verdict of so many breaches: those of three faulty clients, over and over."""
    spec, breaches, last = load(), [], None
    for name in ("body-start-as-double", "secret-in-message", "media-none"):
        fault = next(each for each in CLIENT_FAULTS if each.id == name)
        with MockedSites(spec.sites) as mock:
            subject = ClientSubject(Faulty(fault), mock, name)
            last = run(
                subject, client_scenarios(spec), CLIENT, spec, profile=PROFILES["quick"]
            )
        breaches += last.breaches.values()
    assert last
    many = {
        f"{i:012x}": replace(breaches[i % len(breaches)], fingerprint=f"{i:012x}")
        for i in range(count)
    }
    return replace(last, breaches=many)


def opened(browser: Browser, page_file: Path) -> dict[str, Any]:
    """Return what the browser says of opening the page, and how long a breach takes to open, in milliseconds."""
    page = browser.new_page()
    begin = time.perf_counter()
    page.goto(page_file.as_uri(), wait_until="load")
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    whole = (time.perf_counter() - begin) * 1000
    times = page.evaluate(TIMES)
    begin = time.perf_counter()
    page.locator("details.breach > summary").nth(
        5_000 if page.locator("details.breach").count() > 5_000 else 0
    ).click()
    page.locator("details.breach[open] pre").first.wait_for()
    times |= {"drawn": whole, "breach opened": (time.perf_counter() - begin) * 1000}
    page.close()
    return {name: round(value) for name, value in times.items() if value is not None}


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    verdict = large(count)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as driver:
        begin = time.perf_counter()
        write_report(verdict, load(), Path(directory))
        size = {
            path.name: f"{path.stat().st_size / 1e6:.1f} MB"
            for path in sorted(Path(directory).iterdir())
        }
        print(
            f"{count} breaches written in {time.perf_counter() - begin:.1f} s: {size}"
        )
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        for _ in range(3):
            print("milliseconds:", opened(browser, Path(directory) / "index.html"))
        browser.close()


if __name__ == "__main__":
    main()
