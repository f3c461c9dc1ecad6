"""Commands of the servers and the schedule."""

from typing import Annotated

import typer

from flows.cli.answering import JsonOption, answering, example, fail, print_json, said, say, with_prefect

app = typer.Typer()


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
def up(
    port: Annotated[int, typer.Option(help="port of the Prefect server; a free one when taken")] = 4200,
    triton_port: Annotated[int, typer.Option(help="port of Triton's gRPC; a free one when taken")] = 8001,
    as_json: JsonOption = False,
) -> None:
    """Start the servers on loopback, Prefect and Triton with all models, and say how to reach them."""
    from flows.house import start_servers

    with said.status("starting Prefect and Triton"):
        found = start_servers(port, triton_port)
    if as_json:
        print_json(found)
        raise typer.Exit(0 if "TRITON_URL" in found else 1)
    said.print(f"The Prefect UI is at {found['PREFECT_API_URL'].removesuffix('/api')}")
    for name, url in found.items():
        say(f"export {name}={url}")
    if "TRITON_URL" not in found:
        fail("Triton did not start: cycles fall back to extrapolation until it does.")


@app.command(epilog=example("stormcycle down"))
@answering
def down(as_json: JsonOption = False) -> None:
    """Stop the servers that `up` started."""
    from flows.house import stop_servers

    stopped = stop_servers()
    print_json({"stopped": stopped}) if as_json else said.print(f"Stopped: {', '.join(stopped)}." if stopped else "No server was running.")
