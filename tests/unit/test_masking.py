"""A breach on every call hides no other one, whichever way the client is judged."""

import sys
from pathlib import Path

import pytest

from contract.cli import main

CLIENTS = """
    import sys

    import contract.client
    from contract import SnapshotClient
    from contract.drivers import minimal
    from contract.drivers.loop import serve
    from contract.model import Call, ClientCase, Credential
    from contract.subjects.in_process import MinimalClientAdapter

    class Sloppy(SnapshotClient):
        "Sends Content-Type twice, in every call."

        def __init__(self, **options):
            super().__init__(**options)
            value = "application/json, application/json"
            self._headers["Content-Type"] = value

    class Adapter:
        "With `worse` ids are sent as they are."

        def __init__(self, make, worse=False):
            self.adapter, self.worse = MinimalClientAdapter(make=make), worse

        def update(self, call):
            case = ClientCase(
                snapshot_id=call.snapshot_id,
                credential=Credential("", call.api_key, call.app_key),
                body=call.body,
            )
            encode = contract.client.path_segment
            if self.worse:
                contract.client.path_segment = lambda name: encode(name) and name
            try:
                return self.adapter.update(case, call.site)
            finally:
                contract.client.path_segment = encode

    def plain():
        return Adapter(SnapshotClient)

    def plain_worse():
        return Adapter(SnapshotClient, worse=True)

    def sloppy():
        return Adapter(Sloppy)

    def sloppy_worse():
        return Adapter(Sloppy, worse=True)

    if __name__ == "__main__":
        adapter = globals()[sys.argv[1]]()
        names = "site", "api_key", "app_key", "snapshot_id", "body"
        serve(
            minimal.hello,
            lambda request: minimal.reply_of(
                adapter.update(Call(*(request[name] for name in names)))
            ),
        )
"""
SUITE = """
    import pytest

    from contract.cases.client import client_scenarios
    from contract.spec import load

    (SCENARIO,) = [s for s in client_scenarios(load()) if s.name == "snapshot-ids"]

    def test_client(contract_check_client):
        contract_check_client(SCENARIO)
"""
PART = ["--profile", "quick", "--scenario", "snapshot-ids", "--site", "datadoghq.eu"]
WORSE = "C-PATH/"


@pytest.fixture(params=["plain", "sloppy"])
def client(
    request: pytest.FixtureRequest,
    elsewhere: Path,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The name of a client without or with a breach on every call.

    `accepted.yaml` accepts what it has.
    """
    monkeypatch.chdir(pytester.path)
    monkeypatch.syspath_prepend(pytester.path)
    pytester.makepyfile(clients=CLIENTS, test_contract=SUITE)
    name = str(request.param)
    update = ["--accepted", "accepted.yaml", "--update-accepted"]
    main(["client", "--python", f"clients:{name}", *PART, *update])
    accepted = Path("accepted.yaml")
    accepted.write_text(accepted.read_text().replace("reason: ''", "reason: Known."))
    return name


def test_the_command_finds_a_regression(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*PART, "--accepted", "accepted.yaml"]
    assert main(["client", "--python", f"clients:{client}", *options]) == 0
    assert main(["client", "--python", f"clients:{client}_worse", *options]) == 1
    assert WORSE in capsys.readouterr().out


def test_pytest_finds_a_regression(client: str, pytester: pytest.Pytester) -> None:
    options = ["--contract-profile", "quick", "--contract-site", "datadoghq.eu"]
    options += ["--contract-accepted", "accepted.yaml", "--contract-python"]
    result = pytester.runpytest_inprocess(*options, f"clients:{client}")
    result.assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*options, f"clients:{client}_worse")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{WORSE}*"])


def test_the_gate_finds_a_regression(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"{sys.executable} clients.py {client}"
    both = ["--old-command", command, "--new-command", f"{command}_worse"]
    assert main(["gate", *both, *PART]) == 1
    output = capsys.readouterr().out
    assert f"breaking {WORSE}" in output
    assert "breaking C-MEDIA" not in output
