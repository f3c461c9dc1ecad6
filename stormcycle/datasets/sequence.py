"""Packed sequences of gridded radar frames: what nowcasts are trained on and evaluated with, one netCDF file an event.

`read_sequence` reads NetCDF: the caller runs it in a child process (docs/architecture.md, law 5).
"""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.datasets.runs import unbroken_runs
from stormcycle.states import NO_ECHO_DBZ

FRAMES_IN = 10
FRAMES_OUT = 10
SEQUENCE_FRAMES = FRAMES_IN + FRAMES_OUT
MOST_VALUES = 2**28  # 2 GiB as float64: bounded before anything is decompressed
UNITS = {"dbz": "dBZ", "rate": "mm h-1", "precip": "mm", "zdr": "dB", "kdp": "degree km-1"}
REFLECTIVITIES, MOMENTS = ("dbz", "rate", "precip"), ("zdr", "kdp")
MARSHALL_PALMER = (200.0, 1.6)
ROWS, COLUMNS = ("y", "lat", "latitude"), ("x", "lon", "longitude")


def read_sequence(path: Path) -> xr.Dataset:
    """A packed sequence: `reflectivity` (time, y, x; dBZ), float64, NaN not observed, NO_ECHO_DBZ no echo, north row first.

    Where the file has them beside `dbz`: `zdr` (dB) and `kdp` (degree km-1), NaN not observed. Reads the variable `dbz`
    (dBZ), else `rate` (mm h-1) or `precip` (mm a step), which Marshall and Palmer's Z = 200 R^1.6
    (doi 10.1175/1520-0469(1948)005<0165:TDORWS>2.0.CO;2) turns into dBZ. The step comes from the time
    coordinate, else from the attribute nominal_step_minutes. Times with gaps are cut to their longest unbroken run. Attributes:
    step_minutes, units, source_variable, conversion, selection. A row axis that its file declares to rise northward
    is turned; NJU-CPOL declares no orientation and stays as it is, and its 0.0 (no echo or no data) stays 0.0.
    Raises ValueError with a sentence when the file is no NetCDF, holds no such variable or dimensions, has other
    units, moments of other shapes, no step, fewer than 20 frames in a run, or is too large.
    """
    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    try:
        with xr.open_dataset(path, engine="h5netcdf", mask_and_scale=False, decode_times=False) as stored:
            return _decoded(stored, path.name)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read as NetCDF 4: {' '.join(str(error).split())[:200]}") from None


def _decoded(stored: xr.Dataset, name: str) -> xr.Dataset:
    variable = next((candidate for candidate in REFLECTIVITIES if candidate in stored), None)
    if variable is None:
        raise ValueError(f"{name} holds no sequence of radar frames: it has none of the variables dbz (dBZ), rate (mm h-1), precip (mm).")
    field = stored[variable]
    moments = [moment for moment in MOMENTS if variable == "dbz" and moment in stored]
    for one in (variable, *moments):
        _check(stored[one], one, name)
        if stored[one].shape != field.shape:
            raise ValueError(f"{name}: {one} has shape {stored[one].shape}, {variable} {field.shape}; all moments of a sequence share one grid and its times.")
    step, run = _step_and_run(stored, field.sizes["time"], name)
    if run.stop - run.start < SEQUENCE_FRAMES:
        cut = "" if run.stop - run.start == field.sizes["time"] else f" in its longest run without a gap ({field.sizes['time']} in all)"
        raise ValueError(f"{name} has {run.stop - run.start} frames{cut}; an evaluation needs at least {SEQUENCE_FRAMES}, ten in and ten out.")

    fields = {one: _unpacked(stored[one].isel(time=run)).rename({field.dims[1]: "y", field.dims[2]: "x"}) for one in (variable, *moments)}
    dbz, conversion = _as_reflectivity(fields[variable].values, variable, step)
    reflectivity = fields[variable].copy(data=dbz).assign_attrs(units=UNITS["dbz"])
    result = xr.Dataset({"reflectivity": reflectivity, **{moment: fields[moment].assign_attrs(units=UNITS[moment]) for moment in moments}})
    result = result.reset_coords(drop=True)
    if _rises_northward(result["reflectivity"]):
        result = result.isel(y=slice(None, None, -1))
    result.attrs = {
        "step_minutes": step,
        "source_variable": variable,
        "conversion": conversion,
        "selection": f"frames {run.start} to {run.stop - 1} of {field.sizes['time']}",
    }
    return result


