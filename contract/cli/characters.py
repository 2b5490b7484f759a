"""Characters for a locale that is not UTF-8."""

import codecs
import sys

PLAIN = {"»": ">", "«": "<", "…": "...", "✅": "+", "❌": "-", "❔": "?"}
ERRORS = "contract-plain"


def plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks. An error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    parts = (PLAIN.get(c) or c.encode("unicode_escape").decode() for c in text)
    return "".join(parts), error.end


def use_plain_characters() -> None:
    """Let the standard streams replace what they cannot show."""
    codecs.register_error(ERRORS, plain)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure and stream.encoding.lower().replace("-", "") != "utf8":
            reconfigure(errors=ERRORS)
