"""What is under test, made playable: clients in the process, drivers, services over HTTP."""

__all__: list[str] = []
