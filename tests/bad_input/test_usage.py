"""What a caller gets wrong is answered in a sentence, with exit code 2."""

import pytest
from cycle.command_line import stormcycle
from house import FIRST, SMALL, House

NONSENSE = {
    "an unknown domain": (["--domain", "atlantis", "--time", FIRST], "There is no domain 'atlantis'; known are: small."),
    "a domain that is a path": (["--domain", "../small", "--time", FIRST], "There is no domain '../small'"),
    "a domain that looks like markup": (["--domain", "[/small]", "--time", FIRST], "There is no domain '[/small]'"),
    "a time in the future": (["--domain", "small", "--time", "2999-01-01T00:00Z"], "lies in the future"),
    "a time between two hours": (["--domain", "small", "--time", "2026-07-01T13:30Z"], "is not on the hour"),
    "a time that is none": (["--domain", "small", "--time", "yesterday"], "'yesterday' is not a time; write it like 2015-07-12T01:00Z."),
    "no time": (["--domain", "small"], "--time"),
}


@pytest.mark.parametrize("mistake", NONSENSE)
def test_a_wrong_call_of_cycle_is_answered_in_a_sentence(house: House, mistake: str) -> None:
    arguments, sentence = NONSENSE[mistake]
    said = stormcycle("cycle", *arguments)
    assert said.code == 2
    assert sentence in said.err
    assert said.out == ""
    assert not (house.home / "work").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("step_minutes: 6", "step_minutes: 6\nradar_colour: green"), "small.yaml is not a valid domain: radar_colour: there is no such key"),
        (("noise_floor_dbz: 3", "noise_floor_dbz: 3, static_cluter: {}"), "radar.quality.static_cluter: there is no such key"),
        (("${STORMCYCLE_HOME}/buckets/small", "ftp://there/radar"), "ftp:// is no feed that can be read"),
        (("step_minutes: 6", "step_minutes: 7"), "small.yaml is not a valid domain: step_minutes:"),
        (("title: A", "title: [A"), "small.yaml is not YAML"),
        (("name: small", "name: large"), "small.yaml says name: large"),
        (("layout: odim", "layout: morse"), "radar.feed.layout: Input should be 'nexrad', 'odim'"),
    ],
)
def test_a_wrong_domain_is_answered_with_the_file_and_the_key(house: House, change: tuple[str, str], sentence: str) -> None:
    (house.domains / "small.yaml").write_text(SMALL.replace(*change))
    said = stormcycle("feeds", "--domain", "small", "--time", FIRST)
    assert said.code == 2
    assert sentence in said.err


def test_one_wrong_domain_does_not_hide_the_others(house: House) -> None:
    (house.domains / "wrong.yaml").write_text(SMALL.replace("name: small", "name: large"))
    said = stormcycle("domains")
    assert said.code == 2
    assert "A small simulated domain" in said.out
    assert "wrong.yaml says name: large" in said.err


def test_a_terrain_file_that_is_not_there_is_told_before_anything_is_done(house: House) -> None:
    (house.domains / "small.yaml").write_text(
        SMALL.replace("noise_floor_dbz: 3", 'noise_floor_dbz: 3, beam_blockage: {terrain: "${STORMCYCLE_HOME}/hills.nc"}')
    )
    said = stormcycle("cycle", "--domain", "small", "--time", FIRST)
    assert (said.code, said.out) == (1, "")
    assert "There is no terrain file" in said.err
    assert "hills.nc; check `radar.quality.beam_blockage.terrain`" in said.err
    assert not (house.home / "work").exists()


def test_a_feed_that_does_not_exist_is_answered_in_a_sentence(house: House) -> None:
    house.bucket.rename(house.bucket.with_name("away"))
    said = stormcycle("cycle", "--domain", "small", "--time", FIRST)
    assert (said.code, said.out) == (1, "")
    assert "The radar feed of small has no folder" in said.err


def test_a_domain_without_a_release_has_no_latest(house: House) -> None:
    said = stormcycle("latest", "--domain", "small", "--json")
    assert (said.code, said.out) == (1, "")
    assert "The domain small has no release yet" in said.err


def test_a_nonsense_time_for_verify_is_a_usage_error(house: House) -> None:
    said = stormcycle("verify", "--domain", "small", "--time", "yesterday")
    assert (said.code, said.out) == (2, "")
    assert "'yesterday' is not a time" in said.err
