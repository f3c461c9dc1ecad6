"""Commands of the analysis: tried where the truth is known, its background errors, its operator watched."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.answering import DomainOption, JsonOption, answering, example, fail, print_json, said, say, table, usage

app = typer.Typer()
DEADLINE_S = 30.0


@app.command(epilog=example("stormcycle twin --domain slovenia-sim --from 2026-07-01T00:00Z --hours 24 --seed 301 --json"))
@answering
def twin(
    domain: DomainOption,
    start: Annotated[str, typer.Option("--from", help="the cycles of (from, from + hours]")],
    hours: Annotated[int, typer.Option(min=2, help="how many cycles")],
    seed: Annotated[int | None, typer.Option(help="of the world; default: the domain's own")] = None,
    settings: Annotated[str, typer.Option(help="the domain's own, or paper: those of the paper")] = "domain",
    as_json: JsonOption = False,
) -> None:
    """Analyse hours of a simulated world and judge them against the radar that was withheld and against the truth, beside controls."""
    import numpy as np
    from rich.progress import Progress

    from flows.twins import tried
    from stormcycle.domain import load_domain
    from stormcycle.times import HOUR, parse_time

    chosen = load_domain(domain)
    if chosen.simulation is None:
        fail(f"The domain {domain} is not a simulated one: its truth is not known.", 2)
    if settings not in ("domain", "paper"):
        fail(f"--settings is domain or paper, not {settings!r}.", 2)
    times = [usage(lambda: parse_time(start)) + (number + 1) * HOUR for number in range(hours)]
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task("hours", total=3 * hours)
        result = tried(chosen, np.array(times), chosen.simulation.seed if seed is None else seed, settings, lambda: bar.advance(task))
    if as_json:
        print_json(result)
        return
    if result["in_sample"]:
        said.print(f"The operator learned from world {result['seed']} or was chosen on it: this shows no skill.")
    rows = [[name, one["background"], one["analysis"], one["change"], "{:.1f} to {:.1f}".format(*one["bootstrap"])] for name, one in _entries(result)]
    table(f"{result['cycles']} cycles, world {result['seed']}", ["", "background", "analysis", "change, %", "95 %"], rows)
    rows = [[name, one["background"], one["analysis"], one["change"]] for name, one in _entries(result["controls"]["shuffled"])]
    table("Control: radar of another hour", ["", "background", "analysis", "change, %"], rows)


def _entries(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [("used, dB", result["used"]), ("withheld, dB", result["withheld"]), *result["truth"].items()]


@app.command("background-errors", epilog=example("stormcycle background-errors --domain demo --from 2026-06-01T00:00Z --to 2026-06-30T18:00Z --file summer.nc"))
@answering
def background_errors(
    domain: DomainOption,
    start: Annotated[str, typer.Option("--from", help="valid times from here on, UTC")],
    end: Annotated[str, typer.Option("--to", help="and up to here")],
    file: Annotated[Path, typer.Option("--file", help="the netCDF file to write; {season} in its name is replaced")],
    as_json: JsonOption = False,
) -> None:
    """Background errors of a domain from its feed's archive of runs: forecasts of 6 h minus analyses of the same time."""
    from rich.progress import Progress

    from stormcycle.background.statistics import FEW_PAIRS, error_statistics, forecast_errors
    from stormcycle.domain import load_domain
    from stormcycle.domain.assimilation import SEASON
    from stormcycle.home import home
    from stormcycle.times import HOUR, parse_time, season

    chosen = load_domain(domain)
    if chosen.background is None:
        fail(f"The domain {domain} has no background; there are no runs to compare.", 2)
    first, last = usage(lambda: parse_time(start)), usage(lambda: parse_time(end))
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task("hours", total=int((last - first) / HOUR) + 1)
        folder = home() / "cache" / "background-errors" / domain
        pairs = list(forecast_errors(chosen, first, last, folder, lambda done: bar.update(task, completed=done)))
    seasons = sorted({season(time) for time, _ in pairs}) or [season(first)]
    if len(seasons) > 1 and SEASON not in file.name:
        fail(f"The runs are of {', '.join(seasons)}: write {SEASON} into the name of --file, each has its own.", 2)
    documents = []
    for one in seasons:
        spacing_km = chosen.background.grid.resolution_m / 1000.0
        found = error_statistics([pair for pair in pairs if season(pair[0]) == one], spacing_km, f"{domain}, {one}")
        if found.attrs["n_pairs"] < FEW_PAIRS:
            said.print(f"{found.attrs['n_pairs']} pairs of {one} are few: their sampling error is above a tenth; take a month of runs or more.")
        path = file.with_name(file.name.replace(SEASON, one))
        path.parent.mkdir(parents=True, exist_ok=True)
        found.to_netcdf(path, engine="h5netcdf", encoding={"sigma_b": {"zlib": True, "complevel": 4, "shuffle": True}})
        documents.append({"file": str(path), **found.attrs, "channels": _by_channel(found)})
    if as_json:
        print_json({"domain": domain, "seasons": documents})
        return
    for document in documents:
        rows = document["channels"]
        table(f"{document['n_pairs']} pairs, {document['season']}", list(rows[0]), [list(row.values()) for row in rows])
        say(document["file"])


