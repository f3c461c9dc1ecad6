"""The contract of a release: a product that drifts from its schema is told so in sentences."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from stormcycle.release import ContractError, violations
from stormcycle.release.contract import SCHEMAS, schema
from stormcycle.release.contract import products as product_names


@pytest.mark.parametrize("name", ["radar", "nowcast", "probability"])
def test_a_whole_product_keeps_its_contract(products, name: str):
    assert violations(name, products[name]) == []


def change(name: str, **attributes: object) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda fields: fields.assign({name: fields[name].assign_attrs(attributes)})


def filled(name: str, value: float) -> Callable[[xr.Dataset], xr.Dataset]:
    def made(fields: xr.Dataset) -> xr.Dataset:
        fields = fields.copy(deep=True)
        fields[name].values[..., 1, 1] = value
        return fields

    return made


@pytest.mark.parametrize(
    ("drift", "sentence"),
    [
        (lambda fields: fields.drop_vars("hourly_sum"), "radar lacks hourly_sum."),
        (lambda fields: fields.drop_vars("crs"), "radar lacks crs."),
        (lambda fields: fields.drop_vars("actual_time"), "radar lacks actual_time."),
        (lambda fields: fields.assign(rain=fields["hourly_sum"]), "radar holds rain, which its schema does not know."),
        (change("reflectivity", units="mm6 m-3"), "radar.reflectivity has the units 'mm6 m-3', wanted are 'dBZ'."),
        (change("hourly_count", units=None), "radar.hourly_count has the units None, wanted are '1'."),
        (change("provenance", units="1"), "radar.provenance has the units '1', wanted are None."),
        (change("observed", grid_mapping=None), "radar.observed names no grid_mapping."),
        (
            lambda fields: fields.assign(reflectivity=fields["reflectivity"].transpose("y", "x", "valid_time")),
            "radar.reflectivity has the dimensions ['y', 'x', 'valid_time'], wanted are ['valid_time', 'y', 'x'].",
        ),
        (lambda fields: fields.assign(hourly_sum=fields["hourly_sum"].astype("float64")), "radar.hourly_sum is of type float64, wanted is float32."),
        (lambda fields: fields.assign(observed=fields["observed"].astype("uint8")), "radar.observed is of type uint8, wanted is bool."),
        (filled("reflectivity", 200.0), "radar.reflectivity runs from -32 to 200, outside [-32.0, 95.0]."),
        (filled("hourly_sum", -5.0), "radar.hourly_sum runs from -5 to 30, outside [0.0, 120.0]."),
        (lambda fields: fields.assign_attrs(schema_version=99), "radar says schema_version 99, the schema is version 2."),
    ],
)
def test_a_drift_is_one_sentence(products, drift, sentence: str):
    assert violations("radar", drift(products["radar"])) == [sentence]


def test_not_observed_at_all_is_no_drift(products):
    fields = products["radar"].copy(deep=True)
    fields["reflectivity"].values[:] = np.nan
    assert violations("radar", fields) == []


def test_optional_moments_may_be_there_or_not(products):
    fields = products["radar"]
    with_zdr = fields.assign(zdr=fields["reflectivity"].assign_attrs(units="dB"))
    assert violations("radar", with_zdr) == []
    assert violations("radar", fields.assign(zdr=fields["reflectivity"])) == ["radar.zdr has the units 'dBZ', wanted are 'dB'."]


def test_a_product_without_schema_is_named_with_those_that_have_one(products):
    with pytest.raises(ContractError, match=r"no product 'snow'; schemas/releases knows .*nowcast.*radar"):
        violations("snow", products["radar"])


def test_dressing_gives_names_units_flags_and_the_releases_attributes(products):
    radar = products["radar"]
    assert radar["reflectivity"].attrs["standard_name"] == "equivalent_reflectivity_factor"
    assert radar["provenance"].attrs["flag_masks"] == [2**bit for bit in range(13)]
    assert radar.attrs["cycle_time"] == "2026-07-01T13:00:00Z"
    assert {"providers", "licence", "title", "domain", "Conventions", "schema_version"} <= set(radar.attrs)


def test_every_schema_names_itself_its_version_and_what_each_variable_is():
    for name in product_names():
        assert json.loads((SCHEMAS / f"{name}.json").read_text())["product"] == name
        assert schema(name)["version"] >= 1
        for rules in {**schema(name)["coordinates"], **schema(name)["variables"]}.values():
            assert rules["long_name"]
            np.dtype(rules["dtype"])


def test_infinite_values_are_named(products):
    assert "radar.reflectivity holds infinite values." in violations("radar", filled("reflectivity", np.inf)(products["radar"]))
