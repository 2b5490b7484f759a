"""The redactor: secrets and what names a person or an organization, replaced by stand-ins of the same shape."""

import base64
import binascii
import builtins
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from functools import partial

from contract.model import Json
from contract.redaction.spellings import spelled

__all__ = ["PERSONAL", "Redactor"]

PERSONAL = ("created_by", "created_by_handle", "created_by_user_id", "org_id")
"""The members of a snapshot that name a person or an organization."""

_KEPT = frozenset(("application", "attributes", "contract", "data", "errors", "json", "snapshots", "start", "type"))
"""Words of the contract itself: someone of that name is hidden where a member names a person, and nowhere else."""

_LONG = 8  # a text of so many characters is replaced within words too
_SHORT = {int: 6, str: 3}  # what is shorter is replaced in the members of PERSONAL alone
_CHANCE = 6  # decoded noise spells what is shorter by chance
_DEPTH = 3

_MARKS = (b"%", b"\\", b"&", b"'", b"+")

_MAIL = rb"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
_MEMBER = rb'"(?:%s)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+(?![\d.eE]))' % "|".join(PERSONAL).encode()
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")
_OURS = "redacted.example"


class Redactor:
    """Replaces values by stand-ins: the same value by the same one, for as long as the redactor lives.

    `secrets` are values by name; they are replaced wherever they are, in any encoding. `stand_ins` are values that
    get a stand-in of the caller's choice. What `learn` is told, what a member of `PERSONAL` holds, and e-mail
    addresses are replaced as well. A stand-in keeps kind and shape: a number its digits, a UUID and an e-mail
    address what they are, a text its length, its cases and its dashes. It is made of a counter, not of the value, so
    that nothing can be found out from it.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None, stand_ins: Mapping[str, str] | None = None) -> None:
        self.secrets: dict[str, str] = {}
        """What must be nowhere, by name: for `scan`."""
        self._made: dict[str, str] = dict(stand_ins or {})
        self._taken = set(self._made.values())
        self._anywhere = set(self._made)
        self._whole: set[str] = set()
        self._pattern: re.Pattern[builtins.bytes] | None = None
        self._plain = re.compile(b"")
        self._found: list[str] = []
        self._long: list[bytes] = []
        for name, value in (secrets or {}).items():
            self.hide(name, value)

    def hide(self, name: str, value: str) -> None:
        """Take a secret by name; an empty one is none."""
        if value and value not in self.secrets.values():
            while name in self.secrets:
                name += "'"
            self.secrets[name] = value
            self._add(value)

    def learn(self, *values: Json) -> None:
        """Take texts and numbers that name a person or an organization; anything else is ignored."""
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | str):
                continue
            text = str(abs(value)) if isinstance(value, int) else value
            if text:
                self._stand_in(text)
            if len(text) >= _SHORT[type(value)] and text not in _KEPT and text not in self._taken:
                self._add(text)

    def _add(self, value: str) -> None:
        known = self._whole if value.isdecimal() or len(value) < _LONG else self._anywhere
        if value not in known:
            known.add(value)
            self._pattern = None

    def learn_from(self, document: Json) -> None:
        """Learn what the members of `PERSONAL` hold, anywhere in a document."""
        left = [document]
        while left:
            value = left.pop()
            if isinstance(value, dict):
                self.learn(*(value[name] for name in PERSONAL if name in value))
                left += value.values()
            elif isinstance(value, list):
                left += value

    def text(self, text: str) -> str:
        """Return a text with stand-ins."""
        return self.bytes(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def json(self, value: Json) -> Json:
        """Return a JSON value with stand-ins; bytes as `{"$base64": …}` are read."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            digits = str(abs(value))
            return (-1 if value < 0 else 1) * int(self._stand_in(digits)) if digits in self._whole else value
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            if value.keys() == {"$base64"} and isinstance(value["$base64"], str):
                return {"$base64": base64.b64encode(self.bytes(base64.b64decode(value["$base64"]))).decode()}
            return {self.text(name): self._member(name, item) for name, item in value.items()}
        return value

    def _member(self, name: str, value: Json) -> Json:
        if name in PERSONAL and isinstance(value, int | str) and not isinstance(value, bool) and value != "":
            return type(value)(self._stand_in(str(value)))
        return self.json(value)

    def bytes(self, data: builtins.bytes) -> builtins.bytes:
        """Return bytes with stand-ins; what is packed by gzip or zlib, or is Base64, is looked into."""
        return self._replaced(data, _DEPTH)

    def _replaced(self, data: builtins.bytes, depth: int) -> builtins.bytes:
        if not data:
            return data
        if depth:
            for start, unpack, pack in _PACKED:
                if data.startswith(start):
                    try:
                        inner = unpack(data)
                    except (OSError, EOFError, zlib.error):
                        continue
                    new = self._replaced(inner, depth - 1)
                    return data if new == inner else pack(new)
            data = _BASE64.sub(partial(self._in_base64, depth=depth - 1), data)
        return self._compiled(data).sub(self._matched, data)

    def _compiled(self, data: builtins.bytes) -> re.Pattern[builtins.bytes]:
        """Return the pattern for what is in the data: where nothing is encoded, that of the plain values will do."""
        if self._pattern is None:
            self._found = sorted(self._anywhere | self._whole, key=lambda each: (-len(each), each))
            parts = [b"(%s)" % spelled(each, whole=each in self._whole) for each in self._found]
            rest = [b"(%s)" % _MEMBER, b"(%s)" % _MAIL]
            self._pattern = re.compile(b"|".join([*parts, *rest]), re.DOTALL)
            parts = [b"(%s)" % spelled(each, whole=each in self._whole, plain=True) for each in self._found]
            self._plain = re.compile(b"|".join([*parts, *rest]), re.DOTALL)
            self._long = [each.encode(errors="surrogatepass") for each in self._found if len(each) >= _CHANCE]
        return self._pattern if any(mark in data for mark in _MARKS) else self._plain

    def _matched(self, match: re.Match[builtins.bytes]) -> builtins.bytes:
        # The groups are those of the values, then: a member, its value, an e-mail address.
        index = next(number for number, found in enumerate(match.groups()) if found is not None)
        if index < len(self._found):
            return self._stand_in(self._found[index]).encode()
        whole = match[0]
        if index == len(self._found):
            held = match[index + 2]
            return whole[: -len(held)] + self._held(held)
        return self._stand_in(whole.decode().replace("%40", "@")).encode()

    def _held(self, spelling: builtins.bytes) -> builtins.bytes:
        try:
            value = json.loads(spelling, strict=False)
        except ValueError:
            return b'"x"'
        if value == "":
            return spelling
        made = self._stand_in(str(value))
        return f'"{made}"'.encode() if isinstance(value, str) else made.encode()

    def _in_base64(self, match: re.Match[builtins.bytes], depth: int) -> builtins.bytes:
        run: builtins.bytes = match[0]
        plain = run.translate(_STANDARD)
        for offset in range(min(4, len(run) - 6)):
            part = plain[offset:]
            inner = _decoded(part)
            if inner is None or not self._concerns(inner):
                continue
            new = self._replaced(inner, depth)
            if new != inner:
                made = base64.b64encode(new)
                made = made if len(new) % 3 == 0 else made.rstrip(b"=")
                return run[:offset] + (made if part == run[offset:] else made.translate(_URL_SAFE))
        return run

    def _concerns(self, inner: builtins.bytes) -> bool:
        """Tell whether decoded bytes may hold a secret; most are noise, which need not be looked at closely."""
        pattern = self._compiled(inner)
        if inner.startswith(tuple(start for start, _, _ in _PACKED)) or any(each in inner for each in self._long):
            return True
        if not inner[_CHANCE : _CHANCE + 64].isascii():
            return False
        for match in pattern.finditer(inner):
            index = next(number for number, found in enumerate(match.groups()) if found is not None)
            if index >= len(self._found) or len(self._found[index]) >= _CHANCE:
                return True
        return False

    def _stand_in(self, value: str) -> str:
        if value.endswith(_OURS) or value in self._taken:
            return value
        if value not in self._made:
            for pad in _digits(f"stand-in {len(self._made)}"):
                made = _shaped(value, pad)
                if made != value and made not in self._taken and made not in self._made:
                    break
            self._made[value] = made
            self._taken.add(made)
        return self._made[value]


