"""`inspect` on real files of the imagers, the lightning mapper and the models: judged by content, whatever they are called."""

import shutil
from pathlib import Path

import pytest

from stormcycle.feeds import ReadFailure, read_each
from stormcycle.inspection import EXIT_CODES, inspect_file, look_into


def copied(source: Path, folder: Path, name: str, size: int | None = None) -> Path:
    """A file under another name, cut to a size."""
    target = folder / name
    target.write_bytes(source.read_bytes()[:size])
    return target


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.parametrize(
    ("pattern", "kind", "code"),
    [
        ("goes_abi/OR_ABI-L1b-RadM1-M3C01*", "imager", 0),
        ("goes_abi/OR_ABI-L2-CMIPM1-M3C03*", "imager", 0),
        ("goes_abi/goes16_abi_cmipm1_c13_24x24.nc", "unknown", 5),
        ("goes_glm/OR_GLM-L2-GLMM1*", "unknown", 5),
        ("goes_glm/OR_GLM-L2-LCFA_G17_s20200160612000*", "lightning", 0),
        ("seviri/hrit/*IR_108*000005*202009060000*", "imager", 0),
        ("seviri/hrit/*EPI*202009060015*", "imager", 0),
    ],
)
def test_a_real_file_is_told_by_its_content_under_any_name(samples: Path, tmp_path: Path, pattern: str, kind: str, code: int) -> None:
    source = only(samples, pattern)
    found = inspect_file(copied(source, tmp_path, "something.bin"))
    assert (found.kind, EXIT_CODES[found.state]) == (kind, code), found.notes
    if code == 0:
        assert found.time == inspect_file(source).time is not None


def test_a_file_without_lightning_says_that_it_is_zero(samples: Path) -> None:
    found = inspect_file(only(samples, "goes_glm/OR_GLM-L2-LCFA_G17_s20200160612000*"))
    assert found.figures["events"] == 0 and any("zero, not missing" in note for note in found.notes)


def test_every_real_grib_is_readable_and_says_which_channels_it_holds(samples: Path) -> None:
    files = sorted((samples / "nwp").iterdir())
    for path, found in zip(files, read_each(look_into, [(path,) for path in files]), strict=True):
        assert not isinstance(found, ReadFailure), found
        assert (found.kind, EXIT_CODES[found.state]) == ("grib", 0), path.name
        assert any("of the 19 channels" in note for note in found.notes)


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [("goes_abi/OR_ABI-L1b-RadM1-M3C01*", "imager"), ("goes_glm/OR_GLM-L2-LCFA_G19*", "lightning"), ("seviri/hrit/*IR_108*000005*202009060000*", "imager")],
)
def test_a_cut_file_is_corrupt(samples: Path, tmp_path: Path, pattern: str, kind: str) -> None:
    source = only(samples, pattern)
    found = inspect_file(copied(source, tmp_path, source.name, source.stat().st_size // 2))
    assert (found.kind, found.state) == (kind, "corrupt") and str(tmp_path) not in " ".join(found.notes)


def test_an_image_under_the_name_of_another_channel_is_told(samples: Path, tmp_path: Path) -> None:
    source = only(samples, "goes_abi/OR_ABI-L1b-RadM1-M3C01*")
    shutil.copy(source, tmp_path / source.name.replace("C01", "C02"))
    found = inspect_file(tmp_path / source.name.replace("C01", "C02"))
    assert found.state == "corrupt" and "of the channel C01" in found.notes[0]
