"""The programs of the documentation page: taken out of it, and run as they are."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.api import check_example
from contract.drivers import examples
from contract.drivers.building import default_cache
from contract.drivers.examples import (
    LANGUAGES,
    Example,
    failure_of,
    program_of,
    shown_call,
)
from contract.errors import MissingError, SpecError, SubjectError, UsageError
from contract.model import (
    ClientCase,
    Credential,
    Delivery,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    Tls,
)
from contract.report.terminal import part_row
from contract.runs import clients
from contract.servers.fake_sites import FakeSites
from tests.unit.page_programs import sections

SITES = ("datadoghq.com", "ap2.datadoghq.com")
CREDENTIAL = Credential("plain", "api-key", "app $key")
ID = "11111111-aaaa-bbbb-cccc-000000000009"
BODY = {
    "data": {
        "type": "snapshots",
        "id": ID,
        "attributes": {
            "event_id": "an event",
            "is_device_type_selected_by_user": True,
            "start": 7,
        },
    }
}

CURL = f"""\
curl -X PATCH "https://api.datadoghq.com/api/v2/replay/heatmap/snapshots/${{snapshot_id}}" \\
-H "Accept: application/json" \\
-H "Content-Type: application/json" \\
-H "DD-API-KEY: ${{DD_API_KEY}}" \\
-H "DD-APPLICATION-KEY: ${{DD_APP_KEY}}" \\
-d @- << EOF
{json.dumps(BODY, indent=2)}
EOF"""

PYTHON = f'''\
"""
A program of the page's form
"""

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v2.api.rum_replay_heatmaps_api import RumReplayHeatmapsApi
from datadog_api_client.v2.model.snapshot_update_request import SnapshotUpdateRequest
from datadog_api_client.v2.model.snapshot_update_request_data import SnapshotUpdateRequestData
from datadog_api_client.v2.model.snapshot_update_request_data_attributes import SnapshotUpdateRequestDataAttributes
from datadog_api_client.v2.model.snapshot_update_request_data_type import SnapshotUpdateRequestDataType

# Nothing here is for the suite
attributes = SnapshotUpdateRequestDataAttributes(
    event_id="an event", is_device_type_selected_by_user=True, start=7
)
data = SnapshotUpdateRequestData(id="{ID}", type=SnapshotUpdateRequestDataType.SNAPSHOTS, attributes=attributes)

with ApiClient(Configuration()) as api_client:
    print(RumReplayHeatmapsApi(api_client).update_replay_heatmap_snapshot("{ID}", SnapshotUpdateRequest(data=data)))
'''

TYPESCRIPT = f"""\
/**
 * A program of the page's form
 */

import {{ client, v2 }} from "@datadog/datadog-api-client";

const apiInstance = new v2.RumReplayHeatmapsApi(client.createConfiguration());

const params: v2.RumReplayHeatmapsApiUpdateReplayHeatmapSnapshotRequest = {{
  body: {{
    data: {{
      attributes: {{ eventId: "an event", isDeviceTypeSelectedByUser: true, start: 7 }},
      id: "{ID}",
      type: "snapshots",
    }},
  }},
  snapshotId: "{ID}",
}};

apiInstance
  .updateReplayHeatmapSnapshot(params)
  .then((data: v2.Snapshot) => console.log(JSON.stringify(data)))
  .catch((error: any) => console.error(error));
"""

PAGE = f"""\
# An operation

```json
{{"not": "an example"}}
```

### Code Example

#####\x20
                  \\## default
#\x20
 \\# Path parameters export snapshot_id="{ID}" \\# Curl command {CURL}\x20
                \x20
#####\x20

```python
{PYTHON}```

#### Instructions

First do this:
    DD_SITE="datadoghq.com" python3 "example.py"
#####\x20

```typescript
{TYPESCRIPT}```

#### Instructions