_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PACKED = (
    (b"\x1f\x8b\x08", gzip.decompress, partial(gzip.compress, mtime=0)),
    (b"\x78\x01", zlib.decompress, partial(zlib.compress, level=1)),
    (b"\x78\x9c", zlib.decompress, zlib.compress),
    (b"\x78\xda", zlib.decompress, partial(zlib.compress, level=9)),
)


def _decoded(text: bytes) -> bytes | None:
    """Decode Base64 without padding; a last character that stands alone is left out."""
    text = text[: len(text) - 1] if len(text) % 4 == 1 else text
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None


def _digits(seed: str) -> Iterator[Iterator[int]]:
    """Yield endless streams of numbers from 0 to 255, the same for the same seed."""
    attempt = 0
    while True:
        yield _stream(f"{seed} {attempt}")
        attempt += 1


def _stream(seed: str) -> Iterator[int]:
    block = 0
    while True:
        yield from hashlib.sha256(f"{seed} {block}".encode()).digest()
        block += 1


def _shaped(value: str, pad: Iterator[int]) -> str:
    """Return a text of the same shape."""
    digits = value.lstrip("-")
    if digits.isdecimal() and digits.isascii():
        first = "" if digits.startswith("0") else str(1 + next(pad) % (8 if len(digits) > 18 else 9))
        rest = "".join(str(next(pad) % 10) for _ in digits[len(first) :])
        return value[: len(value) - len(digits)] + first + rest
    if _UUID.fullmatch(value):
        kept = {index for index, char in enumerate(value) if char == "-"} | {14, 19}
        return "".join(char if at in kept else _as(char, "0123456789abcdef", pad) for at, char in enumerate(value))
    if _HEX.fullmatch(value):
        # eight digits, again and again: no key of Datadog's looks like that
        eight = "".join(_as(value[-1], "0123456789abcdef", pad) for _ in range(8))
        eight = eight.upper() if value.isupper() else eight
        return (eight * (len(value) // 8 + 1))[: len(value)]
    local, at, _ = value.rpartition("@")
    if at and local:
        return f"{_letters(local, pad)}@{_OURS}"
    return _letters(value, pad)


def _as(char: str, alphabet: str, pad: Iterator[int]) -> str:
    made = alphabet[next(pad) % len(alphabet)]
    return made.upper() if char.isupper() else made


def _letters(value: str, pad: Iterator[int]) -> str:
    def one(char: str) -> str:
        if char.isdecimal():
            return str(next(pad) % 10)
        if char.isalpha() or char not in "-_. ":
            return _as(char, "abcdefghijklmnopqrstuvwxyz", pad)
        return char

    return "".join(map(one, value))
