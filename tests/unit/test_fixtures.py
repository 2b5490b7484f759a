"""The fixtures for tests of one's own: clean for each example, absent elsewhere."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from typing import Any

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

import contract
from contract.client import SnapshotClient
from contract.fixtures import ReferenceService, Sites, TlsSites
from contract.sandbox import PATH
from contract.strategies import valid_bodies

URL = "https://api.datadoghq.eu/"
BODY = {"data": {"type": "snapshots"}}


def patched() -> tuple[Any, ...]:
    keys = os.environ.get("DD_API_KEY"), os.environ.get("HTTPS_PROXY")
    send = requests.adapters.HTTPAdapter.send
    return socket.getaddrinfo, socket.socket.connect, send, keys


BEFORE = patched()


# -- mocked sites ----------------------------------------------------------------------


@given(number=st.integers())
def test_an_example_sees_nothing_of_the_one_before(
    contract_mock: Sites, number: int
) -> None:
    assert contract_mock.requests == ()
    contract_mock.respond(404)
    assert requests.get(URL, timeout=5).status_code == 404


@given(number=st.integers())
def test_an_example_starts_without_a_script(contract_mock: Sites, number: int) -> None:
    assert requests.get(URL, timeout=5).status_code == 200
    contract_mock.respond(500)


@pytest.fixture
def _too_many_requests(contract_mock: Sites) -> None:
    contract_mock.respond(429, headers={"X-RateLimit-Reset": "7"})


@pytest.mark.usefixtures("_too_many_requests")
@given(number=st.integers())
def test_a_response_of_a_fixture_is_there_in_each_example(
    contract_mock: Sites, number: int
) -> None:
    response = requests.get(URL, timeout=5)
    assert (response.status_code, response.headers["X-RateLimit-Reset"]) == (429, "7")


def test_a_response_of_a_fixture_is_gone_in_the_next_test(contract_mock: Sites) -> None:
    assert requests.get(URL, timeout=5).status_code == 200


@pytest.fixture(params=["contract_mock", "contract_sites"])
def sites(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_sites_that_a_fixture_gets_by_name_act_too(sites: Sites) -> None:
    sites.respond(418, body="text", media_type="text/plain")
    response = requests.get(URL, timeout=5)
    assert (response.status_code, response.text) == (418, "text")
    assert len(sites.requests) == 1


def test_responses_come_in_order_and_the_last_one_repeats(contract_mock: Sites) -> None:
    contract_mock.respond(500, json={"errors": ["a"]})
    assert requests.get(URL, timeout=5).json() == {"errors": ["a"]}
    contract_mock.respond(403, body=b"<p>", media_type="text/html")
    for _ in range(2):
        response = requests.get(URL, timeout=5)
        assert (response.status_code, response.text) == (403, "<p>")
        assert response.headers["Content-Type"] == "text/html"
    assert len(contract_mock.requests) == 3
    assert contract_mock.last_request.method == "GET"


def test_a_media_type_among_the_headers_is_the_only_one(contract_mock: Sites) -> None:
    contract_mock.respond(json=1, headers={"content-type": "text/plain"})
    response = requests.get(URL, timeout=5)
    assert response.headers["Content-Type"] == "text/plain"


def test_no_request_is_an_assertion(contract_mock: Sites) -> None:
    with pytest.raises(AssertionError, match="no request was sent"):
        contract_mock.last_request  # noqa: B018


@pytest.mark.usefixtures("contract_mock")
def test_nothing_leaves_the_machine() -> None:
    with pytest.raises(OSError, match="no real connection"):
        socket.create_connection(("127.0.0.1", 9))
    with pytest.raises(requests.ConnectionError, match="is not mocked"):
        requests.get("https://example.com/", timeout=5)
    with pytest.raises(OSError, match="no real connection"):
        socket.gethostbyname("localhost")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(OSError, match=r"no real connection.*127\.0\.0\.1"),
    ):
        datagrams.sendto(b"a", ("127.0.0.1", 9))


@pytest.mark.usefixtures("contract_mock")
def test_a_mock_by_its_user_in_the_same_test() -> None:
    with responses.RequestsMock() as mock:
        mock.add("GET", "https://example.com/", body="a")
        assert requests.get("https://example.com/", timeout=5).text == "a"


@responses.activate
def test_a_foreign_mock_afterwards() -> None:
    responses.add("GET", "https://example.com/", body="a")
    assert requests.get("https://example.com/", timeout=5).text == "a"


def test_nothing_is_patched_afterwards() -> None:
    assert patched() == BEFORE


class TestInAClass:
    @given(number=st.integers())
    def test_an_example_sees_nothing_of_the_one_before(
        self, contract_mock: Sites, number: int
    ) -> None:
        assert contract_mock.requests == ()
        requests.get(URL, timeout=5)


def test_the_client_has_the_keys_of_the_sites(
    contract_mock: Sites, contract_client: Any
) -> None:
    client = contract_client("us3.datadoghq.com")
    assert isinstance(client, SnapshotClient)
    assert client.update(contract.EXAMPLE_ID, BODY).to_json()["data"]
    assert contract_mock.last_request.origin == "https://api.us3.datadoghq.com"
    assert contract_mock.last_request.header("DD-API-KEY") == contract_mock.api_key


# -- sites over TLS --------------------------------------------------------------------


def test_any_library_meets_the_sites_over_tls(contract_sites: TlsSites) -> None:
    contract_sites.respond(404, json={"errors": ["nothing"]})
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(URL, timeout=5)
    with raised.value as response:
        assert json.load(response) == {"errors": ["nothing"]}
    contract_sites.respond(200, json=1)
    assert requests.get(URL, timeout=5).json() == 1
    assert [request.url for request in contract_sites.requests] == [URL, URL]


def test_a_program_meets_the_sites_over_tls(contract_sites: TlsSites) -> None:
    program = f"import requests; print(requests.get({URL!r}, timeout=9).status_code)"
    environment = {"PATH": os.environ["PATH"], **contract_sites.environment}
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "200\n"
    assert contract_sites.environment["HTTPS_PROXY"] == contract_sites.proxy_url
    assert contract_sites.environment["SSL_CERT_FILE"] == contract_sites.ca_file


@settings(max_examples=5)
@given(number=st.integers())
def test_an_example_over_tls_sees_nothing_of_the_one_before(
    contract_sites: TlsSites, contract_client: Any, number: int
) -> None:
    assert contract_sites.requests == ()
    contract_sites.respond(429)
    with pytest.raises(contract.RateLimited):
        contract_client("datadoghq.eu").update("a", BODY)


# -- the reference service -------------------------------------------------------------


@settings(max_examples=20)
@given(body=valid_bodies())
def test_the_reference_service_is_new_in_each_example(
    contract_sandbox: ReferenceService, body: Any
) -> None:
    url = f"{contract_sandbox.url}{PATH}/{contract_sandbox.snapshot_id}"
    response = requests.delete(url, headers=contract_sandbox.headers, timeout=5)
    assert response.status_code == 204


# -- refusals and proofs ---------------------------------------------------------------


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(
        test_own="""
        import json, pytest
        from contract import EXAMPLE_ID

        def update(mock, client):
            body = {"data": {"type": "snapshots", "id": "é"}}
            client("datadoghq.eu").update(EXAMPLE_ID, body)
            return mock.last_request

        @pytest.mark.proven_by("client/auth-no-app-key")
        def test_right(contract_mock, contract_client):
            assert update(contract_mock, contract_client).header("DD-APPLICATION-KEY")

        @pytest.mark.proven_by("client/auth-no-app-key")
        def test_blind(contract_mock, contract_client):
            assert update(contract_mock, contract_client).method == "PATCH"

        @pytest.mark.proven_by("client/auth-no-app-key")
        def test_wrong_reason(contract_mock, contract_client):
            update(contract_mock, contract_client).header("DD-APPLICATION-KEY").lower()

        @pytest.mark.proven_by("client/none", "service/echo-old-start")
        def test_no_such_fault(contract_mock, contract_client):
            pass

        def test_unproven(contract_mock):
            pass

        def test_foreign():
            pass

        def test_two(contract_mock, contract_sandbox):
            pass

        def test_no_sites(contract_client):
            pass
        """
    )
    return pytester


def test_what_a_fixture_scripts_lives_as_long_as_the_fixture(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_first="""
        import pytest, requests
        from hypothesis import given, strategies as st

        def status():
            return requests.get("https://api.datadoghq.eu/", timeout=5).status_code

        @pytest.fixture(scope="module")
        def missing(contract_mock):
            contract_mock.respond(404)

        @pytest.fixture
        def skipped(contract_mock):
            contract_mock.respond(500)
            pytest.skip("no use")

        def test_skipped(skipped):
            pass

        @pytest.mark.parametrize("turn", [1, 2])
        @given(number=st.integers())
        def test_wide(missing, turn, number):
            assert status() == 404
        """,
        test_second="""
        from test_first import status

        def test_gone(contract_mock):
            assert status() == 200
        """,
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=3, skipped=1)


def test_sites_that_do_not_act_say_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def nothing_is_sent(contract_mock):
            yield
            assert contract_mock.requests == ()

        @pytest.fixture
        def client(contract_mock, contract_client):
            return contract_client("datadoghq.eu")

        def test_after(nothing_is_sent):
            pass

        def test_before(client):
            pass

        def test_unnamed(request):
            request.getfixturevalue("contract_mock").respond(404)
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "the sites act only in the body of a test that names their fixture",
            "call contract_client in the body of a test",
            "the sites act only in the body of a test that names their fixture",
        ],
    )


def test_a_coroutine_stays_one_under_given(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import asyncio, inspect, pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            handle = pyfuncitem.obj.hypothesis
            inner = handle.inner_test
            if inspect.iscoroutinefunction(inner):
                handle.inner_test = lambda **values: asyncio.run(inner(**values))
        """
    )
    pytester.makepyfile(
        """
        import requests
        from hypothesis import given, settings, strategies as st

        @settings(max_examples=5)
        @given(number=st.integers())
        async def test_coroutine(contract_mock, number):
            assert contract_mock.requests == ()
            requests.get("https://api.datadoghq.eu/", timeout=5)
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_failing_example_is_shown_without_our_frames(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, strategies as st

        @given(number=st.integers())
        def test_small(contract_mock, number):
            assert number < 7

        def test_inner(contract_mock):
            @given(letter=st.just("a"))
            def never(letter):
                assert not letter

            never()
        """
    )
    output = pytester.runpytest_inprocess().stdout
    output.fnmatch_lines(["*number=7,*", "*letter='a',*"])
    output.no_fnmatch_line("*fixtures.py:*")