def _check(field: xr.DataArray, variable: str, name: str) -> None:
    """Raise ValueError unless a variable has the dimensions and units of a sequence, and can be read at once."""
    if field.ndim != 3 or field.dims[0] != "time" or field.dims[1] not in ROWS or field.dims[2] not in COLUMNS:
        raise ValueError(f"{name}: {variable} has dimensions {field.dims}; a sequence has (time, y, x) or (time, lat, lon), so grid the frames first.")
    if field.attrs.get("units") != UNITS[variable]:
        raise ValueError(f"{name}: {variable} has units {field.attrs.get('units')!r} where {UNITS[variable]!r} is expected.")
    if field.size > MOST_VALUES:
        raise ValueError(f"{name}: {variable} holds {field.size} values, more than the {MOST_VALUES} that are read at once; cut the sequence.")


def _step_and_run(stored: xr.Dataset, frames: int, name: str) -> tuple[float, slice]:
    """The step in minutes and the longest unbroken run of frames."""
    if "time" not in stored.variables:
        step = stored.attrs.get("nominal_step_minutes")
        if not isinstance(step, int | float | np.number) or not 0 < float(step) < np.inf:
            raise ValueError(f"{name} says no step: it has neither a time coordinate nor a number of minutes in the attribute nominal_step_minutes.")
        return float(step), slice(0, frames)
    try:
        times = xr.decode_cf(stored[["time"]])["time"].values.astype("datetime64[s]")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: the time coordinate cannot be decoded: {' '.join(str(error).split())[:200]}") from None
    if frames < 2:
        return float("nan"), slice(0, frames)
    gaps = np.diff(times).astype("int64")
    if (gaps <= 0).any():
        raise ValueError(f"{name}: the times do not rise; sort the frames and drop those that come twice.")
    lengths, counts = np.unique(gaps, return_counts=True)
    step_seconds = int(lengths[counts.argmax()])
    run = max(unbroken_runs(times.astype("int64"), step_seconds), key=lambda one: one.stop - one.start)
    return step_seconds / 60.0, run


def _unpacked(field: xr.DataArray) -> xr.DataArray:
    """The physical values in float64: CF fill values become NaN, CF packing is undone."""
    packed = field.copy()
    for key in ("scale_factor", "add_offset"):
        if key in packed.attrs:
            # A float32 factor of 0.05 means 0.05; widened bit by bit it would lift 20 dBZ to 20.0000003.
            packed.attrs[key] = float(str(np.asarray(packed.attrs[key]).reshape(())))
    return xr.decode_cf(packed.to_dataset(name="field"), decode_times=False, decode_coords=False)["field"].astype("float64")


def _as_reflectivity(values: np.ndarray, variable: str, step: float) -> tuple[np.ndarray, str]:
    """Values as dBZ, and the sentence that says how."""
    if variable == "dbz":
        return np.where(values <= NO_ECHO_DBZ, NO_ECHO_DBZ, values), "none: stored as dBZ"
    rate = values * 60.0 / step if variable == "precip" else values
    a, b = MARSHALL_PALMER
    with np.errstate(divide="ignore", invalid="ignore"):
        dbz = 10.0 * np.log10(a * rate**b)
    # A negative amount is a code of its source, not rain; no rain (minus infinity) is no echo.
    dbz = np.where(rate < 0, np.nan, np.maximum(dbz, NO_ECHO_DBZ))
    scaled = f"mm in {step:g} min scaled to mm h-1, then " if variable == "precip" else ""
    return dbz, f"{scaled}Marshall-Palmer Z = {a:g} R^{b:g}"


def _rises_northward(field: xr.DataArray) -> bool:
    if "y" not in field.coords or field.sizes["y"] < 2:
        return False
    y: dict[str, Any] = field["y"].attrs
    declared = y.get("standard_name") in ("projection_y_coordinate", "latitude") or y.get("units") in ("degrees_north", "degree_north")
    return declared and bool(field["y"][0] < field["y"][-1])
