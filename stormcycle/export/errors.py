"""What can go wrong on the way from weights to what is served."""


class ExportError(RuntimeError):
    """A network, a graph or a plan cannot be made of what is there; the sentence says what to do."""
