"""Where things lie: STORMCYCLE_HOME for what we write, variables in the locations that a domain names."""

import os
import re
from pathlib import Path


class UnsetVariableError(ValueError):
    """A location names an environment variable that is not set."""


def home() -> Path:
    """The folder under which everything is written: STORMCYCLE_HOME, or ./.stormcycle."""
    return Path(os.environ.get("STORMCYCLE_HOME") or ".stormcycle").absolute()


def expand(location: str) -> str:
    """A location (path or URL) with ${NAME} replaced from the environment.

    Raises UnsetVariableError with a sentence when a variable is not set. STORMCYCLE_HOME always has a value.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name == "STORMCYCLE_HOME":
            return str(home())
        if not os.environ.get(name):
            raise UnsetVariableError(f"The location {location} needs the environment variable {name}, which is not set.")
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", value, location)
