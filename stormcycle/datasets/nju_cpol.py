"""The layout in which Nanjing University publishes NJU-CPOL, the dataset of the MRKAN paper (doi 10.3390/rs18020372): a file a frame.

NJU_CPOL_update2308/{dBZ,ZDR,KDP}/{1,3,7}.0km/data_dir_XXX/frame_XXX.npy      256 x 256 pixels of 1 km, every 6 min, physical units
"""

import re
from pathlib import Path

import numpy as np
import xarray as xr

from stormcycle.datasets.runs import unbroken_runs
from stormcycle.datasets.sequence import MOST_VALUES, SEQUENCE_FRAMES, UNITS
from stormcycle.states import NO_ECHO_DBZ

SHAPE = (256, 256)
STEP_MINUTES = 6.0
FOLDERS = {"reflectivity": ("dBZ", UNITS["dbz"]), "zdr": ("ZDR", UNITS["zdr"]), "kdp": ("KDP", UNITS["kdp"])}
"""The folder of each variable and its units."""


def nju_cpol_sequences(folder: Path) -> list[tuple[int, float]]:
    """The sequences of a folder in this layout, as (number, height in km), sorted. Raises ValueError where it holds none."""
    heights = {path: re.fullmatch(r"(\d+\.\d)km", path.parent.name) for path in folder.glob("dBZ/*/data_dir_*") if path.is_dir()}
    numbers = {path: re.fullmatch(r"data_dir_(\d{3})", path.name) for path in heights}
    found = [(int(number[1]), float(height[1])) for path, height in heights.items() if height and (number := numbers[path])]
    if not found:
        raise ValueError(f"{folder} is not in the layout of NJU-CPOL: it has no folder like dBZ/3.0km/data_dir_000.")
    return sorted(found)


def read_nju_cpol(folder: Path, sequence: int, height_km: float) -> xr.Dataset:
    """A sequence as `read_sequence` gives one: `reflectivity` (dBZ), `zdr` (dB), `kdp` (degree km-1), each (time, y, x), float64.

    The source does not tell no echo from no data: its 0.0 stays 0.0; it declares no orientation, rows stay as they are. Frame numbers
    with gaps are cut to their longest unbroken run. Raises ValueError with a sentence where a variable or some of its frames are missing,
    a file is no .npy of 256 x 256 floating-point numbers, a value is infinite, a run has fewer than 20 frames, or there are too many.
    """
    files = {variable: _frame_files(folder / name / f"{height_km:.1f}km" / f"data_dir_{sequence:03d}") for variable, (name, _) in FOLDERS.items()}
    numbers = sorted(set().union(*files.values()))
    for variable, (name, _) in FOLDERS.items():
        lacking = [number for number in numbers if number not in files[variable]]
        if lacking:
            listed = ", ".join(f"{number:03d}" for number in lacking[:5]) + (" and more" if len(lacking) > 5 else "")
            raise ValueError(f"Sequence {sequence:03d} at {height_km:.1f} km lacks {name} of the frames {listed}, which other variables have.")
    run = max(unbroken_runs(np.array(numbers), 1), key=lambda one: one.stop - one.start)
    kept = numbers[run]
    if len(kept) < SEQUENCE_FRAMES:
        raise ValueError(
            f"Sequence {sequence:03d} at {height_km:.1f} km has {len(kept)} frames in its longest run without a gap ({len(numbers)} in all); "
            f"at least {SEQUENCE_FRAMES} are needed, ten in and ten out."
        )
    if len(kept) * SHAPE[0] * SHAPE[1] > MOST_VALUES:
        raise ValueError(f"Sequence {sequence:03d} at {height_km:.1f} km has {len(kept)} frames, more than are read at once; cut it.")
    fields = {}
    for variable, (_, units) in FOLDERS.items():
        values = np.stack([_frame(files[variable][number]) for number in kept])
        if variable == "reflectivity":
            values = np.where(values <= NO_ECHO_DBZ, NO_ECHO_DBZ, values)
        fields[variable] = (("time", "y", "x"), values, {"units": units})
    attributes = {
        "step_minutes": STEP_MINUTES,
        "source_variable": "dBZ",
        "conversion": "none: stored as dBZ",
        "selection": f"frames {kept[0]} to {kept[-1]} of {len(numbers)}",
    }
    return xr.Dataset(fields, attrs=attributes)


def _frame_files(folder: Path) -> dict[int, Path]:
    """The files of a folder by their frame's number. Raises ValueError where there are none."""
    matches = {path: re.fullmatch(r"frame_(\d{3,6})\.npy", path.name) for path in sorted(folder.glob("frame_*.npy"))}
    files = {int(match[1]): path for path, match in matches.items() if match}
    if not files:
        raise ValueError(f"There is no folder {folder} with files like frame_000.npy; each sequence has dBZ, ZDR and KDP.")
    return files


def _frame(path: Path) -> np.ndarray:
    """One frame (y, x), float64. The header is judged before anything is read; nothing is ever unpickled."""
    name = "/".join(path.parts[-4:])
    try:
        stored = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise ValueError(f"{name} is no whole .npy file of numbers: {' '.join(str(error).split())[:200]}") from None
    if stored.shape != SHAPE or stored.dtype.kind != "f":
        raise ValueError(f"{name} holds {stored.dtype} of shape {stored.shape}; frames of NJU-CPOL hold floating-point numbers of shape {SHAPE}.")
    values = np.array(stored, "float64")
    if np.isinf(values).any():
        raise ValueError(f"{name} holds infinite values.")
    return values
