"""Documents that are made from sources are as their sources say."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from stormcycle.release.dictionary import data_dictionary, domain_schema

ROOT = Path(__file__).parents[3]


def test_the_data_dictionary_is_what_the_schemas_say() -> None:
    assert (ROOT / "docs/data_dictionary.md").read_text() == data_dictionary(), "run `make documents`"


def test_the_domain_schema_is_what_the_model_says() -> None:
    assert (ROOT / "schemas/domain.schema.json").read_text() == domain_schema(), "run `make documents`"


@pytest.mark.parametrize("path", sorted((ROOT / "infra/domains").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_domain_keeps_the_json_schema(path: Path) -> None:
    document = json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))
    assert list(jsonschema.Draft202012Validator(json.loads(domain_schema())).iter_errors(document)) == []


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md", "docs/operations.md"])
def test_every_link_between_documents_leads_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / name).parent / link).exists(), f"{name} links to {link}, which is not there"
