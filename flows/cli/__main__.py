"""`python -m flows.cli`: the command line without its entry point."""

from flows.cli import app

app()
