"""Intervals by moving blocks: against all resamples there are, and where there can be none."""

import itertools

import numpy as np
import pytest
import xarray as xr

from stormcycle.verification.intervals import TooFewWindowsError, block_intervals, brier_intervals, csi_intervals
from stormcycle.verification.sums import of_method, pair_sums, probability_sums

LEADS = (6, 12)


def windows(count: int, seed: int = 0) -> list[xr.Dataset]:
    """The sums of windows whose skill drifts, of two methods; the second is better."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        truth = rng.uniform(0, 50, (2, 9, 9))
        noise = rng.normal(0, 4 + 12 * index / count, truth.shape)
        parts = [of_method(pair_sums(truth + scale * noise, truth, np.ones(truth.shape, bool), (30.0,), (1,), leads=LEADS), name) for name, scale in METHODS]
        made.append(xr.concat(parts, "method"))
    return made


METHODS = (("plain", 1.5), ("better", 1.0))


def mean_csi(parts: list[xr.Dataset], method: str) -> float:
    """The headline by hand: counts pooled at each lead, then the mean over leads."""
    scores = []
    for lead in LEADS:
        hits, misses, false = (
            sum(int(part[name].sel({"method": method, "lead": lead}).item()) for part in parts) for name in ("hits", "misses", "false_alarms")
        )
        scores.append(hits / (hits + misses + false))
    return float(np.mean(scores))


def test_the_interval_is_that_of_all_resamples_there_are():
    """40 windows in blocks of 20: two blocks with 21 beginnings each, so 441 resamples, which a plain loop can list."""
    parts = windows(40)
    listed: dict[str, list[float]] = {"plain": [], "better": [], "gain": []}
    table = {(name, start): mean_parts(parts[start : start + 20], name) for name, _ in METHODS for start in range(21)}
    for first, second in itertools.product(range(21), repeat=2):
        csi = {name: csi_of(table[name, first] + table[name, second]) for name, _ in METHODS}
        listed["plain"].append(csi["plain"])
        listed["better"].append(csi["better"])
        listed["gain"].append(csi["better"] - csi["plain"])
    found = block_intervals(parts, "better", resamples=20_000)
    assert (found.windows, found.block, found.blocks) == (40, 20, 2)
    spread = np.ptp(listed["plain"])
    for name in ("plain", "better"):
        assert found.scores["csi"].sel({"method": name, "threshold": 30}).values == pytest.approx(np.percentile(listed[name], [2.5, 97.5]), abs=0.02 * spread)
    assert found.gains["csi"].sel({"method": "plain", "threshold": 30}).values == pytest.approx(np.percentile(listed["gain"], [2.5, 97.5]), abs=0.02 * spread)
    assert (found.gains["csi"].sel({"method": "better"}) == 0).all()


def mean_parts(parts: list[xr.Dataset], method: str) -> np.ndarray:
    """Hits, misses and false alarms of some windows, (3, lead)."""
    return sum(np.stack([part[name].sel({"method": method}).values[0] for name in ("hits", "misses", "false_alarms")]) for part in parts)


def csi_of(counts: np.ndarray) -> float:
    return float(np.mean(counts[0] / counts.sum(0)))


def test_windows_that_are_all_alike_leave_no_doubt():
    parts = windows(1) * 45  # no multiple of the block: the last block is cut
    found = block_intervals(parts, "plain")
    expected = mean_csi(parts[:1], "better")
    assert found.scores["csi"].sel({"method": "better", "threshold": 30}).values == pytest.approx([expected, expected])
    assert found.blocks == 2


def test_the_same_seed_gives_the_same_interval_and_another_another():
    parts = windows(50)
    one, same, other = (block_intervals(parts, "plain", seed=seed).scores for seed in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not one["csi"].equals(other["csi"])


def test_fewer_windows_than_two_blocks_give_no_interval_and_a_sentence():
    parts = windows(39)
    with pytest.raises(TooFewWindowsError, match=r"39 windows hold fewer than two blocks of 20.*59 frames"):
        block_intervals(parts, "plain")
    assert csi_intervals([{"zh": part} for part in parts], "better")["windows"] == 39


def test_the_json_says_the_gain_of_the_named_method_over_each():
    told = csi_intervals([{"zh": part} for part in windows(60)], "better")
    assert (told["windows"], told["blocks"], told["block"]) == (60, 3, 20)
    low, high = told["gain"]["zh"]["plain"]["30"]
    assert 0 < low < high
    assert told["gain"]["zh"]["better"]["30"] == [0, 0]
    low, high = told["csi"]["zh"]["plain"]["30"]
    assert 0 < low < high < 1


def test_brier_scores_have_intervals_too_and_the_surer_right_method_is_below():
    rng = np.random.default_rng(1)
    parts = []
    for _ in range(45):
        truth = rng.uniform(0, 60, (2, 8, 8))
        told = {name: np.where(truth >= 30, share, 1 - share)[None] for name, share in (("sure", 0.9), ("unsure", 0.6))}
        sums = [of_method(probability_sums(chances, truth, truth >= 0, [30.0], leads=[6, 12]), name) for name, chances in told.items()]
        parts.append(xr.concat(sums, "method"))
    found = brier_intervals(parts, "sure")
    assert (found["windows"], found["blocks"], found["against"]) == (45, 2, "sure")
    assert found["brier"]["sure"]["30"] == pytest.approx([0.01, 0.01])
    assert found["gain"]["unsure"]["30"] == pytest.approx([-0.15, -0.15])
    assert "why_none" in brier_intervals(parts[:30], "sure")
