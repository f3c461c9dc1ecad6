"""Commands of the hour: run it, find it, judge it."""

import os
from dataclasses import asdict
from typing import Annotated

import typer

from flows.cli.answering import EXIT_DEGRADED, DomainOption, JsonOption, TimeOption, answering, example, fail, print_json, said, say, table, usage, with_prefect

app = typer.Typer()


@app.command(epilog=example("stormcycle cycle --domain nanjing --time 2015-07-12T01:00Z"))
@answering
def cycle(
    domain: DomainOption,
    time: TimeOption,
    revise: Annotated[bool, typer.Option("--revise", help="look again: changed inputs, or a model that is back, make a new version")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one cycle and release it. Exit 0 complete, 4 degraded, 1 failed, 2 usage; the last line is the release's URL."""
    from stormcycle.domain import load_domain
    from stormcycle.times import iso, parse_cycle_time

    load_domain(domain)
    cycle_time = iso(usage(lambda: parse_cycle_time(time)))
    recorded = with_prefect()
    if "TRITON_URL" not in os.environ:
        said.print("TRITON_URL is not set: no model is served, the nowcast is extrapolation (`stormcycle up` starts a server).")
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
    from tasks.verify import brier_rows, csi_rows, moment_rows, operator_rows, period_scores

    verified = (verify_flow if recorded else verify_flow.fn)(domain, cycle_time)
    if not verified:
        fail(f"The domain {domain} has no release to verify; run `stormcycle cycle --domain {domain} --time ...` first.")
    scores = period_scores(verified)
    kinds = {"csi": csi_rows, "moments": moment_rows, "hourly": operator_rows, "brier": brier_rows}
    found = {kind: rows_of(scores) if scores is not None else [] for kind, rows_of in kinds.items()}
    if as_json:
        print_json({"domain": domain, "hours": [item.__dict__ for item in verified], **found})
        return
    table(f"Verification of {domain}", ["hour", "state", "record"], [[item.cycle_time, item.state, item.path] for item in verified])
    titles = {
        "csi": "CSI by lead (min), all verified hours pooled",
        "moments": "CSI of the other variables by lead (min)",
        "hourly": "The hour's reflectivity as the radar operator says it; the analysis has used it",
        "brier": "Brier score of the probabilities by lead (min)",
    }
    for kind, title in titles.items():
        if rows := found[kind]:
            table(title, list(rows[0]), [list(row.values()) for row in rows])


@app.command(epilog=example("stormcycle health --domain demo"))
@answering
def health(
    domain: Annotated[str | None, typer.Option("--domain", "-d", help="default: all domains")] = None,
    until: Annotated[str | None, typer.Option("--until", help="the day before this time, UTC; default: now")] = None,
    as_json: JsonOption = False,
) -> None:
    """What became of every hour of the last day: complete, degraded, failed, running or missing. Exit 4 when one failed or is missing."""
    from flows.triton import server_memory_mb
    from stormcycle.domain import DomainError, domain_names, load_domain
    from stormcycle.home import UnsetVariableError
    from stormcycle.release.targets import TargetError
    from stormcycle.states import HourState
    from stormcycle.times import iso, now, parse_time
    from tasks.health import hours_of

    end = now() if until is None else usage(lambda: parse_time(until))
    found, wrong = {}, []
    for name in [domain] if domain else domain_names():
        try:
            found[name] = hours_of(load_domain(name), end)
        except (DomainError, TargetError, UnsetVariableError) as error:
            wrong.append(str(error))
    if as_json:
        print_json({name: [asdict(hour) for hour in hours] for name, hours in found.items()})
    else:
        rows = [[name, hour.cycle_time, hour.state, hour.version, " ".join(hour.reasons)] for name, hours in found.items() for hour in hours]
        if memory := server_memory_mb():
            said.print(f"Triton takes {memory:.0f} MB of memory with its models.")
        table(f"The day up to {iso(end)}", ["domain", "hour", "state", "version", "why"], rows)
    if wrong:
        fail(" ".join(wrong))
    owed = {HourState.FAILED, HourState.MISSING}
    raise typer.Exit(EXIT_DEGRADED if any(hour.state in owed for hours in found.values() for hour in hours) else 0)
