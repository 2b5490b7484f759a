"""The breach ids of every built-in fault: two faults of one clause differ.

    python tests/soak/fault_rules.py [FAULT ...]         about two minutes for all of them

Prints the table of rules. Exits with 1 if a fault is not caught by the clause that it
names, or if two faults of one clause cannot be told apart.
"""

import sys

from contract.faults import indistinguishable, prove


def main(names: list[str]) -> int:
    """Print the table and return the exit status."""
    kills = list(prove(None, names))
    for kill in kills:
        for clause, ids in kill.by.items():
            print(f"{kill.fault:42} {clause:12} {' '.join(ids)}")
    missed = [kill.fault for kill in kills if not kill.is_caught]
    same = [" = ".join(faults) for faults in indistinguishable(kills)]
    print(f"missed: {', '.join(missed) or 'none'}")
    print(f"alike: {', '.join(same) or 'none'}")
    return 1 if missed or same else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
