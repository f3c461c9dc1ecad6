"""`stormcycle radar-mask`: from an archive to a mask that quality control can use, also after an interruption."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from cycle.command_line import stormcycle
from house import FIRST, SECOND, SMALL, House

from flows.cycle import cycle
from stormcycle.domain import load_domain
from stormcycle.radar.masks import archived, build_mask
from stormcycle.radar.quality.outliers import MaskError
from stormcycle.states import Provenance
from stormcycle.times import HOUR, parse_time

START = parse_time(FIRST) - HOUR


def test_an_interrupted_mask_goes_on_where_it_was_and_is_the_same(house: House, tmp_path: Path) -> None:
    domain = load_domain("small")
    granules = archived(domain, "simli", START, parse_time(SECOND))
    assert len(granules) == 20
    house.granule("simli", "123000").write_bytes(b"no volume")  # changed since it was listed: left out
    whole = build_mask(domain, "simli", granules, 1.0, 5, tmp_path / "a", lambda done, total: None)
    assert (whole.attrs["scans"], whole.attrs["left_out"]) == (19, 1)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_mask(domain, "simli", granules, 1.0, 5, tmp_path / "b", stop)
    seen: list[tuple[int, int]] = []
    again = build_mask(domain, "simli", granules, 1.0, 5, tmp_path / "b", lambda done, total: seen.append((done, total)))
    assert seen == [(20, 20)]  # the first sixteen were counted before
    xr.testing.assert_identical(whole, again)


def test_an_archive_without_granules_is_answered_in_a_sentence(house: House) -> None:
    with pytest.raises(MaskError, match="no granule of simli"):
        archived(load_domain("small"), "simli", parse_time("2020-01-01T00:00Z"), parse_time("2020-01-01T02:00Z"))


def test_the_command_writes_a_mask_that_a_domain_can_name(house: House, tmp_path: Path) -> None:
    file = tmp_path / "simli.nc"
    arguments = ["--domain", "small", "--site", "simli", "--from", "2026-07-01T12:00Z", "--to", "2026-07-01T14:00Z", "--share", "0.5"]
    said = stormcycle("radar-mask", *arguments, "--file", str(file), "--json")
    assert said.code == 0, said.err
    assert said.document["scans"] == 10
    assert "are few" in said.err
    assert file.with_suffix(".png").stat().st_size > 10_000
    with xr.open_dataset(file, engine="h5netcdf") as mask:
        assert mask["outlier"].dims == ("azimuth", "range")
        assert float(mask["outlier"].mean()) == pytest.approx(said.document["outlier_share"], abs=1e-4)
        masked = mask.load()
    masked["outlier"][:] = 0
    masked["outlier"][80:100] = 1  # the east is hidden
    for site in ("simli", "simpa"):
        masked.to_netcdf(tmp_path / f"{site}.nc", engine="h5netcdf")
    domain = yaml.safe_load(SMALL)
    domain["radar"]["quality"]["outlier_mask"] = {"file": str(tmp_path / "{site}.nc")}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    made = cycle.fn("small", FIRST)
    radar = xr.open_zarr(made.url, group="radar", consolidated=False)
    assert "{site}.nc" in radar.attrs["quality_control"]
    assert str(tmp_path) not in radar.attrs["quality_control"]
    provenance = radar["provenance"].values
    outlier = (provenance & Provenance.OUTLIER_GATE) > 0
    assert 0.01 < outlier.mean() < 0.3
    assert ((provenance[outlier] & Provenance.REJECTED_BY_QUALITY_CONTROL) > 0).all()
    assert np.array_equal(outlier[0], outlier[-1])


def test_a_site_that_the_domain_does_not_have_is_a_usage_error(house: House, tmp_path: Path) -> None:
    said = stormcycle("radar-mask", "--domain", "small", "--site", "atlantis", "--from", FIRST, "--to", SECOND, "--file", str(tmp_path / "x.nc"))
    assert (said.code, said.out) == (2, "")
    assert "has no site 'atlantis'; it has simli, simpa." in said.err
