"""Fixtures for the tests of the spec and of drift."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.drift import Drift, drift
from contract.spec import Spec, load


@pytest.fixture(scope="session")
def spec() -> Spec:
    return load()


@pytest.fixture
def write_spec(tmp_path: Path, spec: Spec) -> Callable[..., Path]:
    """Write a changed copy of the document, and an overlay of some actions."""

    def write(
        change: Callable[[dict[str, Any]], object] = lambda document: None,
        *actions: dict[str, Any],
    ) -> Path:
        document = json.loads(json.dumps(spec.document))
        change(document)
        changes = {"overlay": "1.0.0", "actions": actions}
        (tmp_path / "openapi.yaml").write_text(json.dumps(document))
        (tmp_path / "observed.overlay.yaml").write_text(json.dumps(changes))
        return tmp_path

    return write


@pytest.fixture
def compare(spec: Spec, tmp_path: Path) -> Callable[..., Drift]:
    """Compare pages, OpenAPI documents and one cassette, given as texts, with the spec."""

    def compare(
        *pages: str,
        openapis: tuple[str, ...] = (),
        cassette: dict[str, Any] | None = None,
    ) -> Drift:
        sources: dict[str, list[str]] = {"md": [], "yaml": []}
        for suffix, texts in (("md", pages), ("yaml", openapis)):
            for number, text in enumerate(texts):
                file = tmp_path / f"{number}.{suffix}"
                file.write_text(text, encoding="utf-8")
                sources[suffix].append(str(file))
        recordings = []
        if cassette is not None:
            recordings = [tmp_path / "recordings"]
            recordings[0].mkdir()
            (recordings[0] / "one.yaml").write_text(yaml.safe_dump(cassette))
        return drift(sources["md"], sources["yaml"], recordings, spec)

    return compare
