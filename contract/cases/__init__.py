"""Cases, made from the spec alone: enumerated at every boundary, and generated.

    values ──> documents ──> client (parameters)
                        └──> service (parameters, payloads, placeholders)

`scenario` groups cases. `codec` writes them as JSON and reads them back.
"""

__all__: list[str] = []
