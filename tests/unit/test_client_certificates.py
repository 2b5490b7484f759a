"""Client certificates: a service that demands one, and files of no use."""

import os
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from contract import SubjectError
from contract.cli import main
from tests.unit.live_runs import SITE, LiveRuns

SMALL = ("keys",)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA) -> Path:
    """Return a directory with a certificate, its key, both, and useless files."""
    own = authority.issue_cert("client@example.com")
    other = authority.issue_cert("other@example.com")
    (tmp_path / "cert.pem").write_bytes(own.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(own.private_key_pem.bytes())
    (tmp_path / "both.pem").write_bytes(own.private_key_and_cert_chain_pem.bytes())
    (tmp_path / "other.pem").write_bytes(other.private_key_pem.bytes())
    key = serialization.load_pem_private_key(own.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    (tmp_path / "text.pem").write_text("no PEM")
    os.mkfifo(tmp_path / "fifo.pem")
    return tmp_path


@pytest.mark.parametrize("words", ["cert.pem key.pem", "both.pem"])
def test_a_service_that_demands_a_certificate_gets_it(
    words: str, live: LiveRuns, files: Path, authority: trustme.CA
) -> None:
    stage = live.on(authority=authority)
    tls = dict(
        zip(("cert", "key"), (files / name for name in words.split()), strict=False)
    )
    verdict = live.check(stage, scenarios=SMALL, **tls)
    assert (verdict.verdict, verdict.leftovers) == ("holds", ())
    assert live.sweep(stage, **tls) == ()


def test_a_run_without_the_certificate_says_what_is_demanded(
    live: LiveRuns, authority: trustme.CA
) -> None:
    stage = live.on(authority=authority)
    with pytest.raises(SubjectError, match="a client certificate is demanded") as error:
        live.check(stage, scenarios=SMALL)
    assert "--cert FILE, --key FILE" in str(error.value)


def test_the_command_line_takes_a_certificate_and_shows_no_key(
    live: LiveRuns,
    files: Path,
    authority: trustme.CA,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = live.on(authority=authority)
    words = f"service https://api.{SITE} --scenario keys --profile quick --verbose"
    tls = f"--ca-file {stage.ca_file} --cert {files}/cert.pem --key {files}/key.pem"
    status = main([*words.split(), *tls.split(), "--json", "-"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    lines = (files / "key.pem").read_text().splitlines()[1:-1]
    assert not any(line in captured.out + captured.err for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--key key.pem", "--key: needs --cert FILE"),
        ("--cert none.pem", "none.pem: no certificate and key without a password: "),
        ("--cert cert.pem", "cert.pem: no certificate and key without a password: "),
        ("--cert text.pem", "no certificate and key without a password: "),
        ("--cert fifo.pem", "no certificate and key without a password: "),
        ("--cert cert.pem --key none.pem", "none.pem: no certificate and key"),
        ("--cert cert.pem --key other.pem", "other.pem: no certificate and key"),
        ("--cert cert.pem --key locked.pem", "locked.pem: no certificate and key"),
        ("--cert cert.pem --key .", ".: no certificate and key without a password: "),
    ],
)
def test_files_of_no_use_are_one_line_and_status_2(
    words: str,
    message: str,
    files: Path,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setenv("DD_API_KEY", "0123456789abcdef0123456789abcdeF")
    monkeypatch.setenv("DD_APP_KEY", "fedcba9876543210fedcba9876543210fedcba9A")
    assert main(["service", "https://service.example", *words.split()]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert "PRIVATE" not in captured.err