Then do that.
"""
PAGE_OF_ALL = PAGE + sections(ID)


def test_a_program_is_taken_out_as_it_is() -> None:
    assert program_of(PAGE, "python") == PYTHON
    assert program_of(PAGE, "typescript") == TYPESCRIPT


def test_the_page_s_escaping_of_curl_is_undone() -> None:
    before = (
        f'## default\n#\n# Path parameters\nexport snapshot_id="{ID}"\n# Curl command\n'
    )
    assert program_of(PAGE, "curl") == f"{before}{CURL}\n"


def test_what_is_to_be_sent_is_read_from_the_page() -> None:
    assert shown_call(PAGE) == (ID, BODY)


@pytest.mark.parametrize(
    ("page", "error", "message"),
    [
        (
            PAGE,
            MissingError,
            "the page has no example for 'ruby'; it has curl, python, typescript",
        ),
        ("# An operation\n", SpecError, "the page has no section “Code Example”"),
        (
            "# An operation\n\n### Code Example\n\nNone.\n",
            SpecError,
            "the page has no program below “Code Example”",
        ),
        (
            PAGE.replace("\\# Path", "\\# Query"),
            SpecError,
            "the page's curl command has an escaped comment of an unknown",
        ),
    ],
)
def test_what_is_not_on_the_page_is_said(
    page: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        program_of(page, "ruby")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "export snapshot_id",
            "export id",
            "exports no snapshot_id, or has no here-document EOF",
        ),
        ("<< EOF", "<< END", "exports no snapshot_id, or has no here-document EOF"),
        ('"start": 7', '"start": int64', "is not JSON"),
    ],
)
def test_a_curl_command_that_does_not_show_what_is_sent(
    old: str, new: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        shown_call(PAGE.replace(old, new))


def test_an_unknown_language_is_said() -> None:
    accepted = ", ".join((*LANGUAGES, "all"))
    message = re.escape(f"unknown example 'perl' (one of: {accepted})")
    with pytest.raises(UsageError, match=f"^{message}$"):
        check_example(PAGE, "perl")


def test_all_programs_are_parts_and_one_without_its_tool_is_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(language: str) -> None:
        if language == "go":
            raise MissingError("the driver go needs what is not on the PATH: go")
        if language == "ruby":
            raise SubjectError("the driver ruby cannot be built: no gem")

    monkeypatch.setattr(examples, "build", build)
    failing = replace(examples.RUNNERS["curl"], run="sh -c 'echo why; exit 1'")
    runners = {
        "curl": examples.RUNNERS["curl"],
        "python": replace(failing, files=("a",)),
        "ruby": failing,
        "go": failing,
    }
    monkeypatch.setattr(examples, "RUNNERS", runners)
    monkeypatch.setattr(clients, "LANGUAGES", tuple(runners))
    verdict = check_example(PAGE_OF_ALL, "all", sites=SITES)
    rows = [part_row(part).plain for part in verdict.parts]
    assert rows == [
        "the page's curl example       holds    1 site; the program names its site "
        "itself: datadoghq.com",
        "the page's python example     broken   2 sites; C-METHOD/nothing-sent: No "
        "request was sent. The client reported failed: why.",
        "the page's ruby example       not run  the driver ruby cannot be built: no gem",
        "the page's go example         not run  the driver go needs what is not on the "
        "PATH: go",
    ]
    assert (verdict.name, verdict.verdict) == ("the page's examples", "broken")
    few = {name: runners[name] for name in ("curl", "go")}
    monkeypatch.setattr(clients, "LANGUAGES", tuple(few))
    verdict = check_example(PAGE_OF_ALL, "all")
    assert (verdict.verdict, verdict.skipped["example/the page's go example"]) == (
        "holds",
        "the driver go needs what is not on the PATH: go",
    )
    monkeypatch.setattr(clients, "LANGUAGES", ("curl", "ruby"))
    assert check_example(PAGE_OF_ALL, "all").verdict == "unknown"


STACK_TRACE = """\
Exception in thread "main" jakarta.ws.rs.ProcessingException: no way
\tat org.glassfish.jersey.client.ClientRuntime.invoke(ClientRuntime.java:309)
\tat Example.main(Example.java:31)
Caused by: java.lang.reflect.InaccessibleObjectException: Unable to make a field
\tat java.base/java.lang.reflect.Field.setAccessible(Field.java:172)
\t... 15 more
"""


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("first\nat last\n", "at last"),
        ("", "exit status 3"),
        (
            STACK_TRACE,
            "InaccessibleObjectException: it needs java "
            "--add-opens java.base/java.net=ALL-UNNAMED "
            "--add-opens java.base/sun.net.www.protocol.https=ALL-UNNAMED: "
            "Caused by: java.lang.reflect.InaccessibleObjectException: "
            "Unable to make a field",
        ),
    ],
)
def test_the_line_that_says_why_a_program_failed(output: str, message: str) -> None:
    assert failure_of(output, 3) == message


def case(response: Response, **details: Any) -> ClientCase:
    snapshot_id, body = shown_call(PAGE)
    settings = {"credential": CREDENTIAL, "snapshot_id": snapshot_id, "body": body}
    return ClientCase(responses=(response,), **(settings | details))


def played(
    program: Example,
    server: FakeSites,
    response: Response,
    site: str = SITES[0],
    **details: Any,
) -> tuple[Outcome, tuple[Request, ...]]:
    playing = case(response, **details)
    server.script(playing, site)
    return program.update(playing, site), server.recorded()[0]


SUCCESS = Response(
    200,
    (("Content-Type", "application/json"),),
    b'{"data": {"type": "snapshots", "id": "it came"}}',
)


def ready_example(language: str, environment: dict[str, str]) -> Example:
    """Return a program, or skip the test where its SDK takes minutes to build."""
    is_quick = language in ("curl", "python", "typescript")
    if not is_quick and not [*default_cache().glob(f"{language}-[0-9]*")]:
        pytest.skip(f"the {language} SDK is not built here: contract client --driver")
    return Example(PAGE_OF_ALL, language, environment)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_of_the_page_sends_what_the_page_shows(language: str) -> None:
    with (
        FakeSites(SITES) as server,
        ready_example(language, server.environment()) as program,
    ):
        for site in SITES:
            outcome, requests = played(program, server, SUCCESS, site)
            if program.site not in ("", site):
                assert (language, outcome.kind, requests) == ("curl", "unsupported", ())
                continue
            if language == "java":  # as documented it sends nothing on Java 16 or later
                assert outcome.message.startswith("InaccessibleObjectException: it")
                continue
            assert (outcome.kind, outcome.message) == ("snapshot", "")
            assert "it came" in outcome.logged
            assert outcome.seconds > 0
            [request] = requests
            assert request.method == "PATCH"
            assert (
                request.url
                == f"https://api.{site}/api/v2/replay/heatmap/snapshots/{ID}"
            )
            assert json.loads(request.body) == BODY
            assert request.all_headers("DD-API-KEY") == ["api-key"]
            assert request.all_headers("DD-APPLICATION-KEY") == ["app $key"]


@pytest.mark.slow
def test_a_program_that_fails_is_reported_by_its_last_line() -> None:
    page = PAGE.replace(
        "# Nothing here", "raise SystemExit('first\\nno more')  # Nothing here"
    )
    with (
        FakeSites(SITES) as server,
        Example(page, "python", server.environment()) as program,
    ):
        outcome, requests = played(program, server, SUCCESS)
    assert (outcome.kind, outcome.message, outcome.logged, requests) == (
        "failed",
        "no more",
        "first\nno more\n",
        (),
    )


@pytest.mark.slow
def test_what_python_prints_of_an_error_is_no_success() -> None:
    with (
        FakeSites(SITES) as server,
        Example(PAGE, "python", server.environment()) as program,
    ):
        outcome, _ = played(program, server, Response(404, (), b'{"errors": ["gone"]}'))
    assert (outcome.kind, outcome.message) == (
        "failed",
        "HTTP response body: {'errors': ['gone']}",
    )


@pytest.mark.slow
def test_python_meets_the_certificate_of_the_host() -> None:
    with (
        FakeSites(SITES) as server,
        Example(PAGE, "python", server.environment()) as program,
    ):
        outcome, requests = played(program, server, SUCCESS, tls=Tls.WRONG_NAME)
    assert (outcome.kind, requests) == ("failed", ())
    assert "certificate" in outcome.message


def test_a_program_that_does_not_compile_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = "sh -c 'echo some words; echo not a program; exit 2'", "true"
    broken = replace(examples.RUNNERS["curl"], build=compiler)
    monkeypatch.setitem(examples.RUNNERS, "curl", broken)
    with (
        FakeSites(SITES) as server,
        Example(PAGE, "curl", server.environment()) as program,
    ):
        outcome, requests = played(program, server, SUCCESS)
    assert (outcome.kind, outcome.message, requests) == ("failed", "not a program", ())


def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    with (
        FakeSites(SITES) as server,
        Example(PAGE, "curl", server.environment()) as program,
    ):
        outcome, requests = played(
            program, server, Response(200, delivery=Delivery.STALL), timeout_s=-19
        )
        assert (outcome.kind, outcome.message) == ("failed", "no end within 1 s")
        assert len(requests) == 1


def test_no_variable_holds_a_nul() -> None:
    with (
        FakeSites(SITES) as server,
        Example(PAGE, "curl", server.environment()) as program,
    ):
        keys = Credential("NUL", "api\0key", "app-key")
        outcome = program.update(case(SUCCESS, credential=keys), SITES[0])
    assert outcome.kind is OutcomeKind.UNSUPPORTED


def test_a_user_s_own_settings_of_curl_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".curlrc").write_text('header = "X-Own: 1"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    with (
        FakeSites(SITES) as server,
        Example(PAGE, "curl", server.environment()) as program,
    ):
        _, [request] = played(program, server, SUCCESS)
    assert request.header("X-Own") is None
