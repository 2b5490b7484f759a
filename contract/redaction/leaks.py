"""The leak scan: every file that a run wrote, with its encodings undone, is searched for the secrets' values."""

import base64
import binascii
import gzip
import html
import json
import re
import secrets as random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_to_bytes

from contract.errors import LeakError
from contract.redaction.writing import write

__all__ = ["SHORTEST", "Leak", "guard", "prove_scanner", "scan"]

SHORTEST = 6
"""A value of fewer bytes is not searched for: it would be found anywhere."""

_DEPTH = 3  # so many encodings one in another are undone
_LARGE = 1 << 22  # a file of more bytes: one fewer
_LARGEST = 1 << 28  # bytes that a packed part may unpack to

Decoder = Callable[[bytes, int], Iterator[bytes]]


@dataclass(frozen=True)
class Leak:
    """A secret, by its name, in a file; `form` is the encodings that hide it, the outermost first."""

    path: Path
    secret: str
    form: str

    def __str__(self) -> str:
        return f"{self.path}: holds {self.secret} ({self.form})"


def scan(paths: Iterable[Path], secrets: Mapping[str, str]) -> list[Leak]:
    """Return what is found of the secrets in these files, and in all files under these directories.

    Looks at the bytes as they are, and undoes, one in another, percent-encoding, escapes (JSON, Python, YAML), XML's
    entities, the shell's quotes, Base64, gzip and zlib. Values under `SHORTEST` bytes are not searched for; numbers
    are not found in longer numbers. A path that is not there holds nothing. Raises LeakError where a file cannot be
    read, since nothing can be said of it.
    """
    wanted = {name: _Wanted(value) for name, value in secrets.items() if len(value.encode()) >= SHORTEST}
    shortest = min((len(each.data) for each in wanted.values()), default=0)
    found = []
    for path in _files(paths):
        try:
            data = path.read_bytes()
        except OSError as error:
            raise LeakError(f"{path}: cannot be searched for secrets: {error.strerror}") from None
        name = path.name.encode(errors="surrogateescape")
        found += [
            Leak(path.parent, secret, "the name of a file") for secret, each in wanted.items() if each.is_in(name)
        ]
        left = dict(wanted)
        for form, view in _views(data, shortest, _DEPTH - (len(data) > _LARGE)):
            for secret in [secret for secret, each in left.items() if each.is_in(view)]:
                found.append(Leak(path, secret, form))
                del left[secret]
            if not left:
                break
    return found


def guard(paths: Iterable[Path], secrets: Mapping[str, str]) -> None:
    """Scan; remove each file that holds a secret, then raise LeakError with the names of the files and the forms."""
    paths = list(paths)
    found = scan(paths, secrets)
    if not found:
        return
    for leak in found:
        for path in [leak.path] if leak.path.is_file() else _named(leak.path, secrets):
            path.unlink(missing_ok=True)
    raise LeakError("; ".join(dict.fromkeys(f"{leak}, removed" for leak in found)))


def _named(directory: Path, secrets: Mapping[str, str]) -> list[Path]:
    """Return the files of a directory whose names hold a secret."""
    wanted = [_Wanted(value) for value in secrets.values() if len(value.encode()) >= SHORTEST]
    return [path for path in directory.iterdir() if any(each.is_in(path.name.encode()) for each in wanted)]


def prove_scanner(directory: Path, writers: Mapping[str, Callable[[Path, str], object]] | None = None) -> list[str]:
    """Show that the scan finds a fresh secret in what each writer writes; return what was tried.

    A writer gets a directory of its own and the canary, a text that no redactor knows, which it is to write as it
    would write anything. To them one file in each encoding is added. All are removed. Raises LeakError where the
    canary is not found.
    """
    canary = f'cnry"{random.token_hex(8)}%+/\\&é '
    tried: list[str] = []
    forms = {form: _form_writer(made) for form, made in _FORMS.items()}
    for name, writer in {**forms, **(writers or {})}.items():
        place = directory / f".canary-{random.token_hex(4)}"
        place.mkdir(parents=True)
        try:
            writer(place, canary)
            if not scan([place], {"canary": canary}):
                raise LeakError(f"the scan for secrets is blind: it does not find the canary in {name}")
        finally:
            _remove(place)
        tried.append(name)
    return tried


def _form_writer(made: Callable[[bytes], bytes]) -> Callable[[Path, str], object]:
    return lambda place, canary: write(place / "canary", b"before " + made(canary.encode()) + b" after")


_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "percent-encoded": lambda data: quote(data, safe="").encode(),
    "percent-encoded in lower case": lambda data: quote(data, safe="").lower().encode(),
    "a form": lambda data: quote_plus(data).encode(),
    "JSON": lambda data: json.dumps(data.decode()).encode(),
    "JSON in JSON": lambda data: json.dumps(json.dumps(data.decode(), ensure_ascii=False)).encode(),
    "Base64": base64.b64encode,
    "Base64 after one byte": lambda data: base64.b64encode(b"-" + data + b"-"),
    "Base64 after two bytes": lambda data: base64.urlsafe_b64encode(b"--" + data + b"--"),
    "Base64 in lines": base64.encodebytes,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "Base64 of gzip": lambda data: base64.b64encode(gzip.compress(data)),
}


class _Wanted:
    """A secret as it is searched for."""

    def __init__(self, value: str) -> None:
        self.data = value.encode(errors="surrogatepass")
        self._number = re.compile(rb"(?<![0-9])%s(?![0-9])" % self.data) if value.isdecimal() else None

    def is_in(self, view: bytes) -> bool:
        return self.data in view and (self._number is None or self._number.search(view) is not None)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file())
        elif path.exists():
            yield path


