"""Drivers: how a program is started, and that nothing of it is left."""

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import SubjectError
from contract.model import Outcome, OutcomeKind
from contract.subjects import process
from contract.subjects.driver import EXPECTED, Driver
from tests.unit.driver_support import (
    SITE,
    case,
    eventually,
    fake_command,
    no_longer_than,
    processes,
)

ROOT = Path(__file__).parents[2]


HELLO = f"expected in reply to hello: {EXPECTED['hello']}"


@pytest.fixture
def fake(tmp_path: Path) -> list[str]:
    return fake_command(tmp_path)


@pytest.fixture
def driver(fake: list[str]) -> Iterator[Driver]:
    threads = threading.active_count()
    with Driver(fake, {}, grace_s=0.3, goodbye_s=0.3) as driver:
        yield driver
    assert threading.active_count() == threads
    # A killed process takes a moment to go.
    assert eventually(lambda: processes(fake) == [])


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "import sys; print('cannot\\n find it', file=sys.stderr); sys.exit(7)",
            "it ended with exit status 7; its standard error ends: cannot | find it",
        ),
        ("import time; time.sleep(60)", "no reply within 0.5 s"),
        (
            "print('Welcome!', flush=True); input()",
            "the reply is no JSON object: Welcome!",
        ),
        (
            "print('{\"protocol\": 2}', flush=True); input()",
            'its hello is not one of protocol 1: {"protocol": 2}',
        ),
        (
            'print(\'{"protocol": 1, "client": "c"}\', flush=True); input()',
            'its hello is not one of protocol 1: {"protocol": 1, "client": "c"}',
        ),
    ],
)
def test_a_program_that_says_no_hello_is_no_subject(
    tmp_path: Path, program: str, message: str
) -> None:
    script = tmp_path / "program.py"
    script.write_text(program)
    driver = Driver([sys.executable, str(script)], {}, hello_timeout_s=0.5)
    with pytest.raises(SubjectError) as raised, driver:
        pass
    problem, _, said = message.partition("; ")
    parts = f"no driver: {sys.executable} {script}: {problem}", HELLO, said
    assert str(raised.value) == "; ".join(filter(None, parts))


def test_a_program_that_is_not_there_is_no_subject() -> None:
    driver = Driver(["no-such-program", "a b"], {}, hello_timeout_s=5)
    with (
        pytest.raises(
            SubjectError,
            match="no driver: no-such-program 'a b': it cannot be started: No such file",
        ),
        driver,
    ):
        pass


def test_a_hung_driver_dies_with_its_children(driver: Driver, fake: list[str]) -> None:
    assert driver.update(case("hang after a child", timeout_s=0.5), SITE).type == "hang"
    assert eventually(lambda: processes(fake) == [])


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper")


@linux_only
@pytest.mark.parametrize("deaf", [(), ("deaf",)])
def test_a_daemon_of_a_driver_ends_with_it(fake: list[str], deaf: tuple[str]) -> None:
    with Driver([*fake, *deaf], {}, goodbye_s=0.3) as driver:
        assert driver.update(case("daemon"), SITE).kind == "snapshot"
        assert any("print(flush=True)" in line for line in processes(fake))
    assert processes(fake) == []


@linux_only
def test_a_daemon_ends_with_a_driver_that_hangs_or_exits(fake: list[str]) -> None:
    with Driver(fake, {}, grace_s=0.3) as driver:
        driver.update(case("daemon"), SITE)
        assert driver.update(case("hang"), SITE).type == "hang"
        assert processes(fake) == []
        driver.update(case("daemon"), SITE)
        assert driver.update(case("exit"), SITE).type == "process-died"
        assert processes(fake) == []


def test_a_process_that_does_not_end_is_named(
    fake: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    launcher = tmp_path / "launcher.py"
    begin, end = Path(process.LAUNCHER).read_text().split('if __name__ == "__main__":')
    immortal = "end_descendants = lambda: [12, 13]\n\n"
    launcher.write_text(f'{begin}{immortal}if __name__ == "__main__":{end}')
    monkeypatch.setattr(process, "LAUNCHER", str(launcher))
    with Driver(fake, {}, goodbye_s=0.1):
        pass
    assert caplog.messages == ["processes of the driver could not be ended: 12, 13"]


def test_a_driver_that_ignores_bye_and_sigterm_is_killed(fake: list[str]) -> None:
    with no_longer_than(60), Driver([*fake, "deaf"], {}, goodbye_s=0.1) as driver:
        assert driver.update(case("id"), SITE).kind == "snapshot"
    assert eventually(lambda: processes(fake) == [])


def test_a_driver_that_says_bye_is_not_waited_for_longer(fake: list[str]) -> None:
    with no_longer_than(60), Driver(fake, {}, goodbye_s=3_600) as driver:
        driver.update(case("id"), SITE)
    assert processes(fake) == []


def test_an_interrupt_leaves_no_process(fake: list[str]) -> None:
    interrupt = threading.Timer(
        0.5, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
    )
    with Driver(fake, {}) as driver:
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            driver.update(case("hang after a child", timeout_s=10), SITE)
        assert eventually(lambda: processes(fake) == [])
    interrupt.join()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_suite_that_is_ended_leaves_no_process(
    fake: list[str], number: signal.Signals
) -> None:
    suite = textwrap.dedent(f"""
        from contract.subjects.driver import EXPECTED, Driver
        from contract.model import ClientCase, Credential
        with Driver({fake!r}, {{}}) as driver:
            driver.update(
                ClientCase(
                    snapshot_id="hang after a child",
                    credential=Credential("", "a", "b"),
                    timeout_s=9,
                ),
                "datadoghq.com",
            )
    """)
    command = [sys.executable, "-c", suite]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert eventually(
            lambda: sum("time.sleep" in line for line in processes(fake)) == 1,
            within_s=60,  # a busy machine starts two interpreters
        ), processes(fake)
        process.send_signal(number)
    assert eventually(lambda: processes(fake) == [])


def test_a_driver_that_is_restarted_runs_in_another_process(driver: Driver) -> None:
    first, again = (driver.update(case("pid"), SITE).snapshot for _ in range(2))
    driver.restart()
    assert first == again != driver.update(case("pid"), SITE).snapshot


def test_a_crash_may_have_a_trace(driver: Driver) -> None:
    outcome = driver.update(case("crashed"), SITE)
    assert outcome == Outcome(
        OutcomeKind.CRASHED,
        type="KeyError",
        message="k",
        trace=("inner.py:3 f", "outer.py:9 g"),
        seconds=outcome.seconds,
    )
