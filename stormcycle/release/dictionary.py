"""The documents that are made from schemas: docs/data_dictionary.md and schemas/domain.schema.json.

Run as a program it writes both; a test holds them to their sources.
"""

import json
from pathlib import Path
from typing import Any

from stormcycle.domain import Domain
from stormcycle.release.contract import products, schema
from stormcycle.states import Provenance

ROOT = Path(__file__).parents[2]


def data_dictionary() -> str:
    """The data dictionary in Markdown: every product, every variable, every flag."""
    lines = [
        "# Data dictionary",
        "",
        "Made from `schemas/releases/*.json` by `make documents`; do not edit.",
        "",
        "A release is a Zarr v3 store with one group a product. Every gridded variable names its grid mapping `crs`.",
        "",
        "## Flags of `provenance`",
        "",
        "| bit | meaning |",
        "|---|---|",
        *(f"| {int(flag)} | {str(flag.name).lower().replace('_', ' ')} |" for flag in Provenance),
    ]
    for product in products():
        rules = schema(product)
        lines += ["", f"## `{product}` (version {rules['version']})", "", rules["description"], ""]
        lines += ["| name | dimensions | type | units | what |", "|---|---|---|---|---|"]
        lines += [_row(name, rule) for part in ("coordinates", "variables") for name, rule in rules[part].items()]
    return "\n".join(lines) + "\n"


def domain_schema() -> str:
    """The JSON schema of a domain's YAML."""
    return json.dumps(Domain.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def _row(name: str, rule: dict[str, Any]) -> str:
    dims = ", ".join(rule["dims"]) or "scalar"
    named = f" (CF `{rule['standard_name']}`)" if "standard_name" in rule else ""
    optional = "; optional" if rule.get("optional") else ""
    return f"| `{name}` | {dims} | {rule['dtype']} | {rule.get('units', '')} | {rule['long_name']}{named}{optional} |"


if __name__ == "__main__":
    (ROOT / "docs" / "data_dictionary.md").write_text(data_dictionary())
    (ROOT / "schemas" / "domain.schema.json").write_text(domain_schema())
