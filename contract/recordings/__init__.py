"""Recordings: exchanges with a service as VCR cassettes.

`cassette.py` writes, reads and redacts them. `replay.py` compares two directories, and
plays the responses to clients.
"""
