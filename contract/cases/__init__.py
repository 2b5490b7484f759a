"""Cases, made from the spec alone: enumerated at every boundary, and generated.

    values ──> mutations ──> documents ──> client (parameters, responses)
                                      └──> service (parameters, payloads,
                                           placeholders, stateful)

`scenario` groups cases. `codec` writes them as JSON and reads them back.
"""

__all__: list[str] = []
