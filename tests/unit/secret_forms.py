"""Secrets for tests, and the forms in which a writer may write them."""

import base64
import gzip
import html
import itertools
import json
import random
import re
import shlex
import urllib.parse
import zlib
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

import yaml

__all__ = ["ALPHABETS", "FORMS", "KEY", "ODD", "odd_secrets", "units"]

KEY = "0123abcd0123abcd0123abcd0123abcd"
ODD = "k\"e%y+/\\<é𝄞>& 'x\n9"

FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "in a word": lambda text: b"a" + text.encode() + b"b",
    "URL": lambda text: urllib.parse.quote(text, safe="").encode(),
    "URL, lower case": lambda text: re.sub(
        "%..", lambda each: each[0].lower(), urllib.parse.quote(text)
    ).encode(),
    "URL, all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "form": lambda text: urllib.parse.urlencode({"a": text}).encode(),
    "JSON": lambda text: json.dumps(text).encode(),
    "JSON, Unicode": lambda text: json.dumps(text, ensure_ascii=False).encode(),
    "JSON, slashes": lambda text: json.dumps(text).replace("/", "\\/").encode(),
    "JSON, all": lambda text: (
        b'"' + b"".join(b"\\u" + unit for unit in units(text)) + b'"'
    ),
    "Python": lambda text: ascii(text).encode(),
    "YAML": lambda text: yaml.safe_dump(text, width=10_000).encode(),
    "HTML": lambda text: html.escape(text).encode(),
    "XML": lambda text: quoteattr(text).encode(),
    "XML, numbers": lambda text: "".join(f"&#{ord(char)};" for char in text).encode(),
    "shell": lambda text: shlex.quote(f"it's {text}").encode(),
    "Base64": lambda text: base64.b64encode(text.encode()),
    "Base64 + 1": lambda text: base64.b64encode(b"a" + text.encode() + b"bc"),
    "Base64 + 2": lambda text: base64.b64encode(b"ab" + text.encode() + b"c"),
    "Base64, URL-safe": lambda text: base64.urlsafe_b64encode(
        b"abcd" + text.encode()
    ).rstrip(b"="),
    "Base64, in a path": lambda text: b"api/v2/" + base64.b64encode(text.encode()),
    "gzip": lambda text: gzip.compress(b"a" + text.encode()),
    "zlib": lambda text: zlib.compress(b"a" + text.encode(), 9),
    "Base64 of gzip": lambda text: base64.b64encode(gzip.compress(text.encode())),
    "Base64 of JSON": lambda text: base64.b64encode(json.dumps({"a": text}).encode()),
}
"""How a value is written: each form is to be redacted, and to be found by the scan."""


def units(text: str) -> list[bytes]:
    whole = text.encode("utf-16-be").hex().encode()
    return [whole[at : at + 4] for at in range(0, len(whole), 4)]


ALPHABETS = (
    "0123456789abcdef",
    "abcXYZ019",
    "\"'`\\",
    "%+/=&?#",
    "%20%2F%u0041",
    "äßé日本𝄞😀",
    " \t\n\r",
    "<>&;amp",
    "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "\\n\\u00",
    "AQIDBA+/-_",
)


def odd_secrets() -> list[str]:
    """Return 200 secrets of odd shapes, the same in every run."""
    chance = random.Random(5)  # noqa: S311 - the same in every run
    secrets = []
    for number, alphabet in zip(range(200), itertools.cycle(ALPHABETS), strict=False):
        body = "".join(chance.choice(alphabet) for _ in range(chance.randint(8, 40)))
        mixed = "".join(chance.choice("".join(ALPHABETS)) for _ in range(8))
        secrets.append(f"{body}{mixed}{number:03}")
    return secrets
