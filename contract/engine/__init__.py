"""The engine: plays cases on a subject, judges the exchanges, comes to a verdict."""

__all__: list[str] = []
