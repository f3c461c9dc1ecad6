"""Finding and reading a domain's YAML: every error is a sentence with the file and the key."""

import os
from pathlib import Path

import yaml
from pydantic import ValidationError

from stormcycle.domain.whole import Domain

SHIPPED = Path(__file__).parents[2] / "infra" / "domains"


class DomainError(ValueError):
    """A domain that does not exist or whose YAML is not what the schema says."""


def parse_domain(text: str, source: str) -> Domain:
    """A domain from YAML text; `source` names the file in errors. Raises DomainError."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DomainError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise DomainError(f"{source} holds no mapping of keys; see infra/domains/demo.yaml for an example.")
    try:
        return Domain.model_validate(raw)
    except ValidationError as error:
        complaints = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the file'}: {'there is no such key' if item['type'] == 'extra_forbidden' else item['msg']}"
            for item in error.errors()
        )
        raise DomainError(f"{source} is not a valid domain: {complaints}.") from None


def domains_folder() -> Path:
    """The folder of the domains' YAML files: STORMCYCLE_DOMAINS, or the shipped infra/domains."""
    return Path(os.environ.get("STORMCYCLE_DOMAINS") or SHIPPED)


def load_domain(name: str) -> Domain:
    """The domain of a name. Raises DomainError when there is none or its YAML is wrong."""
    if name not in domain_names():
        raise DomainError(f"There is no domain {name!r}; known are: {', '.join(domain_names()) or 'none'}.")
    path = domains_folder() / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DomainError(f"{path.name} is not UTF-8 text: {error}.") from None
    domain = parse_domain(text, path.name)
    if domain.name != name:
        raise DomainError(f"{path.name} says name: {domain.name}; the name and the file must agree.")
    return domain


def domain_names() -> list[str]:
    """The names of all domains, sorted. Raises DomainError when their folder does not exist."""
    if not domains_folder().is_dir():
        raise DomainError(f"STORMCYCLE_DOMAINS names {domains_folder()}, which is no folder.")
    return sorted(path.stem for path in domains_folder().glob("*.yaml"))
