"""Reads a published OpenAPI document of several MB; only our operation and what it refers to is looked at."""

import json

from contract.drift.facts import Facts
from contract.drift.operation import facts_of_document
from contract.model import Json
from contract.spec import Spec
from contract.spec.text import parsed, spec_error, text_of

__all__ = ["facts_of_openapi"]


def facts_of_openapi(source: str, content: bytes, spec: Spec) -> Facts:
    """Return what a published OpenAPI document, YAML or JSON, says of the operation.

    Raises SpecError where it cannot be read or lacks the operation.
    """
    document = _read(source, text_of(source, content))
    if not isinstance(document, dict):
        raise spec_error(
            source, "", "not a mapping", "an OpenAPI document", type(document).__name__
        )
    return facts_of_document(source, document, spec)


def _read(source: str, text: str) -> Json:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass  # YAML in flow style begins like this, too
    return parsed(source, text)
