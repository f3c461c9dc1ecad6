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


MEANINGS = {
    Provenance.OBSERVED: "a beam looked at the pixel",
    Provenance.UNDETECT: "no echo: -32 dBZ",
    Provenance.OUTSIDE_COVERAGE: "no radar of the hour reaches the pixel (radar); nothing known is carried to it (nowcast, probability)",
    Provenance.REJECTED_BY_QUALITY_CONTROL: "a gate above the pixel was rejected, for the reasons of bits 256 and higher",
    Provenance.FILLED_BY_ADVECTION: "the frame was absent; the value is carried from its neighbours in time",
    Provenance.MADE_FROM_SATELLITE: "no radar: the value is made from satellite",
    Provenance.MADE_BY_A_MODEL: "a forecast; extrapolation counts as a model",
    Provenance.LATE: "a granule that came late saw the pixel",
    Provenance.NOT_WEATHER: "rejected: low copolar correlation, or doubtful and rough",
    Provenance.STATIC_CLUTTER: "rejected: the texture or outline of ground clutter",
    Provenance.SPECKLE: "rejected: too small to be weather",
    Provenance.BEAM_BLOCKED: "rejected: terrain hides the beam",
    Provenance.OUTLIER_GATE: "rejected: a gate of the radar's outlier mask",
}


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
        "| bit | flag | meaning |",
        "|---|---|---|",
        *(f"| {int(flag)} | {str(flag.name).lower().replace('_', ' ')} | {MEANINGS[flag]} |" for flag in Provenance),
        "",
        "Bits add up. `(radar.provenance & 8) > 0` is where quality control rejected a gate; with bit 1 another beam or radar saw the pixel, without it the",
        "value is NaN. `(radar.provenance & 512) > 0` is where that was static clutter. 3 is observed without an echo (-32 dBZ).",
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
