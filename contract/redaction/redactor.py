"""The redactor: secrets and personal values are replaced by stand-ins."""

import builtins
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from contract.endpoint import PERSONAL_ATTRIBUTES
from contract.model import Headers, Json
from contract.redaction.search import Form, encoded, forms, is_strong, replaced, views
from contract.redaction.stand_ins import StandIns

SHORTEST_NAME = {int: 6, str: 3}
"""Shorter personal values are replaced only in their own members."""

OWN_WORDS = {"attributes", "contract", "data", "errors", "snapshots", "start", "type"}
"""Words of the contract. They are replaced only in members for persons."""

MAIL = r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+"
MEMBER = rf'"(?:{"|".join(PERSONAL_ATTRIBUTES)})"\s*+:\s*+'
VALUE = r'"(?:[^"\\]|\\.)*+"|-?\d++(?![.eE])'
WORD_START = r"(?:(?<![\w.])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
WORD_END = r"(?!\w|\.\d)"

LARGE = 1_000
"""Longer texts are not cached."""


class Redactor:
    """Replaces values by stand-ins of the same shape.

    `secrets` are values by name. Strong ones are replaced in every form, and so are
    prefixes and suffixes of 16 characters. `stand_ins` are chosen by the caller.
    Personal are values of `PERSONAL_ATTRIBUTES`, and e-mail addresses.
    """

    def __init__(
        self,
        secrets: Mapping[str, str] | None = None,
        stand_ins: Mapping[str, str] | None = None,
    ) -> None:
        self.secrets: dict[str, str] = {}
        """All secrets by name, for `guard`."""
        self._forms: dict[str, set[Form]] = {}
        self._stand_ins = StandIns(stand_ins or {})
        self._chosen = any_of(stand_ins or ())
        self._ids: set[str] = set()
        self._names: set[str] = set()
        self._cached = lru_cache(maxsize=4096)(self._redacted)
        self.learn_from(None)
        for name, value in (secrets or {}).items():
            self.hide(name, value)

    def hide(self, name: str, value: str) -> None:
        """Add a secret, unless it is empty or differs only in case from another."""
        if not value or value.lower() in map(str.lower, self.secrets.values()):
            return
        while name in self.secrets:
            name += "'"
        self.secrets[name] = value
        stand_in = self._stand_ins.of(value)
        if is_strong(value):
            self._forms[name] = forms(value, stand_in)
        self._cached.cache_clear()

    def learn_from(self, document: Json) -> None:
        """Learn the personal values in a document. They are replaced everywhere.

        Snapshot ids are not, so that no two of them become equal.
        """
        values = [document]
        while values:
            value = values.pop()
            if isinstance(value, dict):
                self._ids.add(str(value.get("id")))
                for name in PERSONAL_ATTRIBUTES:
                    self._learn(value.get(name))
                values += value.values()
            elif isinstance(value, list):
                values += value
        names = self._names - self._ids - self._stand_ins.shared
        self._personal = re.compile(
            f"{self._chosen}|(?P<member>{MEMBER})(?P<value>{VALUE})|{MAIL}|"
            f"{WORD_START}(?:{any_of(names)}){WORD_END}"
        )
        self._cached.cache_clear()

    def text(self, text: str) -> str:
        """Return a text without secrets and personal values."""
        return self._redacted(text) if len(text) > LARGE else self._cached(text)

    def bytes(self, data: builtins.bytes) -> builtins.bytes:
        """Return bytes without secrets and personal values."""
        text = self.text(data.decode(errors="surrogateescape"))
        return text.encode(errors="surrogateescape")

    def json(self, value: Json) -> Json:
        """Return a JSON value without secrets and personal values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(name): self._personal_value(item)
                if name in PERSONAL_ATTRIBUTES
                else self.json(item)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return int(self.text(str(value))) if type(value) is int else value

    def headers(self, headers: Headers) -> Headers:
        """Return headers without secrets. A value that is one may be weak."""
        secrets = set(self.secrets.values())
        return tuple(
            (name, self.key(value) if value in secrets else self.text(value))
            for name, value in headers
        )

    def key(self, value: str) -> str:
        """Return the stand-in of a key, which may be weak."""
        return self._stand_ins.of(value)

    def secrets_in(self, data: builtins.bytes) -> list[str]:
        """Return the names of the secrets in bytes."""
        texts = views(data)
        return [
            name
            for name, some in self._forms.items()
            if any(any(form.spans(view)) for view in texts for form in some)
        ]

    def _redacted(self, text: str) -> str:
        data = encoded(text)
        some = set().union(*self._forms.values())
        spans = [s for view in views(data) for form in some for s in form.spans(view)]
        text = replaced(data, spans).decode(errors="surrogatepass")
        return self._personal.sub(self._stand_in, text)

    def _learn(self, value: Json) -> None:
        if type(value) in SHORTEST_NAME:
            text = str(value)
            self._stand_ins.of(text)
            if len(text) >= SHORTEST_NAME[type(value)] and text not in OWN_WORDS:
                self._names.add(text)

    def _stand_in(self, match: re.Match[str]) -> str:
        member, value = match.group("member", "value")
        if member is None:
            return self._stand_ins.of(match[0].replace("%40", "@"))
        try:
            value = self._personal_value(json.loads(value, strict=False))
        except ValueError:
            value = ""
        return f"{member}{json.dumps(value)}"

    def _personal_value(self, value: Json) -> Json:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return self.json(value)
        return type(value)(self._stand_ins.of(str(value)))


def any_of(texts: Iterable[str]) -> str:
    """Return a pattern for one of some texts, the longest first."""
    return "|".join(map(re.escape, sorted(texts, reverse=True))) or "(?!)"
