"""The Python API: put a client or a service under test, run the suite, get a verdict.

contract.check_client(["node", "driver.js"], profile="quick").assert_holds()
contract.check_client("our_client.testing:factory", sites=["datadoghq.eu"]).assert_holds()
contract.check_service("http://127.0.0.1:8080", keys=(api_key, app_key)).assert_holds()

    choosing ──> clients ──> both
        └──────> services ────┘

Nothing is imported here: a command that judges a service does not wait for what puts clients under test.
"""

__all__: list[str] = []
