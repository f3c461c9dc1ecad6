"""The command line: thin commands over flows and library, a file a subject. Heavy imports wait inside the commands."""

import typer

from flows.cli import assimilation, cycles, feeds, models, servers

app = typer.Typer(
    name="stormcycle",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    help="The hourly cycle: from what was observed to a verified release.",
)
for subject in (cycles, assimilation, feeds, models, servers):
    app.add_typer(subject.app)
