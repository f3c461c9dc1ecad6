"""The command line as a user runs it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from bad_input.spoiling import undisturbed
from cycle.command_line import ROOT, stormcycle
from house import FIRST, SECOND, House

from flows.cli import app

COMMANDS = sorted(typer.main.get_command(app).commands)


def test_every_command_has_help_with_an_example() -> None:
    from typer.testing import CliRunner

    overview = stormcycle("--help")
    assert overview.code == 0
    for name in COMMANDS:
        assert name in overview.out
        told = CliRunner().invoke(app, [name, "--help"])
        assert told.exit_code == 0
        assert f"Example: stormcycle {name}" in told.stdout, name
    assert "Example: stormcycle cycle --domain" in stormcycle("cycle", "--help").out


def test_starting_the_command_line_imports_nothing_heavy() -> None:
    program = "import sys, flows.cli; print(*sorted({'torch', 'xradar', 'pysteps', 'prefect', 'matplotlib', 'pyart', 'xarray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_user_runs_two_hours_and_asks_for_everything(house: House) -> None:
    made = stormcycle("cycle", "--domain", "small", "--time", FIRST)
    assert made.code == 0
    url = made.out.rstrip("\n").rsplit("\n", 1)[-1]
    assert url == str(house.home / "releases/small/2026/07/01T13Z/v1/release.zarr")
    assert "complete" in made.out
    assert "PREFECT_API_URL is not set" in made.err
    assert "TRITON_URL is not set" in made.err
    again = stormcycle("cycle", "--domain", "small", "--time", "2026-07-01T13:00Z")
    assert (again.code, again.out.rstrip("\n").rsplit("\n", 1)[-1]) == (0, url)
    assert "released before" in again.out

    for path in house.granules("133000"):
        path.unlink()
    second = stormcycle("cycle", "--domain", "small", "--time", SECOND, "--json")
    assert second.code == 4
    assert (second.document["state"], second.document["new"]) == ("degraded", True)
    assert [reason["code"] for reason in second.document["degraded"]] == ["frames_filled"]
    once_more = stormcycle("cycle", "--domain", "small", "--time", SECOND, "--json")
    assert (once_more.code, once_more.document) == (4, {**second.document, "new": False})

    latest = stormcycle("latest", "--domain", "small", "--json")
    assert (latest.code, latest.document["url"]) == (0, second.document["url"])
    assert stormcycle("latest", "--domain", "small").out.strip() == second.document["url"]
    assert [domain["name"] for domain in stormcycle("domains", "--json").document] == ["small"]
    assert len(stormcycle("feeds", "--domain", "small", "--time", FIRST, "--json").document["granules"]) == 20

    verified = stormcycle("verify", "--domain", "small", "--json")
    assert verified.code == 0
    assert {item["cycle_time"]: item["state"] for item in verified.document["hours"]} == {FIRST: "verified", SECOND: "waiting"}
    assert {"nowcast", "persistence"} <= {row["method"] for row in verified.document["csi"]}
    assert all(0.0 <= float(row["6"]) <= 1.0 for row in verified.document["csi"] if row["dBZ"] == "20")


def test_a_home_with_brackets_in_its_name_is_printed_as_it_is(house: House, simulated_bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = house.home.parent / "a [blue] house [" / "of storms]"
    shutil.copytree(Path(undisturbed(simulated_bucket).url).parents[4], home / "releases/small")
    monkeypatch.setenv("STORMCYCLE_HOME", str(home))
    found = stormcycle("cycle", "--domain", "small", "--time", FIRST)
    assert found.code == 0
    assert found.out.rstrip("\n").rsplit("\n", 1)[-1] == str(home / "releases/small/2026/07/01T13Z/v1/release.zarr")