def test_two_fixtures_in_one_test_are_refused_in_one_line(
    suite: pytest.Pytester,
) -> None:
    result = suite.runpytest_inprocess("-k", "two or sites")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "ask for one of contract_mock, contract_sites and contract_sandbox",
            "contract_client needs contract_mock or contract_sites beside it",
        ]
    )


def test_a_proof_fails_for_a_survivor_and_for_a_wrong_reason(
    suite: pytest.Pytester,
) -> None:
    result = suite.runpytest_inprocess("--contract-prove", "-k", "not two and not site")
    result.assert_outcomes(passed=1, failed=4, deselected=3)
    result.stdout.fnmatch_lines(
        [
            "it passes under the fault client/auth-no-app-key",
            "*AttributeError: 'NoneType' object has no attribute 'lower'",
            "unknown fault 'none' (one of: *",
            "it names no fault: mark it with proven_by",
            "test_right fails under client/auth-no-app-key: AssertionError (1 times)",
        ]
    )


def test_one_fault_is_put_into_every_test(suite: pytest.Pytester) -> None:
    fault = ("--contract-fault", "client/auth-no-app-key")
    result = suite.runpytest_inprocess(*fault, "-k", "right or blind")
    result.assert_outcomes(passed=1, failed=1)


def test_a_proof_may_be_asked_for_by_ini_values(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("-o", "contract_prove=true", "-k", "blind")
    result.assert_outcomes(failed=1)
    fault = "contract_fault=client/auth-no-app-key"
    result = suite.runpytest_inprocess("-o", fault, "-k", "right")
    result.assert_outcomes(failed=1)


def test_a_refusal_is_shown_once(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--contract-prove", "-k", "no_such")
    assert "During handling" not in result.stdout.str()


def test_a_client_of_its_own_takes_the_place_of_the_minimal_one(
    suite: pytest.Pytester,
) -> None:
    suite.makeconftest(
        """
        import pytest, requests

        class Client:
            def __init__(self, site):
                self.url = f"https://api.{site}/"

            def update(self, snapshot_id, body):
                requests.patch(self.url, json=body, timeout=5)

        @pytest.fixture(scope="session")
        def contract_mock(contract_sites):
            return contract_sites

        @pytest.fixture(scope="session")
        def contract_client():
            return Client
        """
    )
    result = suite.runpytest_inprocess("-k", "right or blind")
    result.assert_outcomes(passed=1, failed=1)
