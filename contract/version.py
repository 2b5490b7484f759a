"""The version of the suite."""


def suite_version() -> str:
    """Return the version, `0` for a checkout that is not installed."""
    # Slow to import, and mostly needed at the end of a run.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("replay-heatmap-contract")
    except PackageNotFoundError:
        return "0"
