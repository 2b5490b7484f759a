"""The engine: plays cases on a subject, checks the exchanges, comes to a verdict."""
