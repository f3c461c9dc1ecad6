"""What a message holds, against the code tables' numbers and against ecCodes' own names on the real files."""

from pathlib import Path

import eccodes
import pytest

from stormcycle.background.parameters import Parameter, parameter_of

ONE = {"edition": 1, "centre": 85, "table2Version": 1, "indicatorOfParameter": 11, "indicatorOfTypeOfLevel": 100, "level": 850, "timeRangeIndicator": 0}
TWO = {"edition": 2, "centre": 85, "discipline": 0, "parameterCategory": 0, "parameterNumber": 0, "typeOfFirstFixedSurface": 100} | {
    "typeOfSecondFixedSurface": 255,
    "scaledValueOfFirstFixedSurface": 85000,
    "scaleFactorOfFirstFixedSurface": 0,
    "productDefinitionTemplateNumber": 0,
}
T850 = Parameter("t", "pressure", 850.0)


@pytest.mark.parametrize(
    ("keys", "parameter"),
    [
        ({}, T850),
        ({"timeRangeIndicator": 10}, T850),
        ({"timeRangeIndicator": 3}, None),
        ({"timeRangeIndicator": 4}, None),
        ({"indicatorOfParameter": 12}, None),
        ({"indicatorOfParameter": 33}, Parameter("u", "pressure", 850.0)),
        ({"indicatorOfParameter": 52, "indicatorOfTypeOfLevel": 105, "level": 2}, Parameter("r", "height", 2.0)),
        ({"indicatorOfParameter": 17, "indicatorOfTypeOfLevel": 105, "level": 2}, Parameter("td", "height", 2.0)),
        ({"indicatorOfParameter": 11, "indicatorOfTypeOfLevel": 109}, None),
        ({"indicatorOfParameter": 11, "indicatorOfTypeOfLevel": 1, "level": 0}, None),
        ({"indicatorOfParameter": 2, "indicatorOfTypeOfLevel": 102, "level": 0}, Parameter("mslp", "sea", 0.0)),
        ({"indicatorOfParameter": 1, "indicatorOfTypeOfLevel": 103, "level": 0}, Parameter("mslp", "sea", 0.0)),
        ({"indicatorOfParameter": 1, "indicatorOfTypeOfLevel": 105, "level": 0}, Parameter("sp", "surface", 0.0)),
        ({"indicatorOfParameter": 1, "indicatorOfTypeOfLevel": 105, "level": 20}, None),
        ({"indicatorOfParameter": 1, "indicatorOfTypeOfLevel": 1, "level": 0}, Parameter("sp", "surface", 0.0)),
        ({"indicatorOfParameter": 1, "indicatorOfTypeOfLevel": 100}, None),
        ({"table2Version": 253}, T850),
        ({"table2Version": 128}, None),
        ({"table2Version": 128, "centre": 89}, T850),
        ({"table2Version": 128, "centre": 98}, None),
        ({"table2Version": 128, "centre": 98, "indicatorOfParameter": 130}, T850),
        ({"table2Version": 128, "centre": 98, "indicatorOfParameter": 167, "indicatorOfTypeOfLevel": 1, "level": 0}, Parameter("t", "height", 2.0)),
        ({"table2Version": 128, "centre": 98, "indicatorOfParameter": 151, "indicatorOfTypeOfLevel": 1, "level": 0}, Parameter("mslp", "sea", 0.0)),
        ({"table2Version": 2, "centre": 7, "indicatorOfParameter": 130, "indicatorOfTypeOfLevel": 102, "level": 0}, Parameter("mslp_eta", "sea", 0.0)),
        ({"table2Version": 2, "centre": 74, "indicatorOfParameter": 130, "indicatorOfTypeOfLevel": 102, "level": 0}, None),
    ],
)
def test_edition_1_is_known_by_its_numbers(keys: dict[str, int], parameter: Parameter | None):
    assert parameter_of((ONE | keys).__getitem__) == parameter


SEA = {"typeOfFirstFixedSurface": 101, "parameterCategory": 3}
TWO_METRES = {"typeOfFirstFixedSurface": 103, "scaledValueOfFirstFixedSurface": 2}


