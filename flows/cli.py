"""The command line: thin commands over flows and library. Heavy imports wait inside the commands."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.answering import EXIT_DEGRADED, answering, example, fail, print_json, said, say, table, usage, with_prefect

app = typer.Typer(
    name="stormcycle",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    help="The hourly cycle: from what was observed to a verified release.",
)
DomainOption = Annotated[str, typer.Option("--domain", "-d", help="name of a domain: stormcycle domains")]
TimeOption = Annotated[str, typer.Option("--time", "-t", help="cycle time, a full hour UTC: 2015-07-12T01:00Z")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")]


@app.command(epilog=example("stormcycle cycle --domain nanjing --time 2015-07-12T01:00Z"))
@answering
def cycle(
    domain: DomainOption,
    time: TimeOption,
    revise: Annotated[bool, typer.Option("--revise", help="list the feeds again; changed inputs make a new version")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one cycle and release it. Exit 0 complete, 4 degraded, 1 failed, 2 usage; the last line is the release's URL."""
    from stormcycle.domain import load_domain
    from stormcycle.times import iso, parse_cycle_time

    load_domain(domain)
    cycle_time = iso(usage(lambda: parse_cycle_time(time)))
    recorded = with_prefect()
    if "TRITON_URL" not in os.environ:
        said.print("TRITON_URL is not set: no model is served, the nowcast is extrapolation.")
    from flows.cycle import cycle as cycle_flow

    outcome = (cycle_flow if recorded else cycle_flow.fn)(domain, cycle_time, revise)
    reasons = [reason.as_dict() for reason in outcome.degraded]
    if as_json:
        print_json(
            {
                "domain": domain,
                "cycle_time": cycle_time,
                "state": str(outcome.state),
                "url": outcome.url,
                "version": outcome.version,
                "digest": outcome.digest,
                "quicklook": outcome.quicklook,
                "degraded": reasons,
                "new": outcome.new,
            }
        )
    else:
        before = "" if outcome.new else ", released before: nothing was computed (--revise lists the feeds again)"
        say(f"{domain} {cycle_time}: {outcome.state}, version {outcome.version}{before}")
        if reasons:
            table("Degraded because", ["product", "code", "detail"], [[reason["product"], reason["code"], reason["detail"]] for reason in reasons])
        say(f"quicklook: {outcome.quicklook}")
        say(outcome.url)
    raise typer.Exit(EXIT_DEGRADED if outcome.state == "degraded" else 0)


