"""Plain curl under driver protocol 1, used as a careful shell user would.

It runs the command of the documentation page with a few more options. The keys come
from a file descriptor, so that no process list shows them (in bash: `-H @<(printf …)`).
The id is percent-encoded, since curl takes a URL (`jq -rn '$id|@uri'`). `--globoff` is
set, since the URL may hold brackets, and `--max-time`. Status and body go to a file, to
tell a success from an error. curl itself honors HTTPS_PROXY and CURL_CA_BUNDLE. Its
`--retry` waits as it sees fit.

    python -m contract.drivers.curl.driver
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contract.drivers.loop import serve

CURL = shutil.which("curl") or "curl"


def hello() -> dict[str, Any]:
    output = subprocess.run(  # noqa: S603
        [CURL, "--version"], capture_output=True, text=True, check=True
    ).stdout
    match = re.match(r"curl (\S+)", output)
    return {
        "protocol": 1,
        "client": "curl",
        "version": match[1] if match else "unknown",
        "language": "shell",
        "features": ["retry", "timeout"],
    }


def outcome_of(asked: dict[str, Any], directory: str) -> dict[str, Any]:
    """Run curl once; return the outcome as the protocol names it."""
    if "\0" in asked["api_key"] + asked["app_key"] + asked["site"]:
        return {"outcome": "unsupported", "message": "no shell variable holds a NUL"}
    try:
        segment = quote(asked["snapshot_id"], safe="")
        path = f"/api/v2/replay/heatmap/snapshots/{segment}"
        url = f"https://api.{asked['site']}{path}"
        keys = (
            f"DD-API-KEY: {asked['api_key']}\nDD-APPLICATION-KEY: {asked['app_key']}\n"
        ).encode()
        url.encode()
    except UnicodeEncodeError:
        message = "a shell passes bytes: this text has none in UTF-8"
        return {"outcome": "unsupported", "message": message}
    received = Path(directory, "body")
    received.write_bytes(b"")
    reading, writing = os.pipe()
    command = [
        *(CURL, "--disable", "--silent", "--show-error", "--globoff"),
        *("--max-time", str(asked["timeout_s"])),
        *(("--retry", "3") if asked["retry"] else ()),
        *("-X", "PATCH", url),
        *("-H", "Accept: application/json"),
        *("-H", "Content-Type: application/json"),
        *("-H", f"@/dev/fd/{reading}"),
        *("-d", "@-"),
        *("-o", str(received)),
        *("-w", "%{http_code}"),
    ]
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(keys)  # a key is far shorter than what a pipe holds
    try:
        ran = subprocess.run(  # noqa: S603
            command,
            input=json.dumps(asked["body"]).encode(),
            capture_output=True,
            pass_fds=[reading],
            check=False,
        )
    finally:
        os.close(reading)
    message = ran.stderr.decode(errors="replace").strip()
    if ran.returncode < 0:
        signal = f"signal {-ran.returncode}"
        return {"outcome": "crashed", "type": signal, "message": message}
    if ran.returncode:
        kind = "refused" if ran.returncode == 3 else "failed"
        return {"outcome": kind, "message": message}
    return what_it_says(int(ran.stdout), received.read_bytes())


def what_it_says(status: int, body: bytes) -> dict[str, Any]:
    """Read status and body as a script would, with `jq`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        document = None
        if 200 <= status < 300:
            return {"outcome": "broken_answer", "message": f"no JSON: {error}"}
    if 200 <= status < 300:
        return {"outcome": "snapshot", "snapshot": document}
    if 300 <= status < 400:
        return {"outcome": "failed", "message": f"{status}: a redirect, not followed"}
    errors = document.get("errors") if isinstance(document, dict) else None
    errors = errors if isinstance(errors, list) else []
    texts = [text if isinstance(text, str) else json.dumps(text) for text in errors]
    return {
        "outcome": "api_error",
        "status": status,
        "errors": texts,
        "message": body[:1000].decode(errors="replace"),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="contract-curl-") as directory:
        serve(hello, lambda asked: outcome_of(asked, directory))