@pytest.mark.parametrize(
    ("keys", "parameter"),
    [
        ({}, T850),
        ({"scaledValueOfFirstFixedSurface": 10132, "scaleFactorOfFirstFixedSurface": -1}, Parameter("t", "pressure", 1013.2)),
        ({"typeOfSecondFixedSurface": 100}, None),
        ({"productDefinitionTemplateNumber": 8}, None),
        ({"productDefinitionTemplateNumber": 2}, None),
        ({"productDefinitionTemplateNumber": 1}, T850),
        ({"discipline": 10}, None),
        ({"parameterCategory": 1, "parameterNumber": 1}, Parameter("r", "pressure", 850.0)),
        ({"parameterCategory": 1, "parameterNumber": 1, **TWO_METRES}, Parameter("r", "height", 2.0)),
        ({"parameterNumber": 6, **TWO_METRES}, Parameter("td", "height", 2.0)),
        ({"parameterCategory": 2, "parameterNumber": 3}, Parameter("v", "pressure", 850.0)),
        ({**SEA, "parameterNumber": 1}, Parameter("mslp", "sea", 0.0)),
        ({**SEA, "parameterNumber": 0}, Parameter("mslp", "sea", 0.0)),
        ({**SEA, "parameterNumber": 0, "typeOfFirstFixedSurface": 1}, Parameter("sp", "surface", 0.0)),
        ({**SEA, "parameterNumber": 192, "centre": 7}, Parameter("mslp_eta", "sea", 0.0)),
        ({**SEA, "parameterNumber": 198, "centre": 7}, Parameter("mslp_maps", "sea", 0.0)),
        ({**SEA, "parameterNumber": 192}, None),
        ({"typeOfFirstFixedSurface": 7}, None),
    ],
)
def test_edition_2_is_known_by_its_numbers(keys: dict[str, int], parameter: Parameter | None):
    assert parameter_of((TWO | keys).__getitem__) == parameter


def test_a_message_without_a_key_that_all_have_is_an_error():
    with pytest.raises(KeyError):
        parameter_of({"edition": 1}.__getitem__)


WORDS = {"t": "t", "2t": "t", "u": "u", "10u": "u", "v": "v", "10v": "v", "r": "r", "2r": "r", "q": "q", "2sh": "q", "2d": "td"}
KINDS = {"isobaricInhPa": "pressure", "heightAboveGround": "height"}
PRESSURES = {
    ("msl", "meanSea"): "mslp",
    ("prmsl", "meanSea"): "mslp",
    ("mslet", "meanSea"): "mslp_eta",
    ("pres", "heightAboveSea"): "mslp",
    ("sp", "surface"): "sp",
}


def by_name(get) -> tuple[str, float] | None:
    """What ecCodes calls a message, in our words: quantity and level; None where it is nothing of ours."""
    name, kind = get("shortName"), get("typeOfLevel")
    if get("stepType") != "instant":
        return None
    if (name, kind) in PRESSURES:
        return PRESSURES[name, kind], 0.0
    if name == "pres" and kind == "heightAboveGround" and get("level") == 0:
        return "sp", 0.0
    return (WORDS[name], float(get("level"))) if name in WORDS and kind in KINDS else None


@pytest.mark.parametrize("pattern", ["gfs*", "nam*", "arome_arctic*003*", "Z__C_RJTD*", "arpege_2m*", "arome_P*", "ecmwf*", "hrrr*", "*TCDC*"])
def test_on_real_files_numbers_and_eccodes_names_say_the_same(samples: Path, pattern: str):
    (path,) = (samples / "nwp").glob(pattern)
    compared = 0
    eccodes.codes_grib_multi_support_on()
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            found = parameter_of(lambda key, handle=handle: eccodes.codes_get(handle, key, int))
            assert (None if found is None else (found.what, found.level)) == by_name(lambda key, handle=handle: eccodes.codes_get(handle, key))
            compared += found is not None
            eccodes.codes_release(handle)
    eccodes.codes_grib_multi_support_off()
    assert compared > 0 or "hrrr" in path.name or "TCDC" in path.name
