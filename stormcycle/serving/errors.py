"""What can be wrong with a served model; each is a sentence that may be released, so none holds a path of the host."""

import re

HOST_PATH = re.compile(r"(?<![\w:/])/(?:[^\s/'\":,;()]+/)*([^\s/'\":,;()]+)/?")


class ServingError(RuntimeError):
    """A served model cannot be used; the classes below say why."""


class ServerDownError(ServingError):
    """No Triton server answers."""


class ModelMissingError(ServingError):
    """The server answers and does not serve the model."""


class ModelBrokenError(ServingError):
    """The model fails: a dead process, a failed load, NaN or infinite answers, another answer than its card's to the canary."""


class MismatchedModelError(ServingError):
    """What is served, or its card, is not what the repository declares: names, shapes, types, order of channels, weights."""


class DeadlinePassedError(ServingError):
    """The model did not answer in time."""


class BadTensorError(ServingError):
    """What was to be sent is not what the model takes; nothing was sent."""


def without_paths(text: str) -> str:
    """A server's message on one line, its paths shortened to their last part."""
    return HOST_PATH.sub(r"\1", " ".join(text.split()))
