"""Time to write a report of 10,000 breaches, and to open its page in Chromium.

python tests/benchmarks/report_large.py [COUNT]
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from contract.report.rendering import write_report
from contract.report.view import make_view
from tests.unit.verdicts import SPEC, large_verdict

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
CAUSES = 40
TIMES = """() => {
    const entry = performance.getEntriesByType("navigation")[0];
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return {interactive: entry.domInteractive, loaded: entry.loadEventEnd,
            painted: paint?.startTime ?? null};
}"""
DRAWN = """() => new Promise(
    done => requestAnimationFrame(() => requestAnimationFrame(done)))"""


def open_page(browser: Browser, path: Path) -> dict[str, Any]:
    """Return the milliseconds that a page and one of its breaches take to open."""
    page = browser.new_page()
    begin = time.perf_counter()
    page.goto(path.as_uri(), wait_until="load")
    page.evaluate(DRAWN)
    drawn = (time.perf_counter() - begin) * 1000
    times = page.evaluate(TIMES)
    begin = time.perf_counter()
    page.locator("details.breach > summary").last.click()
    page.locator("details.breach[open] pre").first.wait_for()
    times |= {"drawn": drawn, "breach opened": (time.perf_counter() - begin) * 1000}
    page.close()
    return {name: round(value) for name, value in times.items() if value is not None}


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    verdict = large_verdict(causes=CAUSES, places=count // CAUSES, text=200)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        directory = Path(name)
        begin = time.perf_counter()
        write_report(make_view(verdict, SPEC), directory)
        seconds = time.perf_counter() - begin
        sizes = {
            path.name: f"{path.stat().st_size / 1e6:.1f} MB"
            for path in sorted(directory.iterdir())
        }
        print(f"{count} breaches written in {seconds:.1f} s: {sizes}")
        browser_path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS)
        for _ in range(3):
            print("milliseconds:", open_page(browser, directory / "index.html"))
        browser.close()


if __name__ == "__main__":
    main()
