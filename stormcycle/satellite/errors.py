"""What can be wrong with a scan; each is a sentence that may be released, so none holds a path of the machine."""


class Unreadable(ValueError):
    """A scan that cannot be read, or that holds no value where it should."""


class WrongKind(ValueError):
    """A file that can be read and is not what its name says, or a scan of another place than is wanted."""


class OutsideDisk(ValueError):
    """An area that the satellite cannot see: a mistake of the domain, not of the file."""
