"""Commands of what comes in: domains, feeds, single files, simulated worlds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.answering import DomainOption, JsonOption, TimeOption, answering, example, fail, print_json, said, say, table, usage

app = typer.Typer()
FEED_SECRETS = {"feed": {"storage_options"}}
SECRETS: Any = {
    "release": {"storage_options"},
    "radar": FEED_SECRETS,
    "satellite": {"imager": FEED_SECRETS, "lightning": FEED_SECRETS},
    "background": FEED_SECRETS,
}
"""What of a domain is not shown: options of stores may hold keys."""


@app.command(epilog=example("stormcycle domains"))
@answering
def domains(as_json: JsonOption = False) -> None:
    """All domains: what they are and what they are made from."""
    from stormcycle.domain import DomainError, domain_names, load_domain

    found, wrong = [], []
    for name in domain_names():
        try:
            found.append(load_domain(name))
        except DomainError as error:
            wrong.append(str(error))
    if as_json:
        print_json([domain.model_dump(mode="json", exclude=SECRETS) for domain in found])  # they may hold secrets
        if wrong:
            fail(" ".join(wrong), 2)
        return
    rows = [
        [
            domain.name,
            domain.title,
            f"{domain.grid.shape[0]}x{domain.grid.shape[1]}",
            f"{domain.grid.resolution_m / 1000:g}",
            domain.step_minutes,
            len(domain.radar.sites),
            domain.radar.feed.layout,
        ]
        for domain in found
    ]
    table("Domains", ["name", "title", "grid", "km", "step, min", "radars", "feed"], rows)
    if wrong:
        fail(" ".join(wrong), 2)


@app.command(epilog=example("stormcycle feeds --domain khtx --time 2008-04-11T19:00Z"))
@answering
def feeds(domain: DomainOption, time: TimeOption, as_json: JsonOption = False) -> None:
    """Every granule that a cycle would pin, as the feed holds it now, with its delay; slots that nothing fills; prefixes not settled."""
    from stormcycle.domain import load_domain
    from stormcycle.feeds import list_feeds, overview
    from stormcycle.times import parse_cycle_time

    chosen, cycle_time = load_domain(domain), usage(lambda: parse_cycle_time(time))
    found = overview(chosen, cycle_time, list_feeds(chosen, cycle_time))
    if as_json:
        print_json(found)
        return
    table(
        f"Granules of {domain} for {time}",
        ["feed", "key", "of", "time by name", "bytes", "state", "delay, min", "notes"],
        [
            [
                row["feed"],
                row["key"],
                row["site"],
                row["valid_time"] or "in the file",
                row["size"],
                row["state"],
                "" if row["delay_minutes"] is None else f"{row['delay_minutes']:.1f}",
                " ".join(row["notes"]),
            ]
            for row in found["granules"]
        ],
    )
    if found["prefixes"]:
        table("Prefixes that are not settled", ["of", "prefix", "state", "granules", "feed"], [list(row.values()) for row in found["prefixes"]])
    say(f"{sum(row['key'] is not None for row in found['granules'])} granules")


@app.command(epilog=example("stormcycle inspect KTLX20140101_000624_V06.gz"))
@answering
def inspect(file: Annotated[Path, typer.Argument(help="a file of any feed")], as_json: JsonOption = False) -> None:
    """What a file is and how good it is. Exit 0 ok or partial, 3 corrupt, 5 not a granule of any feed we know."""
    from stormcycle.inspection import EXIT_CODES, inspect_file

    found = inspect_file(file)
    if as_json:
        print_json(found.as_dict())
    else:
        rows: list[list[Any]] = [
            ["kind", found.kind],
            ["state", found.state],
            ["time", found.time],
            *[["note", note] for note in found.notes],
            *[[name, value] for name, value in found.figures.items()],
        ]
        table(file.name, ["", ""], rows)
    raise typer.Exit(EXIT_CODES[found.state])


@app.command("radar-mask", epilog=example("stormcycle radar-mask --domain demo --site SIMA --from 2026-06-01T00:00Z --to 2026-07-01T00:00Z --file SIMA.nc"))
@answering
def radar_mask(
    domain: DomainOption,
    site: Annotated[str, typer.Option(help="a site of the domain")],
    start: Annotated[str, typer.Option("--from", help="granules of (from, to], full hours UTC")],
    end: Annotated[str, typer.Option("--to", help="as --from")],
    file: Annotated[Path, typer.Option("--file", help="the mask, a netCDF file; its picture is written beside it")],
    share: Annotated[float, typer.Option(min=0.001, max=1.0, help="share of the archive's granules, chosen at random")] = 0.2,
    seed: Annotated[int, typer.Option(help="of the random choice")] = 20150712,
    as_json: JsonOption = False,
) -> None:
    """Find a radar's outlier gates in an archive (for `quality.outlier_mask`); interrupted, it goes on where it was."""
    from rich.progress import Progress

    from stormcycle.domain import load_domain
    from stormcycle.home import home
    from stormcycle.radar.masks import FEW_SCANS, archived, build_mask, write_mask
    from stormcycle.times import parse_cycle_time

    chosen = load_domain(domain)
    if site not in chosen.radar.sites:
        fail(f"The domain {domain} has no site {site!r}; it has {', '.join(chosen.radar.sites)}.", 2)
    begin, finish = usage(lambda: parse_cycle_time(start)), usage(lambda: parse_cycle_time(end))
    granules = archived(chosen, site, begin, finish)
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task("scans", total=None)
        folder = home() / "cache" / "radar-mask" / domain
        mask = build_mask(chosen, site, granules, share, seed, folder, lambda done, total: bar.update(task, completed=done, total=total))
    if mask.attrs["scans"] < FEW_SCANS:
        said.print(f"{mask.attrs['scans']} scans are few: the mask shows the weather of these hours rather than the radar; take weeks of granules.")
    picture = write_mask(mask, file)
    figures = {"file": str(file), "picture": str(picture), "scans": mask.attrs["scans"], "left_out": mask.attrs["left_out"]}
    figures["outlier_share"] = round(float(mask["outlier"].mean()), 4)
    print_json(figures) if as_json else say(
        f"{file}: {figures['scans']} scans, {100 * figures['outlier_share']:.1f} % of the gates are outliers; picture: {picture}"
    )


