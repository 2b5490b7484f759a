"""Live runs on the TLS sandbox, for tests."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from contract.engine.verdict import Verdict
from contract.live import check_live, sweep
from contract.sandbox import ORGS, Sandbox
from tests.tls_sandbox import FakeClock, Stage, tls_sandbox

SITE = "us3.datadoghq.com"
OWN_KEYS, OTHER_KEYS = ((org.api_key, org.app_key) for org in ORGS)


class LiveRuns:
    """Stages for live runs. Each sets the environment, and time is a fake clock's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.monkeypatch = monkeypatch
        self.journals = directory / "journals"
        self.clock = FakeClock()
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def on(
        self, app: Sandbox | None = None, authority: trustme.CA | None = None
    ) -> Stage:
        """Return a stage with an application, by default the plain sandbox."""
        app = app or Sandbox(clock=self.clock.now)
        stage = self.stack.enter_context(tls_sandbox(app, authority))
        stage.tick = lambda: self.clock.sleep(0.02)
        for name, value in stage.environment().items():
            self.monkeypatch.setenv(name, value)
        return stage

    def check(self, stage: Stage, **options: Any) -> Verdict:
        """Check the site on a stage."""
        settings = {
            "profile": "quick",
            "ca_file": stage.ca_file,
            "journals": self.journals,
            "timeout_s": 2.0,
            "clock": self.clock.clock(),
            **options,
        }
        return check_live(SITE, **settings)

    def sweep(self, stage: Stage, **options: Any) -> tuple[str, ...]:
        """Remove what earlier runs left."""
        clock = self.clock.clock()
        return sweep(self.journals, ca_file=stage.ca_file, clock=clock, **options)

    def journal_files(self) -> list[str]:
        """Return the names of the journals that are left."""
        return os.listdir(self.journals) if self.journals.exists() else []
