"""`make cycle`: two hours of the simulated domain, end to end, with real Prefect and Triton servers on loopback.

Simulate the granules of two hours, run both cycles, verify the first hour with what the second observed, stop what
was started, and say what came out.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from flows.cli.answering import EXIT_DEGRADED, cell
from flows.footprint import Footprint, measured
from flows.house import start_servers, stop_servers
from flows.servers import prefect_environment
from stormcycle.cycle.digests import sources_digest
from stormcycle.cycle.files import json_bytes, replace_file
from stormcycle.domain import load_domain
from stormcycle.home import expand, home
from stormcycle.times import HOUR, iso, parse_time

DOMAIN = "demo"
FIRST_HOUR = "2026-07-01T13:00:00Z"
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Run the demonstration and print its summary."""
    hours = [FIRST_HOUR, iso(parse_time(FIRST_HOUR) + HOUR)]
    with measured() as footprint:
        with footprint.step("simulate two hours of all feeds"):
            simulate_bucket(hours)
        try:
            with footprint.step("export the models, start Prefect and Triton"):
                os.environ.update(prefect_environment())
                os.environ.update(start_servers())
            outcomes = []
            for hour in hours:
                with footprint.step(f"cycle {hour}"):
                    outcomes.append(stormcycle("cycle", "--domain", DOMAIN, "--time", hour))
            with footprint.step(f"verify {hours[0]}"):
                verified = stormcycle("verify", "--domain", DOMAIN)
        finally:
            with footprint.step("stop the servers"):
                stop_servers()
    for hour, outcome in zip(hours, outcomes, strict=True):
        before = "" if outcome["new"] else ", released before: nothing was computed"
        console.print(f"{DOMAIN} {hour}: [bold]{outcome['state']}[/], version {outcome['version']}{before}")
    show_rows(f"CSI of {hours[0]} by lead (min)", verified["csi"])
    show_rows("Where the time went", [{"step": name, "seconds": f"{seconds:.1f}"} for name, seconds in footprint.steps.items()])
    console.print(f"Peak memory of all processes together: {footprint.peak_mb:.0f} MB")
    write_footprint(footprint)
    console.print(f"\nnewest release: {outcomes[-1]['url']}\nquicklook:      {outcomes[-1]['quicklook']}", markup=False)


def stormcycle(*arguments: str) -> Any:
    """Run a command of ours in a process of its own, as an operator would; its JSON answer.

    Raises SystemExit when the command failed; it has said why on standard error.
    """
    command = [sys.executable, "-m", "flows.cli", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, EXIT_DEGRADED):
        raise SystemExit(f"`stormcycle {' '.join(arguments)}` ended with exit code {done.returncode}.")
    return json.loads(done.stdout)


def simulate_bucket(hours: list[str]) -> None:
    """Fill the domain's bucket with what the feeds carry for the hours, unless that is done."""
    from stormcycle.simulator import simulate, units

    domain = load_domain(DOMAIN)
    assert domain.simulation is not None  # the demonstration's own YAML
    bucket, start = Path(expand(domain.radar.feed.url)), parse_time(hours[0]) - HOUR
    done = bucket / "simulated.json"
    wanted = {"seed": domain.simulation.seed, "hours": hours, "sources": sources_digest("stormcycle/simulator", "infra/domains/demo.yaml")}
    if done.is_file() and json.loads(done.read_text()) == wanted:
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=len(units(domain, start, len(hours))))
        simulate(domain, start, len(hours), domain.simulation.seed, bucket, lambda _: bar.advance(task), workers=os.cpu_count() or 1)
    replace_file(done, json_bytes(wanted))


def show_rows(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    drawn = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        drawn.add_row(*map(cell, row.values()))
    Console(highlight=False, width=None if console.is_terminal else 130).print(drawn)


def write_footprint(footprint: Footprint) -> None:
    """Keep the figures beside the work, for the next comparison."""
    figures = {"steps_s": {name: round(seconds, 1) for name, seconds in footprint.steps.items()}, "peak_memory_mb": round(footprint.peak_mb)}
    (home() / "footprint.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
