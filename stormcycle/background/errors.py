"""What readers of model fields raise, each in a sentence."""


class Unreadable(ValueError):
    """A GRIB file, or a set of them, that cannot be used: what is wrong and with which file."""


class WrongKind(ValueError):
    """A file that can be read and is not what was wanted: of another time, run or place."""
