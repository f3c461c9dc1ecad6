"""The contract of a release: schemas/releases/*.json says what each product holds; what drifts from it is refused."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.domain import Domain
from stormcycle.grids import geolocated
from stormcycle.states import provenance_attributes

SCHEMAS = Path(__file__).parents[2] / "schemas" / "releases"
CONVENTIONS = "CF-1.11"


class ContractError(ValueError):
    """A product that is not what its schema says."""


@cache
def schema(product: str) -> dict[str, Any]:
    """The schema of a product. Raises ContractError for a product that has none."""
    path = SCHEMAS / f"{product}.json"
    if not path.is_file():
        raise ContractError(f"There is no product {product!r}; schemas/releases knows {', '.join(products())}.")
    return dict(json.loads(path.read_text()))


def products() -> list[str]:
    """The names of all products that a release can hold, sorted."""
    return sorted(path.stem for path in SCHEMAS.glob("*.json"))


def dressed(product: str, fields: xr.Dataset, domain: Domain, cycle_time: str) -> xr.Dataset:
    """The fields as they are released: geolocated, with the schema's names, units and types, and the release's attributes.

    Values do not change but for their type.
    """
    wanted = schema(product)
    fields = geolocated(fields, domain.area_of(product), domain.grid.nominal)
    for name, rules in {**wanted["coordinates"], **wanted["variables"]}.items():
        if name not in fields.variables:
            continue
        variable = fields[name]
        if rules["dtype"][0] not in "dt":
            variable = variable.astype(rules["dtype"])
        attributes = {key: rules[key] for key in ("standard_name", "long_name", "units") if key in rules}
        if rules.get("flags") == "provenance":
            attributes = provenance_attributes() | attributes
        variable.attrs = {**fields[name].attrs, **attributes}
        fields[name] = variable
    common = {
        "Conventions": CONVENTIONS,
        "title": f"{domain.title}: {product}",
        "product": product,
        "schema_version": wanted["version"],
        "domain": domain.name,
        "cycle_time": cycle_time,
        "providers": ", ".join(domain.providers),
        "licence": domain.licence,
    }
    return fields.assign_attrs({**common, **fields.attrs})


def violations(product: str, fields: xr.Dataset) -> list[str]:
    """Sentences on where a product departs from its schema; none when it keeps it."""
    wanted = schema(product)
    rules = {**wanted["coordinates"], **wanted["variables"]}
    found = [f"{product} lacks {name}." for name, rule in rules.items() if name not in fields.variables and not rule.get("optional")]
    found += [f"{product} holds {name}, which its schema does not know." for name in map(str, fields.variables) if name not in rules]
    for name, rule in rules.items():
        if name in fields.variables:
            found += [f"{product}.{name} {complaint}" for complaint in _complaints(fields[name], rule)]
    if fields.attrs.get("schema_version") != wanted["version"]:
        found.append(f"{product} says schema_version {fields.attrs.get('schema_version')}, the schema is version {wanted['version']}.")
    return found


def _complaints(variable: xr.DataArray, rule: dict[str, Any]) -> list[str]:
    complaints = []
    if list(variable.dims) != rule["dims"]:
        complaints.append(f"has the dimensions {list(variable.dims)}, wanted are {rule['dims']}.")
    if str(variable.dtype).replace("[s]", "[ns]") != rule["dtype"]:
        complaints.append(f"is of type {variable.dtype}, wanted is {rule['dtype']}.")
    if rule.get("units") != variable.attrs.get("units"):
        complaints.append(f"has the units {variable.attrs.get('units')!r}, wanted are {rule.get('units')!r}.")
    if {"y", "x"} <= set(variable.dims) and variable.name not in ("longitude", "latitude") and variable.attrs.get("grid_mapping") != "crs":
        complaints.append("names no grid_mapping.")
    if variable.dtype.kind == "f" and np.isinf(variable.values).any():
        complaints.append("holds infinite values.")
    if "range" in rule and np.isfinite(variable.values).any():
        low, high = float(np.nanmin(variable.values)), float(np.nanmax(variable.values))
        if low < rule["range"][0] - 1e-3 or high > rule["range"][1] + 1e-3:
            complaints.append(f"runs from {low:g} to {high:g}, outside {rule['range']}.")
    return complaints
