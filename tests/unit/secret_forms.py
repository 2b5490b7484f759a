"""Secrets for tests, and the forms in which others may write them."""

import base64
import html
import itertools
import json
import random
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

__all__ = ["ALPHABETS", "FORMS", "KEY", "ODD", "decoded", "odd_secrets"]

KEY = "0123abcd4567efab0123cdef4567abc"
ODD = "k\"e%y+/\\<9>& 'x#m;n=o?p~q"


def units(text: str) -> str:
    code = text.encode("utf-16-be").hex()
    return "".join(f"\\u{code[i : i + 4]}" for i in range(0, len(code), 4))


def percent(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


def in_base64(text: str, before: str = "", after: str = "") -> str:
    return base64.b64encode(f"{before}{text}{after}".encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower case": str.lower,
    "upper case": str.upper,
    "URL": lambda text: quote(text, safe=""),
    "URL, all": percent,
    "URL, upper case": lambda text: percent(text).upper(),
    "URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL, all, twice": lambda text: percent(text).replace("%", "%25"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, Unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, slashes": lambda text: json.dumps(text)[1:-1].replace("/", r"\/"),
    "JSON, all": units,
    "JSON, upper case": lambda text: units(text).upper().replace("\\U", "\\u"),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML, hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "Base64": in_base64,
    "Base64 + 1": lambda text: in_base64(text, "a", "bc"),
    "Base64 + 2": lambda text: in_base64(text, "ab", "c"),
    "Base64 + 3": lambda text: in_base64(text, "abc", "abc"),
    "Base64, no padding": lambda text: in_base64(text).rstrip("="),
    "Base64url": lambda text: in_base64(text).translate(str.maketrans("+/", "-_")),
    "Base64 of JSON": lambda text: in_base64(json.dumps({"a": text})),
    "Base64 in JSON": lambda text: in_base64(text, "a").replace("/", r"\/"),
    "prefix": lambda text: text[:-3],
    "suffix": lambda text: text[3:],
}
"""How a secret is written: each form is replaced, and found in files."""

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


def decoded(text: str) -> set[str]:
    """Return a text, and what it is in each encoding: an independent reading."""
    texts = {text, html.unescape(text), unquote(text), unquote(unquote(text))}
    texts.add(re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text))
    texts.add(re.sub(r'\\(["\\/])', r"\1", text))
    for run in re.findall("[A-Za-z0-9+/]{12,}", text.replace(r"\/", "/")):
        for start in range(4):
            part = run[start : len(run) - (len(run) - start) % 4]
            inner = base64.b64decode(part).decode(errors="replace")
            texts |= {inner, re.sub(r'\\(["\\/])', r"\1", inner)}
    return {view.lower() for view in texts}