def _by_channel(found: Any) -> list[dict[str, Any]]:
    """Background errors in figures: a row a channel."""
    figures = (found["channel"].values, found["sigma_b"].mean(("y", "x")).values, found["bias"].values, found["length_km"].values)
    names = ("channel", "deviation", "bias", "length_km")
    return [dict(zip(names, (str(row[0]), *map(float, row[1:])), strict=True)) for row in zip(*figures, strict=True)]


@app.command(epilog=example("stormcycle innovations --domain demo --from 2026-07-01T13:00Z --to 2026-07-01T14:00Z"))
@answering
def innovations(
    domain: DomainOption,
    start: Annotated[str, typer.Option("--from", help="released hours from here on, full hours UTC")],
    end: Annotated[str, typer.Option("--to", help="and up to here")],
    as_json: JsonOption = False,
) -> None:
    """What radars summed up minus what the served operator says of each released background: mean and root mean square by cycle. Needs TRITON_URL."""
    import numpy as np

    from stormcycle.datasets.hours import released_hours
    from stormcycle.domain import load_domain
    from stormcycle.radar.hourly import HOURLY_FLOOR_DBZ
    from stormcycle.serving import infer, ready_model
    from stormcycle.times import parse_cycle_time
    from tasks.models import triton_url
    from tasks.release import root_of

    chosen = load_domain(domain)
    if chosen.analysis is None:
        fail(f"The domain {domain} has no analysis, and so no operator.", 2)
    url = triton_url()
    if url is None:
        fail("TRITON_URL is not set: the operator is asked of the server (`stormcycle up` starts one).", 2)
    first, last = usage(lambda: parse_cycle_time(start)), usage(lambda: parse_cycle_time(end))
    ready = ready_model(url, chosen.analysis.operator, DEADLINE_S)
    rows = []
    for hour in released_hours(root_of(chosen), domain, first, last, chosen.release.storage_options or None):
        said = infer(url, ready.contract, {"state": hour["state"].values[None]}, DEADLINE_S)["reflectivity"][0, 0]
        seen = hour["hourly_sum"].values
        known = ~np.isnan(seen)
        apart = (np.maximum(seen, HOURLY_FLOOR_DBZ) - np.maximum(said, HOURLY_FLOOR_DBZ))[known]
        figures = {"mean": float(apart.mean()), "rmse": float(np.sqrt((apart**2).mean()))} if known.any() else {"mean": None, "rmse": None}
        rows.append({"hour": hour.attrs["time"], "lead_hours": hour.attrs["lead_hours"], "observations": int(known.sum()), **figures})
    if as_json:
        print_json({"domain": domain, "operator": chosen.analysis.operator, "version": ready.version, "hours": rows})
        return
    table(f"Innovations of {domain}, dB, by {chosen.analysis.operator} {ready.version}", list(rows[0]), [list(row.values()) for row in rows])