def _remove(place: Path) -> None:
    for path in sorted(place.rglob("*"), reverse=True):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
    place.rmdir()


def _views(data: bytes, shortest: int, depth: int) -> Iterator[tuple[str, bytes]]:
    """Yield the data, and what it is with its encodings undone, the simplest first."""
    seen = {data}
    level = [("", data)]
    yield "plain", data
    for _ in range(depth):
        deeper = []
        for form, outer in level:
            for name, decoder in _DECODERS.items():
                for view in decoder(outer, shortest):
                    if len(view) >= shortest and view not in seen:
                        seen.add(view)
                        inner = f"{form}, {name}" if form else name
                        yield inner, view
                        deeper.append((inner, view))
        level = deeper


def _percent(data: bytes, _: int) -> Iterator[bytes]:
    if b"%" in data:
        yield unquote_to_bytes(data)
    if b"+" in data:
        yield unquote_to_bytes(data.replace(b"+", b" "))


_ESCAPE = re.compile(
    rb"\\(?:((?:u[0-9A-Fa-f]{4}\\)*u[0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL
)
_SINGLE = dict(zip(b"nrtbf0ave", b"\n\r\t\b\f\0\a\v\x1b", strict=True))
_YAML = {ord("N"): "\x85", ord("_"): "\xa0", ord("L"): "\u2028", ord("P"): "\u2029"}


def _escapes(data: bytes, _: int) -> Iterator[bytes]:
    if b"\\" in data:
        yield _ESCAPE.sub(_unescaped, data)


def _yaml(data: bytes, _: int) -> Iterator[bytes]:
    """Yield what YAML holds in its own escapes, in single quotes, and over several lines, indented or folded."""
    if re.search(rb"\\[N_LP]", data):
        yield _ESCAPE.sub(_unescaped, re.sub(rb"\\([N_LP])", lambda match: _YAML[match[1][0]].encode(), data))
    joined = re.sub(rb"\n[ \t]+", b"\n", data.replace(b"''", b"'"))
    yield joined
    yield re.sub(rb"\n(\n+)", rb"\1", joined)


def _unescaped(match: re.Match[bytes]) -> bytes:
    units, long, short, single = match.groups()
    if units is not None:
        text = bytes.fromhex(units.replace(b"\\", b"").replace(b"u", b"").decode()).decode("utf-16-be", "surrogatepass")
        return text.encode(errors="surrogatepass")
    code = long or short
    if code is None:
        return bytes((_SINGLE.get(single[0], single[0]),))
    number = int(code, 16)
    return chr(number).encode(errors="surrogatepass") if number < 0x110000 else match[0]


def _entities(data: bytes, _: int) -> Iterator[bytes]:
    if b"&" in data:
        yield html.unescape(data.decode(errors="surrogateescape")).encode(errors="surrogatepass")


def _shell(data: bytes, _: int) -> Iterator[bytes]:
    if b"'\"'\"'" in data or b"'\\''" in data:
        yield data.replace(b"'\"'\"'", b"'").replace(b"'\\''", b"'")


_LINES = re.compile(rb"(?<=[A-Za-z0-9+/_-])[ \t]*\r?\n[ \t]*(?=[A-Za-z0-9+/_=-])")
_ALPHABET = bytes.maketrans(b"-_", b"+/")


def _base64(data: bytes, shortest: int) -> Iterator[bytes]:
    """Yield what each run of Base64's characters holds, for each place where it may begin; runs may go over lines."""
    least = -(-shortest * 4 // 3)
    runs = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % least)
    joined = _LINES.sub(b"", data)
    texts = (data, joined) if joined != data else (data,)
    found = [run.translate(_ALPHABET) for run in dict.fromkeys(run for text in texts for run in runs.findall(text))]
    for offset in range(4):
        inner = []
        for run in found:
            part = run[offset:]
            with suppress(binascii.Error):
                inner.append(binascii.a2b_base64(part[: len(part) // 4 * 4] + _tail(part)))
        if inner:
            yield b"\n".join(inner)


def _tail(part: bytes) -> bytes:
    rest = part[len(part) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


_ZLIB = [bytes((a, b)) for a in range(8, 0x79, 16) for b in range(256) if (a << 8 | b) % 31 == 0 and not b & 32]
"""How a zlib stream may begin (RFC 1950, 2.2)."""

_HEADS = re.compile(rb"\x1f\x8b\x08|" + b"|".join(map(re.escape, _ZLIB)), re.DOTALL)


def _packed(data: bytes, _: int) -> Iterator[bytes]:
    """Yield what each gzip member and each zlib stream within the data holds, the broken ones as far as they go."""
    for match in _HEADS.finditer(data):
        unpacking = zlib.decompressobj(31 if len(match[0]) == 3 else 15)
        inner, left = b"", data[match.start() :]
        with suppress(zlib.error):
            while (chunk := unpacking.decompress(left, 1 << 20)) and len(inner) < _LARGEST:
                inner += chunk
                left = unpacking.unconsumed_tail
        if inner:
            yield inner


_DECODERS: dict[str, Decoder] = {
    "percent-encoded": _percent,
    "escaped": _escapes,
    "YAML": _yaml,
    "XML": _entities,
    "shell": _shell,
    "Base64": _base64,
    "gzip or zlib": _packed,
}
