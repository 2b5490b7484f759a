"""How a text may be spelled in a file: a pattern that matches it plain, escaped, percent-encoded, or any mixture."""

import re

__all__ = ["spelled"]

_NAMED = {
    "\n": (rb"\n(?:\n[ \t]*+)?", "n"), "\r": (rb"\r", "r"), "\t": (rb"\t", "t"), "\b": (rb"\x08", "b"),
    "\f": (rb"\f", "f"), "\0": (rb"\0", "0"), "\a": (rb"\a", "a"), "\v": (rb"\v", "v"), "\x1b": (rb"\x1b", "e"),
    "\x85": (rb"\xc2\x85", "N"), "\xa0": (rb"\xc2\xa0", "_"), "\u2028": (rb"\xe2\x80\xa8", "L"),
    "\u2029": (rb"\xe2\x80\xa9", "P"),
}  # fmt: skip
"""The pattern of a character, and the letter that JSON, Python or YAML write for it after a backslash."""

_OTHER = {
    '"': (b"&(?:amp;)*quot;",), "'": (b"&(?:amp;)*apos;", b"''", b"'\"'\"'", rb"'\\''"), "&": (b"&(?:amp;)+",),
    "<": (b"&(?:amp;)*lt;",), ">": (b"&(?:amp;)*gt;",), " ": (rb"\+",),
}  # fmt: skip
"""What XML, YAML, the shell and forms write for a character, as patterns."""

_BACKSLASH = rb"(?:\\u005[cC]|\\x5[cC]|\\|%(?:25)*5[cC]|&(?:amp;)*#(?:0*92|[xX]0*5[cC]);)"


def spelled(value: str, *, whole: bool = False, plain: bool = False) -> bytes:
    """Return a pattern for bytes, without groups; `whole`: not within a longer word or number; `plain`: as it is."""
    runs = re.findall(r"\\+|[^\\]", value, re.DOTALL)
    pattern = b"".join(
        _BACKSLASH + b"{%d,}+" % len(run) if run[0] == "\\" else _character(run, last == "\\")
        for run, last in zip(runs, ["", *(run[0] for run in runs)], strict=False)
    )
    if plain:
        pattern = re.escape(value.encode(errors="surrogatepass"))
    elif pattern.startswith(_BACKSLASH):
        pattern = rb"(?<!\\)" + pattern  # all of a run, or none of it
    if not whole:
        return pattern
    # What an escape ends with is no part of the word after it.
    before = rb"(?:(?<![A-Za-z0-9_.])|(?<=%[0-9A-Fa-f][0-9A-Fa-f])|(?<=(?<!\\)\\[nrtbf]))"
    return before + pattern + (rb"(?![0-9A-Za-z_]|\.[0-9])" if value[-1:].isdecimal() else rb"(?![A-Za-z0-9_])")


def _character(char: str, after_backslash: bool) -> bytes:
    """Return the pattern of a character, no backslash; all backslashes before it are taken at once, to be quick."""
    code, data = ord(char), char.encode(errors="surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass")
    plain, letter = _NAMED.get(char, (re.escape(data), ""))
    # JSON within JSON has backslashes in front of marks too.
    free = after_backslash or (char.isascii() and char.isprintable() and not char.isalnum())
    escape = b"" if free else _BACKSLASH + b"++"
    between = b"" if len(units) == 2 else _BACKSLASH + b"++u"
    forms = [
        plain,
        *_OTHER.get(char, ()),
        b"".join(b"%%(?:25)*%s" % _hex(f"{byte:02x}") for byte in data),
        escape + b"u" + between.join(_hex(units[at : at + 2].hex()) for at in range(0, len(units), 2)),
        escape + b"U" + _hex(f"{code:08x}"),
        rb"&(?:amp;)*#0*%d;" % code,
        rb"&(?:amp;)*#[xX]0*%s;" % _hex(f"{code:x}"),
    ]
    if code < 256:
        forms.append(escape + b"x" + _hex(f"{code:02x}"))
    if letter:
        forms.append(escape + letter.encode())
    return (_BACKSLASH + b"*+" if free else b"") + b"(?:%s)" % b"|".join(forms)


def _hex(digits: str) -> bytes:
    return "".join(f"[{each}{each.upper()}]" if each.isalpha() else each for each in digits).encode()
