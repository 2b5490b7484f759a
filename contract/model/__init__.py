"""Frozen data that every layer shares.

A case is played on a subject and becomes an exchange. Clauses check exchanges and
yield findings. A run gathers those with the same clause, rule and place in a breach.
"""

from contract.model.exchange import (
    DRIP_INTERVAL_S,
    AnyCase,
    AnyExchange,
    Breach,
    Call,
    Case,
    ClientCase,
    ClientExchange,
    Finding,
    Headers,
    Json,
    Listing,
    Note,
    Outcome,
    Request,
    RequestOverride,
    Response,
    Rule,
    ServiceCase,
    ServiceExchange,
)
from contract.model.names import (
    ROOT,
    VIEW_NAME,
    Credential,
    Danger,
    Delivery,
    KeyVariant,
    Kind,
    Label,
    Level,
    Operation,
    OutcomeKind,
    Owner,
    Placeholder,
    ServiceCredential,
    SnapshotRef,
    SnapshotState,
    SubjectKind,
    Template,
    Tls,
    ViewName,
    Violation,
)
