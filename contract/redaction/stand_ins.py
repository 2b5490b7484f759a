"""Values of the same shape, made of a counter."""

import hashlib
import re
from collections.abc import Mapping
from string import ascii_lowercase

ATTEMPTS = 50
"""Most tries to find an unused stand-in."""

DOMAIN = "@redacted.example"
MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


class StandIns:
    """Stand-ins by value: the same value has the same one."""

    def __init__(self, chosen: Mapping[str, str]) -> None:
        self.shared: set[str] = set()
        """Values without a stand-in of their own."""
        self._by_value = dict(chosen)
        self._taken = set(chosen.values())

    def choose(self, value: str, stand_in: str) -> None:
        self._by_value[value] = stand_in
        self._taken.add(stand_in)

    def of(self, value: str) -> str:
        """Return the stand-in of a value. A stand-in stays as it is."""
        if value not in self._by_value:
            if value in self._taken or value.endswith(DOMAIN):
                return value
            self.choose(value, self._unused(value))
        return self._by_value[value]

    def _unused(self, value: str) -> str:
        number = len(self._by_value)
        if MAIL.fullmatch(value):
            return f"person-{number}{DOMAIN}"
        choice = value
        for attempt in range(ATTEMPTS):
            stand_in = shaped(value, f"{number} {attempt}")
            if stand_in == value:
                continue
            choice = stand_in
            if choice not in self._taken and choice not in self._by_value:
                return choice
        self.shared.add(value)
        return choice


def shaped(value: str, seed: str) -> str:
    """Return a text of the same length and kinds of characters."""
    noise = hashlib.shake_256(seed.encode()).digest(len(value))
    text = "".join(map(similar, value, noise))
    if re.fullmatch("[1-9][0-9]*", value):
        # An integer of 64 bits stays one.
        return str(1 + noise[0] % 8) + text[1:]
    return text


def similar(char: str, number: int) -> str:
    if char in "-_. ":
        return char
    if char.isdecimal():
        return str(number % 10)
    letter = ascii_lowercase[number % 26]
    return letter.upper() if char.isupper() else letter
