"""The redactor: secrets and personal values are replaced by stand-ins."""

import builtins
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Self
from urllib.parse import unquote

from contract.endpoint import ORG_ATTRIBUTE, PERSONAL_ATTRIBUTES
from contract.errors import ContractError, visible
from contract.model import Json, cut_place, quoted_place
from contract.redaction.search import Form, Span, forms, is_strong, replaced, views
from contract.redaction.secrets import SECRET_NAME, secrets_from_environment
from contract.redaction.stand_ins import StandIns

SHORTEST_NAME = {int: 6, str: 3}
"""Shorter values are replaced in their own members only."""

OWN_WORDS = {"attributes", "contract", "data", "errors", "snapshots", "start", "type"}
"""Words of the contract."""

MAIL = r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+"
MEMBER = rf'"(?:{"|".join(PERSONAL_ATTRIBUTES)})"\s*+:\s*+'
VALUE = r'"(?:[^"\\]|\\.)*+"|-?\d++(?![.eE])'
WORD_START = r"(?:(?<![\w.])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
WORD_END = r"(?!\w|\.\d)"


class Redactor:
    """Replaces values by stand-ins of the same shape.

    Strong `secrets` are replaced in every form, also in part. Personal are
    values of `PERSONAL_ATTRIBUTES` and e-mail addresses. A `labelling` redactor
    replaces secrets by their names in brackets, and no personal values.
    """

    def __init__(
        self,
        secrets: Mapping[str, str] | None = None,
        stand_ins: Mapping[str, str] | None = None,
        *,
        labelling: bool = False,
    ) -> None:
        self.secrets: dict[str, str] = {}
        """All secrets by name, for `guard`."""
        self._forms: list[tuple[str, Form]] = []
        self._is_labelling = labelling
        self._members = () if labelling else PERSONAL_ATTRIBUTES
        self._stand_ins = StandIns(stand_ins or {})
        self._chosen = any_of(stand_ins or ())
        self._ids: set[str] = set()
        self._names: set[str] = set()
        self._cached = lru_cache(4096)(self._redacted)
        self.learn_from(None)
        for name, value in (secrets or {}).items():
            self.hide(name, value)

    @classmethod
    def of_environment(cls, secrets: Mapping[str, str] | None = None) -> Self:
        return cls({**secrets_from_environment(), **(secrets or {})}, labelling=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return Redactor.of_environment, (self.secrets,)

    def hide(self, name: str, value: str) -> None:
        """Add a secret that is new, in any case, and not empty."""
        if value.lower() in {"", *map(str.lower, self.secrets.values())}:
            return
        while name in self.secrets:
            name += "'"
        self.secrets[name] = value
        if self._is_labelling:
            self._stand_ins.choose(value, f"[{name}]")
        stand_in = self._stand_ins.of(value)
        if is_strong(value):
            some = forms(value, stand_in, is_label=self._is_labelling)
            self._forms += ((name, form) for form in some)
        self._cached.cache_clear()

    def learn_from(self, document: Json) -> None:
        """Learn personal values to replace everywhere, but no ids."""
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
            "(?!)"
            if self._is_labelling
            else f"{self._chosen}|(?P<member>{MEMBER})(?P<value>{VALUE})|{MAIL}|"
            f"{WORD_START}(?:{any_of(names)}){WORD_END}"
        )
        self._cached.cache_clear()

    def text(self, text: str) -> str:
        return self._cached(text) if len(text) < 1000 else self._redacted(text)

    def bytes(self, data: builtins.bytes) -> builtins.bytes:
        text = self.text(data.decode(errors="surrogateescape"))
        return text.encode(errors="surrogateescape")

    def json(self, value: Json, member: str = "") -> Json:
        """Return a JSON value, maybe of a member, with stand-ins."""
        if member in self._members and type(value) in SHORTEST_NAME:
            return type(value)(self._stand_ins.of(str(value)))
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(k): self.json(v, k) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return int(self.text(str(value))) if type(value) is int else value

    def value(self, value: str) -> str:
        """Return a value that may be a weak secret."""
        is_whole = value in self.secrets.values()
        return self._stand_ins.of(value) if is_whole else self.text(value)

    def header(self, name: str, value: str) -> tuple[str, str]:
        """Return a header field. In one that is for secrets, weak ones count."""
        if value not in self.secrets.values() and SECRET_NAME.search(name):
            for secret in self.secrets.values():
                value = value.replace(secret, self._stand_ins.of(secret))
        return self.text(name), self.value(value)

    def place(self, place: str) -> str:
        text = unquote(place)
        redacted = self.text(text)
        return cut_place(place if redacted == text else quoted_place(redacted))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Take the secrets out of errors of the suite that pass."""
        try:
            yield
        except ContractError as error:
            error.args = tuple(map(self.text, error.args))
            raise

    def secrets_in(self, data: builtins.bytes) -> list[str]:
        return sorted({name for name, _ in self._spans(data)})

    def _redacted(self, text: str) -> str:
        if self._forms:
            data = text.encode(errors="surrogatepass")
            data = replaced(data, [span for _, span in self._spans(data)])
            text = data.decode(errors="surrogatepass")
        return self._personal.sub(self._stand_in, text)

    def _spans(self, data: builtins.bytes) -> Iterator[tuple[str, Span]]:
        for view in views(data):
            for name, form in self._forms:
                for span in form.spans(view):
                    yield name, span

    def _learn(self, value: Json) -> None:
        if type(value) in SHORTEST_NAME:
            self._stand_ins.of(text := str(value))
            if len(text) >= SHORTEST_NAME[type(value)]:
                self._names |= {text} - OWN_WORDS

    def _stand_in(self, match: re.Match[str]) -> str:
        member, value = match.group("member", "value")
        if member is None:
            return self._stand_ins.of(match[0].replace("%40", "@"))
        try:
            value = self.json(json.loads(value, strict=False), ORG_ATTRIBUTE)
        except ValueError:
            value = ""
        return f"{member}{json.dumps(value)}"


def safe_line(text: str) -> str:
    """Return a text of others in one line, without secrets of the environment."""
    return visible(without_secrets(text))


def without_secrets(text: str) -> str:
    """Return a text without the secrets of the environment, as before a cut."""
    return labelling(tuple(secrets_from_environment().items())).text(text)


@lru_cache(256)
def labelling(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    """Return a redactor that shows secrets, each after its name, by these names."""
    return Redactor(dict(secrets), labelling=True)


def any_of(texts: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(texts, reverse=True))) or "(?!)"
