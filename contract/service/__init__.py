"""Services as subjects: the sender puts bytes on the wire, the subject sets up, reads, asks and cleans up.

    with service_under_test(url, keys=(api_key, app_key)) as subject:
        exchange = subject.play(case.on(subject.site))

subject ─> talk ─> sender
"""

from contract.service.sender import NoAnswerError, Sender
from contract.service.several import SeveralSites
from contract.service.subject import ServiceUnderTest, service_under_test

__all__ = [
    "NoAnswerError",
    "Sender",
    "ServiceUnderTest",
    "SeveralSites",
    "service_under_test",
]
