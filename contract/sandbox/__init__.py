"""The sandbox: the reference service, stateful, in memory, strict about the contract.

    with serving(Sandbox()) as url:
        ...

A fault replaces methods of a sandbox. Where the page is silent the sandbox decides, and
its tests say how.
"""

from contract.sandbox.content import Environ, Refusal, keys_in
from contract.sandbox.rows import Replicas, StoredSnapshot
from contract.sandbox.service import (
    CREATABLE,
    ORGS,
    PATH,
    UPDATABLE,
    Org,
    Reply,
    Sandbox,
    attributes_of,
)
from contract.sandbox.serving import sandboxes_for, serving

__all__ = [
    "CREATABLE",
    "ORGS",
    "PATH",
    "UPDATABLE",
    "Environ",
    "Org",
    "Refusal",
    "Replicas",
    "Reply",
    "Sandbox",
    "StoredSnapshot",
    "attributes_of",
    "keys_in",
    "sandboxes_for",
    "serving",
]
