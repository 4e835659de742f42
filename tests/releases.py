"""Which release of a peer is installed, for what its older releases lack or compute otherwise."""

from importlib.metadata import version

from packaging.version import Version


def is_older(package: str, release: str) -> bool:
    """Whether the installed version of a package comes before a release."""
    return Version(version(package)) < Version(release)
