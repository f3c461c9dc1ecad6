"""`stormcycle twin` as a user runs it, on a small simulated domain."""

from pathlib import Path

import pytest
from cycle.command_line import stormcycle
from cycle.test_analysis import ANALYSIS, SETTINGS
from sky import Sky

VARIABLES = {"t", "u", "v", "rh", "t2m", "rh2m", "mslp"}


def asked(*more: str) -> tuple[str, ...]:
    return ("twin", "--domain", "sky", "--from", "2026-07-01T11:00Z", "--hours", "2", *more)


def test_two_hours_are_judged_beside_their_controls_and_kept(sky: Sky) -> None:
    sky.settings(satellite=None, analysis={**ANALYSIS, "evaluations": 6}, **SETTINGS)
    said = stormcycle(*asked("--seed", "9", "--json"))
    assert said.code == 0, said.err
    result = said.document
    assert (result["cycles"], result["seed"], result["in_sample"]) == (2, 9, False)
    assert set(result["truth"]) == set(result["truth_disc"]) == VARIABLES
    for one in (result["used"], result["withheld"], *result["truth"].values()):
        assert set(one) == {"background", "analysis", "change", "bootstrap"}
        assert one["bootstrap"][0] <= one["change"] <= one["bootstrap"][1]
    assert result["used"]["change"] < -10.0
    assert all(one["change"] == 0.0 for one in result["controls"]["no_op"]["truth"].values())
    assert set(result["controls"]) == {"no_op", "shuffled"}
    assert len(list((sky.home / "cache" / "hours").glob("*/9-*.npy"))) == 2
    assert stormcycle(*asked("--seed", "9", "--json")).document == result


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"simulation": None}, "not a simulated one"), ({"analysis": None}, "has no analysis")],
    ids=["a real domain", "no analysis"],
)
def test_a_domain_that_cannot_be_tried_is_told_why(sky: Sky, changes: dict[str, None], words: str) -> None:
    sky.settings(satellite=None, **SETTINGS, **changes)
    said = stormcycle(*asked())
    assert said.code in (1, 2)
    assert words in said.err


def test_settings_are_the_domains_or_the_papers(sky: Sky, tmp_path: Path) -> None:
    sky.settings(satellite=None, analysis=ANALYSIS, **SETTINGS)
    said = stormcycle(*asked("--settings", "mine"))
    assert said.code == 2
    assert "is domain or paper" in said.err
