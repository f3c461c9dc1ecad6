"""Sequences and their evaluation: against a plain loop, and on the real sequence against the published baselines."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stormcycle.datasets import read_sequence
from stormcycle.states import NO_ECHO_DBZ
from stormcycle.verification.evaluation import evaluate_sequence, pooled, window_sums
from stormcycle.verification.references import REFERENCES, persistence_forecast

# NJU-CPOL sequence 001 at 3 km: CSI at leads 6 to 60 min, measured independently of this code with pySTEPS 1.21.5.
BASELINES = {
    ("persistence", "20"): (0.588, 0.465, 0.397, 0.350, 0.317, 0.289, 0.266, 0.256, 0.262, 0.268),
    ("persistence", "30"): (0.534, 0.420, 0.358, 0.317, 0.288, 0.268, 0.244, 0.215, 0.200, 0.189),
    ("persistence", "35"): (0.510, 0.392, 0.335, 0.298, 0.287, 0.259, 0.217, 0.172, 0.150, 0.141),
    ("persistence", "40"): (0.216, 0.137, 0.098, 0.085, 0.070, 0.050, 0.039, 0.021, 0.016, 0.035),
    ("extrapolation", "20"): (0.791, 0.687, 0.606, 0.546, 0.502, 0.463, 0.431, 0.401, 0.374, 0.351),
    ("extrapolation", "30"): (0.740, 0.625, 0.548, 0.496, 0.452, 0.411, 0.382, 0.359, 0.340, 0.320),
    ("extrapolation", "35"): (0.656, 0.530, 0.456, 0.402, 0.377, 0.357, 0.332, 0.306, 0.283, 0.261),
    ("extrapolation", "40"): (0.348, 0.174, 0.135, 0.123, 0.096, 0.075, 0.042, 0.017, 0.019, 0.022),
    ("sprog", "20"): (0.800, 0.713, 0.642, 0.586, 0.544, 0.510, 0.477, 0.449, 0.423, 0.399),
    ("sprog", "30"): (0.743, 0.641, 0.565, 0.510, 0.473, 0.440, 0.414, 0.390, 0.369, 0.343),
    ("sprog", "35"): (0.669, 0.549, 0.480, 0.439, 0.434, 0.427, 0.415, 0.393, 0.365, 0.331),
    ("sprog", "40"): (0.372, 0.209, 0.162, 0.153, 0.143, 0.110, 0.073, 0.038, 0.025, 0.027),
}


def tiny_sequence(frames: int = 22) -> xr.Dataset:
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 38, (frames, 6, 7))  # nothing reaches 40 dBZ
    values[rng.random(values.shape) < 0.2] = NO_ECHO_DBZ
    values[rng.random(values.shape) < 0.1] = np.nan
    return xr.Dataset({"reflectivity": (("time", "y", "x"), values)}, attrs={"step_minutes": 6.0})


def dual_sequence() -> xr.Dataset:
    """The tiny sequence with the two moments of a dual-polarisation radar."""
    sequence, rng = tiny_sequence(), np.random.default_rng(1)
    zdr, kdp = rng.normal(0.3, 1.5, (22, 6, 7)), rng.normal(0.1, 0.5, (22, 6, 7))
    zdr[rng.random(zdr.shape) < 0.1] = np.nan
    return sequence.assign(zdr=(("time", "y", "x"), zdr), kdp=(("time", "y", "x"), kdp))


def test_evaluation_equals_a_plain_loop():
    sequence, seen = tiny_sequence(), []
    result = evaluate_sequence(sequence, {"persistence": persistence_forecast}, lambda done, count: seen.append((done, count)))
    values = sequence["reflectivity"].values
    frames = np.where(values > NO_ECHO_DBZ, values, 0.0)
    assert result["windows"] == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]
    for lead in range(10):
        hits = events = union = 0
        errors = []
        for start in range(3):
            truth_index = start + 10 + lead
            observed = ~np.isnan(values[truth_index])
            f, o = frames[start + 9][observed], frames[truth_index][observed]
            hits += ((f >= 30) & (o >= 30)).sum()
            events += (o >= 30).sum()
            union += ((f >= 30) | (o >= 30)).sum()
            errors.extend(abs(f - o))
        table = result["methods"]["persistence"]["zh"]
        assert result["observed"]["30"][lead] == events
        assert table["csi"]["30"][lead] == pytest.approx(hits / union)
        assert table["mae"][lead] == pytest.approx(np.mean(errors))


def test_the_result_is_plain_json_with_the_promised_keys():
    result = evaluate_sequence(tiny_sequence(), {"b": persistence_forecast, "a": persistence_forecast})
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert list(result) == ["windows", "observed", "methods"]
    assert list(result["methods"]) == ["b", "a"]
    table = result["methods"]["a"]["zh"]
    assert list(table) == ["csi", "pod", "far", "ets", "hss", "bias", "fss_1", "fss_5", "fss_11", "fss_21", "mae", "rmse", "pcc", "mae_grey", "rmse_grey"]
    for name in ("csi", "fss_21"):
        assert list(table[name]) == list(result["observed"]) == ["20", "30", "35", "40"]
        assert table[name]["40"] == [None] * 10  # no event, no forecast of one
    assert len(table["rmse"]) == 10
    assert result["observed"]["40"] == [0] * 10


def test_the_sums_carry_leads_in_minutes():
    windows = window_sums(tiny_sequence(), {"persistence": persistence_forecast})
    assert len(windows) == 3
    assert pooled(windows)["zh"].lead.values.tolist() == list(range(6, 61, 6))


def test_a_second_variable_is_scored_at_its_own_events_and_grey_levels_as_a_plain_loop_does():
    sequence = dual_sequence()
    result = evaluate_sequence(sequence, {"persistence": persistence_forecast})
    assert list(result) == ["windows", "observed", "observed_zdr", "observed_kdp", "methods"]
    for word, threshold, lowest, highest in (("zdr", 0.5, -1, 5), ("kdp", 0.2, -1, 6)):
        values, table = sequence[word].values, result["methods"]["persistence"][word]
        assert list(table) == ["csi", "pod", "far", "ets", "hss", "bias", "mae", "rmse", "pcc", "mae_grey", "rmse_grey"]
        for lead in range(10):
            hits = events = union = 0
            errors, greys = [], []
            for start in range(3):
                o, f = values[start + 10 + lead], np.nan_to_num(values[start + 9])  # a forecast that says nothing counts as 0
                f, o = f[~np.isnan(o)], o[~np.isnan(o)]
                hits += ((f >= threshold) & (o >= threshold)).sum()
                union += ((f >= threshold) | (o >= threshold)).sum()
                events += (o >= threshold).sum()
                errors.extend(f - o)
                greys.extend(np.clip((f - lowest) / (highest - lowest), 0, 1) * 255 - np.clip((o - lowest) / (highest - lowest), 0, 1) * 255)
            assert result[f"observed_{word}"][f"{threshold:g}"][lead] == events
            assert table["csi"][f"{threshold:g}"][lead] == pytest.approx(hits / union)
            assert table["rmse"][lead] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
            assert table["mae_grey"][lead] == pytest.approx(np.mean(np.abs(greys)))
            assert table["rmse_grey"][lead] == pytest.approx(np.sqrt(np.mean(np.square(greys))))


def test_a_method_may_forecast_fewer_variables_than_others():
    methods = {"all": persistence_forecast, "some": lambda frames, leads: persistence_forecast({"zh": frames["zh"]}, leads)}
    result = evaluate_sequence(dual_sequence(), methods)
    assert {name: list(table) for name, table in result["methods"].items()} == {"all": ["zh", "zdr", "kdp"], "some": ["zh"]}
    assert result["methods"]["some"]["zh"] == result["methods"]["all"]["zh"]


def test_a_method_cannot_change_what_the_next_one_sees():
    def spoil(frames, leads):
        frames["zh"][:] = 0
        return {"zh": np.zeros((leads, *frames["zh"].shape[1:]))}

    alone = evaluate_sequence(tiny_sequence(), {"persistence": persistence_forecast})["methods"]["persistence"]
    assert evaluate_sequence(tiny_sequence(), {"spoil": spoil, "persistence": persistence_forecast})["methods"]["persistence"] == alone


def test_wrong_calls_are_answered_in_a_sentence():
    sequence = tiny_sequence()
    for changed, methods, words in (
        (sequence.isel(time=slice(19)), REFERENCES, "19 frames"),
        (sequence, {}, "no method"),
        (sequence.rename(reflectivity="rate"), REFERENCES, "holds rate and no reflectivity"),
        (sequence.drop_attrs(), REFERENCES, "step_minutes"),
        (sequence, {"short": lambda frames, leads: {"zh": frames["zh"][:3]}}, "'short' returned shape"),
        (sequence, {"other": lambda frames, leads: {"zdr": frames["zh"]}}, "'other' returned zdr where zh"),
    ):
        with pytest.raises(ValueError, match=words):
            evaluate_sequence(changed, methods)


def write(path: Path, name: str, units: str, frames: int = 20, **options) -> Path:
    """A packed sequence of int16 as the data archives hold them: value 1 everywhere but a missing and a zero pixel."""
    packed = np.full((frames, 3, 4), 100, "int16")
    packed[:, 0, 0], packed[:, 0, 1] = -32768, options.get("none", 0)
    attrs = {"units": units, "_FillValue": np.int16(-32768), "scale_factor": np.float32(options.get("scale", 0.01))}
    rows, columns = options.get("dims", ("y", "x"))
    dataset = xr.Dataset({name: (("time", rows, columns), packed, attrs)}, attrs=options.get("attrs", {}))
    if "minutes" in options:
        dataset["time"] = ("time", np.asarray(options["minutes"], "int64") * 60, {"units": "seconds since 2020-01-01 00:00:00"})
    if "y" in options:
        dataset[rows] = (rows, np.asarray(options["y"], "float64"), options["y_attrs"])
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def every(step: int, frames: int = 20) -> list[int]:
    return [step * index for index in range(frames)]


def test_reads_reflectivity_with_a_nominal_step(tmp_path):
    sequence = read_sequence(write(tmp_path / "s.nc", "dbz", "dBZ", scale=0.2, none=-160, attrs={"nominal_step_minutes": 6.0}))
    assert sequence["reflectivity"].dims == ("time", "y", "x")
    assert sequence["reflectivity"].dtype == "float64"
    assert sequence.attrs["step_minutes"] == 6.0
    assert sequence["reflectivity"].values[0, 2, 3] == 20.0  # a float32 factor of 0.2 means 0.2
    assert np.isnan(sequence["reflectivity"].values[0, 0, 0])
    assert sequence["reflectivity"].values[0, 0, 1] == NO_ECHO_DBZ


@pytest.mark.parametrize(("name", "units", "rate"), [("rate", "mm h-1", 1.0), ("precip", "mm", 12.0)])
def test_rain_becomes_reflectivity_by_marshall_palmer(tmp_path, name, units, rate):
    sequence = read_sequence(write(tmp_path / "s.nc", name, units, minutes=every(5), dims=("lat", "lon")))
    assert sequence["reflectivity"].dims == ("time", "y", "x")
    assert sequence.attrs["step_minutes"] == 5.0
    assert "Marshall-Palmer" in sequence.attrs["conversion"]
    assert sequence["reflectivity"].values[0, 2, 3] == pytest.approx(10 * np.log10(200 * rate**1.6))
    assert np.isnan(sequence["reflectivity"].values[0, 0, 0])
    assert sequence["reflectivity"].values[0, 0, 1] == NO_ECHO_DBZ


def test_negative_rain_is_a_code_and_not_rain(tmp_path):
    sequence = read_sequence(write(tmp_path / "s.nc", "rate", "mm h-1", minutes=every(5), none=-300))
    assert np.isnan(sequence["reflectivity"].values[:, 0, 1]).all()


def test_times_with_gaps_are_cut_to_their_longest_run(tmp_path):
    minutes = [0, 5, 10, *(60 + minute for minute in every(5, 21)), 900]
    sequence = read_sequence(write(tmp_path / "s.nc", "rate", "mm h-1", frames=25, minutes=minutes))
    assert sequence.sizes["time"] == 21
    assert sequence.attrs["selection"] == "frames 3 to 23 of 25"


def test_only_a_declared_northward_axis_is_turned(tmp_path):
    latitude = {"units": "degrees_north"}
    for attrs, y, turned in ((latitude, [1, 2, 3], True), (latitude, [3, 2, 1], False), ({"units": "km"}, [1, 2, 3], False)):
        path = write(tmp_path / f"{turned}{y[0]}{len(attrs['units'])}.nc", "rate", "mm h-1", minutes=every(5), y=y, y_attrs=attrs)
        assert np.isnan(read_sequence(path)["reflectivity"].values[0, 2 if turned else 0, 0])


def test_files_without_a_sequence_are_refused_with_a_sentence(tmp_path):
    (tmp_path / "text.nc").write_text("no radar here")
    cases = {
        tmp_path / "absent.nc": "no file",
        tmp_path / "text.nc": "cannot be read as NetCDF 4",
        write(tmp_path / "a.nc", "temperature", "K", minutes=every(5)): "no sequence of radar frames",
        write(tmp_path / "b.nc", "rate", "mm", minutes=every(5)): "units 'mm' where 'mm h-1'",
        write(tmp_path / "c.nc", "dbz", "dBZ", minutes=every(5), dims=("azimuth", "range")): "grid the frames first",
        write(tmp_path / "d.nc", "dbz", "dBZ", frames=13, minutes=every(5, 13)): "13 frames; an evaluation needs at least 20",
        write(tmp_path / "e.nc", "dbz", "dBZ", frames=25, minutes=[*every(5, 15), *(200 + m for m in every(5, 10))]): "15 frames in its longest run",
        write(tmp_path / "f.nc", "dbz", "dBZ"): "says no step",
        write(tmp_path / "g.nc", "dbz", "dBZ", attrs={"nominal_step_minutes": "six"}): "says no step",
        write(tmp_path / "h.nc", "dbz", "dBZ", minutes=[0, 0, *every(5, 20)[2:]]): "do not rise",
        write(tmp_path / "i.nc", "dbz", "dBZ", frames=1, minutes=[0]): "1 frames",
    }
    for path, words in cases.items():
        with pytest.raises(ValueError, match=words):
            read_sequence(path)


def test_a_sequence_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("stormcycle.datasets.sequence.MOST_VALUES", 100)
    with pytest.raises(ValueError, match="cut the sequence"):
        read_sequence(write(tmp_path / "s.nc", "dbz", "dBZ", minutes=every(5)))


@pytest.mark.skipif("STORMCYCLE_DATA" not in os.environ, reason="STORMCYCLE_DATA is not set, so the real sequence NJU-CPOL 001 is not at hand.")
def test_the_real_sequence_gives_the_published_baselines():
    path = Path(os.environ["STORMCYCLE_DATA"]) / "radar" / "nju_cpol" / "nju_cpol_001_3.0km.nc"
    result = evaluate_sequence(read_sequence(path), REFERENCES)
    assert result["windows"] == 5
    for (method, threshold), expected in BASELINES.items():
        assert result["methods"][method]["zh"]["csi"][threshold] == pytest.approx(expected, abs=0.005), (method, threshold)