@app.command(epilog=example("stormcycle latest --domain demo"))
@answering
def latest(domain: DomainOption, as_json: JsonOption = False) -> None:
    """The URL of a domain's newest release; exit 1 with a sentence where there is none."""
    from stormcycle.domain import load_domain
    from stormcycle.release import latest_release
    from tasks.release import target_of

    pointer = latest_release(target_of(load_domain(domain)), domain)
    if pointer is None:
        fail(f"The domain {domain} has no release yet; run `stormcycle cycle --domain {domain} --time ...`.")
    print_json(pointer) if as_json else say(pointer["url"])


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
        print_json(
            [domain.model_dump(mode="json", exclude={"release": {"storage_options"}, "radar": {"feed": {"storage_options"}}}) for domain in found]
        )  # they may hold secrets
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
    from stormcycle.feeds import list_radar_feed, overview
    from stormcycle.times import parse_cycle_time

    chosen, cycle_time = load_domain(domain), usage(lambda: parse_cycle_time(time))
    found = overview(chosen, cycle_time, list_radar_feed(chosen, cycle_time))
    if as_json:
        print_json(found)
        return
    table(
        f"Granules of {domain} for {time}",
        ["key", "site", "time by name", "bytes", "state", "delay, min", "notes"],
        [
            [
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
        table("Prefixes that are not settled", ["site", "prefix", "state", "granules"], [list(row.values()) for row in found["prefixes"]])
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


@app.command(epilog=example("stormcycle verify --domain nanjing"))
@answering
def verify(
    domain: DomainOption,
    time: Annotated[str | None, typer.Option("--time", "-t", help="one hour; default: those of the last two days before the newest")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score every release whose valid time has come, beside persistence, extrapolation and S-PROG."""
    from stormcycle.domain import load_domain
    from stormcycle.times import iso, parse_cycle_time

    load_domain(domain)
    cycle_time = iso(usage(lambda: parse_cycle_time(time))) if time is not None else None
    recorded = with_prefect()
    from flows.verify import verify as verify_flow
    from tasks.verify import brier_rows, csi_rows, period_scores

    verified = (verify_flow if recorded else verify_flow.fn)(domain, cycle_time)
    if not verified:
        fail(f"The domain {domain} has no release to verify; run `stormcycle cycle --domain {domain} --time ...` first.")
    scores = period_scores(verified)
    csi, brier = (csi_rows(scores), brier_rows(scores)) if scores is not None else ([], [])
    if as_json:
        print_json({"domain": domain, "hours": [item.__dict__ for item in verified], "csi": csi, "brier": brier})
        return
    table(f"Verification of {domain}", ["hour", "state", "record"], [[item.cycle_time, item.state, item.path] for item in verified])
    for title, rows in (("CSI by lead (min), all verified hours pooled", csi), ("Brier score of the probabilities by lead (min)", brier)):
        if rows:
            table(title, list(rows[0]), [list(row.values()) for row in rows])


@app.command(epilog=example("stormcycle evaluate sprog --sequence nju_cpol_001_3.0km.nc"))
@answering
def evaluate(
    model: Annotated[str, typer.Argument(help="persistence, extrapolation or sprog; always shown beside the other references")],
    sequence: Annotated[Path, typer.Option("--sequence", help="a packed sequence (netCDF)")],
    figure: Annotated[Path | None, typer.Option("--figure", help="also draw the score curves here (PNG)")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a method on every window of 10 + 10 frames of a packed sequence, beside the reference methods."""
    from rich.progress import Progress

    from stormcycle.feeds import ReadFailure, read_each
    from stormcycle.verification import REFERENCES, evaluate_sequence, read_sequence

    if model not in REFERENCES:
        fail(f"There is no model {model!r}; known are {', '.join(REFERENCES)}.", 2)
    (reflectivity,) = read_each(read_sequence, [(sequence,)])
    if isinstance(reflectivity, ReadFailure):
        fail(reflectivity.reason)
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task("windows", total=None)
        result = evaluate_sequence(reflectivity, REFERENCES, lambda done, total: bar.update(task, completed=done, total=total))
    step = float(reflectivity.attrs["step_minutes"])
    if figure is not None:
        from stormcycle.verification.pictures import draw_score_curves

        draw_score_curves(result, figure, step)
    if as_json:
        print_json(result)
        return
    leads = [f"{step * (index + 1):g}" for index in range(10)]
    rows = [[method, threshold, *values] for method, scores in result["methods"].items() for threshold, values in scores["zh"]["csi"].items()]
    table(f"CSI by lead (min) on {sequence.name}, {result['windows']} windows", ["method", "dBZ", *leads], rows)


@app.command(epilog=example("stormcycle simulate --domain demo --from 2026-06-30T12:00Z --hours 1 --to ./bucket"))
@answering
def simulate(
    domain: DomainOption,
    start: Annotated[str, typer.Option("--from", help="granules of (from, from + hours]")],
    hours: Annotated[int, typer.Option(min=1)],
    to: Annotated[Path, typer.Option("--to", help="folder of the bucket")],
    seed: Annotated[int | None, typer.Option(help="default: the domain's own")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write simulated granules of a domain in the feed's real file format; the same seed gives the same bytes."""
    from rich.progress import Progress

    from stormcycle.domain import load_domain
    from stormcycle.simulator import granules
    from stormcycle.simulator import simulate as simulate_world
    from stormcycle.times import parse_time

    chosen = load_domain(domain)
    if chosen.simulation is None:
        fail(f"The domain {domain} is not a simulated one; its YAML has no `simulation`.", 2)
    begin = usage(lambda: parse_time(start))
    with Progress(console=said, transient=True) as bar:
        task = bar.add_task("granules", total=len(list(granules(chosen, begin, hours))))
        keys = simulate_world(chosen, begin, hours, chosen.simulation.seed if seed is None else seed, to, lambda _: bar.advance(task))
    print_json({"folder": str(to), "keys": keys}) if as_json else say(f"{len(keys)} granules in {to}")


@app.command("radar-mask", epilog=example("stormcycle radar-mask --domain demo --site simli --from 2026-06-01T00:00Z --to 2026-07-01T00:00Z --file simli.nc"))
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


@app.command(epilog=example("stormcycle serve demo"))
@answering
def serve(domains: Annotated[list[str] | None, typer.Argument(help="default: all domains")] = None) -> None:
    """Run the scheduled deployments, hourly cycles and their verification, until interrupted."""
    from stormcycle.domain import domain_names, load_domain

    names = domains or domain_names()
    for name in names:
        load_domain(name)
    if not with_prefect():
        fail("Deployments need a Prefect server: `stormcycle up`, then set PREFECT_API_URL as it says.")
    from flows.deployments import serve_deployments

    said.print(f"Serving {', '.join(names)}; interrupt to stop.")
    serve_deployments(names)


@app.command(epilog=example("stormcycle up"))
@answering
def up(port: Annotated[int, typer.Option(help="port of the Prefect server; a free one when taken")] = 4200, as_json: JsonOption = False) -> None:
    """Start the servers on loopback and say how to reach them."""
    from flows.servers import start_prefect

    with said.status("starting the Prefect server"):
        url = start_prefect(port)
    if as_json:
        print_json({"PREFECT_API_URL": url})
        return
    said.print(f"The Prefect UI is at {url.removesuffix('/api')}")
    say(f"export PREFECT_API_URL={url}")


@app.command(epilog=example("stormcycle down"))
@answering
def down(as_json: JsonOption = False) -> None:
    """Stop the servers that `up` started."""
    from flows.servers import stop_prefect

    stopped = stop_prefect()
    print_json({"stopped": stopped}) if as_json else said.print("The Prefect server is stopped." if stopped else "No server was running.")


if __name__ == "__main__":
    app()