@app.command(epilog=example("stormcycle simulate --domain demo --from 2026-06-30T12:00Z --hours 1 --to ./bucket --faults late,truncated"))
@answering
def simulate(
    domain: DomainOption,
    start: Annotated[str, typer.Option("--from", help="granules of (from, from + hours], and the older model runs that these hours need")],
    hours: Annotated[int, typer.Option(min=1)],
    to: Annotated[str, typer.Option("--to", help="the bucket: a folder, or a URL such as s3://bucket/folder")],
    seed: Annotated[int | None, typer.Option(help="default: the domain's own")] = None,
    faults: Annotated[str, typer.Option(help="what goes wrong, by name: late, missing, truncated, duplicate, sweep-gap, moved-bucket, wrong-clock")] = "",
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one a core")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write simulated granules of every feed of a domain in the feeds' real file formats; the same seed gives the same bytes."""
    import os

    from rich.progress import Progress

    from stormcycle.domain import load_domain
    from stormcycle.simulator import known_faults, units
    from stormcycle.simulator import simulate as simulate_world
    from stormcycle.times import parse_time

    chosen = load_domain(domain)
    if chosen.simulation is None:
        fail(f"The domain {domain} is not a simulated one; its YAML has no `simulation`.", 2)
    begin, named = usage(lambda: parse_time(start)), usage(lambda: known_faults(faults.split(",")))
    used, todo = chosen.simulation.seed if seed is None else seed, usage(lambda: units(chosen, begin, hours))
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task("granules", total=len(todo))
        keys = simulate_world(chosen, begin, hours, used, to, lambda _: bar.advance(task), workers=workers or os.cpu_count() or 1, faults=named)
    print_json({"to": to, "seed": used, "faults": list(named), "keys": keys}) if as_json else say(f"{len(keys)} granules in {to}")
