"""Which channels come from which fields, and when there is an analysis."""

import pytest

from stormcycle.background.parameters import Parameter
from stormcycle.background.planning import CHANNELS, UNITS, plan


def held(levels: tuple[float, ...] = (975, 925, 850, 800), upper: str = "tuvr", others: tuple[str, ...] = ("t2", "r2", "mslp")) -> set[Parameter]:
    found = {Parameter(what, "pressure", float(level)) for what in upper for level in levels}
    found |= {Parameter(name[:-1], "height", 2.0) for name in others if name[-1] == "2"}
    return found | {Parameter(name, "surface" if name == "sp" else "sea", 0.0) for name in others if name[-1] != "2"}


def test_the_order_of_channels_is_that_of_the_specification():
    assert CHANNELS == (
        "t975",
        "t925",
        "t850",
        "t800",
        "u975",
        "u925",
        "u850",
        "u800",
        "v975",
        "v925",
        "v850",
        "v800",
        "r975",
        "r925",
        "r850",
        "r800",
        "t2m",
        "r2m",
        "mslp",
    )
    assert len(UNITS) == len(CHANNELS) == 19
    assert (UNITS[0], UNITS[4], UNITS[12], UNITS[18]) == ("K", "m s-1", "%", "Pa")


def test_all_fields_give_all_channels_and_nothing_stands_in():
    made = plan(held())
    assert (tuple(made.sources), made.missing, made.interpolated_levels, made.ways) == (CHANNELS, "", (), [])
    assert made.needed == held()


@pytest.mark.parametrize(
    ("levels", "interpolated"),
    [((1000, 950, 925, 850, 800), (975,)), ((1000, 950, 900, 850, 800), (975, 925)), ((975, 925, 850, 700), (800,)), ((1000, 850, 800), (975, 925))],
)
def test_up_to_two_levels_are_interpolated_between_their_nearest(levels: tuple[float, ...], interpolated: tuple[int, ...]):
    made = plan(held(levels))
    assert (made.interpolated_levels, made.missing, len(made.sources)) == (interpolated, "", 19)
    for level in interpolated:
        below, above = (recipe[0].level for recipe in made.sources[f"t{level}"].levels)
        assert below == min(near for near in levels if near > level)
        assert above == max(near for near in levels if near < level)


def test_three_levels_are_too_many_and_none_of_them_is_made():
    made = plan(held((1000, 850, 700)))
    assert made.missing == ("3 levels (975, 925, 800 hPa) would have to be interpolated, at most 2 may be; 975 hPa, 925 hPa and 800 hPa are absent")
    assert made.interpolated_levels == ()
    assert "t925" not in made.sources
    assert "t850" in made.sources


@pytest.mark.parametrize(("levels", "absent"), [((950, 925, 850, 800), "975 hPa is absent"), ((975, 925, 850), "800 hPa is absent")])
def test_a_level_with_none_on_one_side_is_not_made_up(levels: tuple[float, ...], absent: str):
    made = plan(held(levels))
    assert made.missing == absent


def test_a_level_that_one_quantity_lacks_counts_as_interpolated():
    made = plan(held((1000, 975, 925, 850, 800)) - {Parameter("r", "pressure", 975.0)})
    assert (made.interpolated_levels, made.missing) == ((975,), "")
    assert made.sources["r975"].interpolated
    assert not made.sources["t975"].interpolated


def test_a_wind_needs_both_components():
    made = plan(held() - {Parameter("v", "pressure", 850.0)})
    assert made.sources["u850"].interpolated
    assert made.sources["v850"].interpolated


def test_humidity_comes_from_specific_humidity_or_the_dew_point_where_it_is_absent():
    made = plan(held(upper="tuvq", others=("t2", "td2", "mslp")))
    assert made.missing == ""
    assert made.ways == ["r975, r925, r850, r800: from specific humidity.", "r2m: from the dew point."]
    assert [str(parameter) for parameter in made.sources["r850"].levels[0]] == ["q at 850 hPa", "t at 850 hPa"]
    made = plan(held(upper="tuvq", others=("t2", "q2", "sp", "mslp")))
    assert [str(parameter) for parameter in made.sources["r2m"].levels[0]] == ["q at 2 m", "t at 2 m", "sp"]
    assert plan(held(others=("t2", "q2", "mslp"))).missing == "r2m is absent"


def test_the_standard_reduction_of_pressure_is_preferred():
    assert plan(held(others=("t2", "r2", "mslp_eta", "mslp"))).ways == []
    assert plan(held(others=("t2", "r2", "mslp_maps", "mslp_eta"))).ways == ["mslp: by the Eta reduction."]
    assert plan(held(others=("t2", "r2", "mslp_maps"))).ways == ["mslp: by the MAPS reduction."]


def test_what_is_absent_is_said_in_a_sentence():
    assert plan(set()).missing == "975 hPa, 925 hPa, 850 hPa, 800 hPa, t2m, r2m and mslp are absent"
    assert plan(held(others=("t2", "r2"))).missing == "mslp is absent"
