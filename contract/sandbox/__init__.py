"""The sandbox: the reference service, stateful, in memory, strict about the contract.

    serving  ─>  service  ─>  content  ─>  model
    loopback     Sandbox      bytes to     Org, Row,
                 (WSGI)       JSON         Reply, Refusal

`Sandbox` can be called in the process as any WSGI application; `serving` puts it on loopback. A fault is a
subclass of `Sandbox` that overrides one of its methods. Where the page is silent the sandbox decides, and
`tests/unit/test_sandbox.py` says what.
"""

from contract.sandbox.model import ORGS, Environ, Org, Refusal, Reply, Row
from contract.sandbox.service import CREATABLE, PATH, UPDATABLE, Sandbox
from contract.sandbox.serving import serving

__all__ = [
    "CREATABLE",
    "ORGS",
    "PATH",
    "UPDATABLE",
    "Environ",
    "Org",
    "Refusal",
    "Reply",
    "Row",
    "Sandbox",
    "serving",
]
