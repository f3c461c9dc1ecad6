"""The commands of the models as a user runs them."""

import shutil
from pathlib import Path

import pytest
import xarray as xr
from cycle.command_line import stormcycle

from stormcycle.serving.cards import SHIPPED


def test_one_model_that_is_broken_does_not_keep_the_others_from_being_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    shutil.copytree(SHIPPED, models)
    shutil.copytree(models / "smaat_unet", models / "a_broken_one")
    monkeypatch.setenv("STORMCYCLE_MODELS", str(models))
    said = stormcycle("export", "--to", str(tmp_path / "served"), "--json")
    assert said.code == 1
    assert [one["model"] for one in said.document] == ["smaat_unet"]
    assert (tmp_path / "served/smaat_unet/1/model.onnx").is_file()
    assert "The card in the folder a_broken_one is that of smaat_unet." in said.err


def test_a_sequence_of_another_step_is_refused_and_not_passed_as_the_models(samples: Path) -> None:
    said = stormcycle("evaluate", "smaat_unet", "--sequence", str(samples / "radar/gridded/fmi_composite_20160928.nc"))
    assert said.code == 1
    assert "smaat_unet takes a frame every 6 min; fmi_composite_20160928.nc has one every 5 min." in said.err


def test_an_event_of_the_training_is_marked_as_in_sample(samples: Path, tmp_path: Path) -> None:
    cut = tmp_path / "nju_cpol_003_3.0km.nc"
    with xr.open_dataset(samples / "radar/nju_cpol/nju_cpol_003_3.0km.nc", engine="h5netcdf", mask_and_scale=False) as whole:
        whole[["dbz"]].isel(time=slice(0, 20)).to_netcdf(cut, engine="h5netcdf")
    said = stormcycle("evaluate", "smaat_unet", "--sequence", str(cut), "--json")
    assert (said.code, said.document["in_sample"], said.document["windows"]) == (0, True, 1)
    assert set(said.document["methods"]) == {"persistence", "extrapolation", "sprog", "extrapolation_disc", "sprog_disc", "smaat_unet"}


def test_plans_need_a_gpu_and_say_so(tmp_path: Path) -> None:
    said = stormcycle("build-plans", "--to", str(tmp_path))
    assert said.code == 1
    assert "Plans are built on the machine that serves them" in said.err
