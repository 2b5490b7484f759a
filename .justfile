# Short names for the commands of daily work: `just --justfile .justfile RECIPE`.

# List the recipes.
default:
    @just --justfile {{justfile()}} --list

# Create .venv and install the suite with everything for development.
setup:
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]'

# Run the fast tests. Arguments go to pytest: `just --justfile .justfile test -k gate`.
test *arguments:
    .venv/bin/pytest -n 2 {{arguments}}

# Run the linters and the type checker.
lint:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy

# Run the suite on itself. Arguments go to `contract check`.
check *arguments:
    .venv/bin/contract check {{arguments}}
