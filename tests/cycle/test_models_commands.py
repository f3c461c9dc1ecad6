"""The commands of the models as a user runs them."""

import shutil
from pathlib import Path

import pytest
import xarray as xr
from cycle.command_line import stormcycle

from stormcycle.serving.cards import SHIPPED


def test_one_model_that_is_broken_does_not_keep_the_others_from_being_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    for name in ("smaat_unet", "a_broken_one"):
        shutil.copytree(SHIPPED / "smaat_unet", models / name)
    monkeypatch.setenv("STORMCYCLE_MODELS", str(models))
    said = stormcycle("export", "--to", str(tmp_path / "served"), "--json")
    assert said.code == 1
    assert [one["model"] for one in said.document] == ["smaat_unet"]
    assert (tmp_path / "served/smaat_unet/1/model.onnx").is_file()
    assert "The card in the folder a_broken_one is that of smaat_unet." in said.err


def test_a_sequence_whose_frames_are_too_far_apart_is_refused(samples: Path, tmp_path: Path) -> None:
    cut = cut_sequence(samples, "nju_cpol_001_3.0km.nc", tmp_path, minutes=15)
    said = stormcycle("evaluate", "smaat_unet", "--sequence", str(cut))
    assert said.code == 1
    assert "nju_cpol_001_3.0km.nc has a frame every 15 min; frames more than 12 min apart cannot be brought to a model's step." in " ".join(said.err.split())


def test_a_sequence_of_another_step_is_brought_to_the_models(samples: Path, tmp_path: Path) -> None:
    cut = cut_sequence(samples, "nju_cpol_001_3.0km.nc", tmp_path, minutes=5)
    said = stormcycle("evaluate", "smaat_unet", "--sequence", str(cut), "--json")
    assert (said.code, said.document["step_minutes"], said.document["windows"]) == (0, 5.0, 1)
    scores = {name: said.document["methods"][name]["zh"]["csi"]["20"] for name in ("smaat_unet", "persistence")}
    assert all(model > plain for model, plain in zip(*scores.values(), strict=True))


REFERENCES = {"persistence", "extrapolation", "sprog", "extrapolation_disc", "sprog_disc", "steps_mean"}


def cut_sequence(samples: Path, name: str, folder: Path, minutes: int = 6) -> Path:
    """The first window of a real dual-polarisation sequence, as a file of the same name, which may say another step."""
    cut = folder / name
    with xr.open_dataset(samples / "radar/nju_cpol" / name, engine="h5netcdf", mask_and_scale=False) as whole:
        first = whole[["dbz", "zdr", "kdp"]].isel(time=slice(0, 20))
        first.assign_attrs(nominal_step_minutes=minutes).to_netcdf(cut, engine="h5netcdf")
    return cut


def test_an_event_of_the_training_is_marked_as_in_sample(samples: Path, tmp_path: Path) -> None:
    cut = cut_sequence(samples, "nju_cpol_003_3.0km.nc", tmp_path)
    said = stormcycle("evaluate", "smaat_unet", "--sequence", str(cut), "--json")
    assert (said.code, said.document["in_sample"], said.document["windows"]) == (0, True, 1)
    assert said.document["in_sample_models"]["smaat_unet"] is True
    assert set(said.document["methods"]) == {*REFERENCES, *said.document["in_sample_models"]}
    assert set(said.document["methods"]["extrapolation"]) == {"zh", "zdr", "kdp"}
    assert said.document["methods"]["extrapolation"]["zdr"]["csi"]["0.5"][0] > said.document["methods"]["persistence"]["zdr"]["csi"]["0.5"][0]
    assert set(said.document["costs"]) == set(said.document["in_sample_models"])
    assert "1 windows hold fewer than two blocks" in said.document["intervals"]["why_none"]


def test_a_model_that_is_broken_is_left_out_of_the_evaluation_of_another(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    shutil.copytree(SHIPPED / "smaat_unet", models / "smaat_unet")
    shutil.copytree(SHIPPED / "smaat_unet", models / "broken")
    monkeypatch.setenv("STORMCYCLE_MODELS", str(models))
    cut = cut_sequence(samples, "nju_cpol_001_3.0km.nc", tmp_path)
    said = stormcycle("evaluate", "smaat_unet", "--sequence", str(cut))
    assert said.code == 0
    assert "broken is left out: The card in the folder broken is that of smaat_unet." in " ".join(said.err.split())
    for words in ("the paper's MRKAN", "of its own events, which are others", "torch, one thread", "kdp 0.2", "148.400"):
        assert words in said.out


def test_without_a_sequence_those_of_the_recipe_are_evaluated(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, data = tmp_path / "models", tmp_path / "data"
    shutil.copytree(SHIPPED / "smaat_unet", models / "smaat_unet")
    recipe = models / "smaat_unet/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("shown: [radar/nju_cpol/nju_cpol_001_3.0km.nc]", "shown: [nju_cpol_001_3.0km.nc]"))
    data.mkdir()
    cut_sequence(samples, "nju_cpol_001_3.0km.nc", data)
    monkeypatch.setenv("STORMCYCLE_MODELS", str(models))
    monkeypatch.setenv("STORMCYCLE_DATA", str(data))
    said = stormcycle("evaluate", "smaat_unet", "--json")
    assert said.code == 0
    assert list(said.document["sequences"]) == ["nju_cpol_001_3.0km.nc"]
    assert said.document["sequences"]["nju_cpol_001_3.0km.nc"]["in_sample"] is False


def test_a_reference_has_no_recipe_and_needs_a_sequence() -> None:
    said = stormcycle("evaluate", "sprog")
    assert (said.code, "Name the sequence with --sequence" in said.err) == (2, True)


def test_plans_need_a_gpu_and_say_so(tmp_path: Path) -> None:
    said = stormcycle("build-plans", "--to", str(tmp_path))
    assert said.code == 1
    assert "Plans are built on the machine that serves them" in said.err
