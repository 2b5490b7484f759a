"""Time to redact a megabyte of odd texts.

python -m tests.benchmarks.redaction
"""

import time

from contract.redaction import Redactor
from tests.unit.secret_forms import KEY, ODD, odd_secrets

SIZE = 1_000_000
UNITS = {
    "backslashes": "\\",
    "percent-encoded backslashes": "%5C",
    "heads of gzip": "\x1f\x8b\x08",
    "heads of entities": "&#",
    "entities": "&#92;",
    "JSON escapes": "\\u005c",
    "zeros": "0",
    "a key": KEY,
    "half a key": KEY[:15],
    "member names": '"org_id":',
    "mail addresses": "a@",
}


def main() -> None:
    """Print the seconds for each text, with six secrets."""
    secrets = [KEY, ODD, *odd_secrets()[:4]]
    redactor = Redactor({f"secret {n}": secret for n, secret in enumerate(secrets)})
    for name, unit in UNITS.items():
        text = unit * (SIZE // len(unit))
        begin_s = time.perf_counter()
        redactor.text(text)
        print(f"{time.perf_counter() - begin_s:6.2f} s  1 MB of {name}")
    begin_s = time.perf_counter()
    redactor.learn_from([{"org_id": number} for number in range(10, 70)])
    redactor.learn_from({"created_by": "-"})
    redactor.text("a-" * (SIZE // 2))
    print(f"{time.perf_counter() - begin_s:6.2f} s  60 organizations, `-` as a name")


if __name__ == "__main__":
    main()
