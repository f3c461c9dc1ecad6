"""How commands answer: sentences and exit codes, tables, JSON; standard output for answers, standard error for all else."""

import functools
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

said = Console(stderr=True, highlight=False)
shown = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
"""A terminal's own width; enough for a table of scores where output goes to a file."""

Command = TypeVar("Command", bound=Callable[..., Any])
DomainOption = Annotated[str, typer.Option("--domain", "-d", help="name of a domain: stormcycle domains")]
TimeOption = Annotated[str, typer.Option("--time", "-t", help="cycle time, a full hour UTC: 2015-07-12T01:00Z")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, nothing else")]
EXIT_DEGRADED = 4


def example(line: str) -> str:
    """The epilogue of a command's help."""
    return f"Example: {line}"


def answering(command: Command) -> Command:
    """Answer trouble with a sentence and an exit code: 2 for what the caller got wrong, 1 for all else; never a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        log = logging.getLogger("stormcycle")
        log.setLevel(logging.INFO)
        log.propagate = False
        log.handlers = [RichHandler(console=said, show_path=False, show_level=False)]
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except Exception as error:
            from stormcycle.domain import DomainError
            from stormcycle.home import UnsetVariableError

            if os.environ.get("STORMCYCLE_DEBUG"):
                raise
            sentence = " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split()) or type(error).__name__
            fail(
                sentence
                if type(error).__module__.startswith(("stormcycle", "tasks", "flows")) or isinstance(error, ValueError | FileNotFoundError)
                else f"{type(error).__name__}: {sentence}",
                2 if isinstance(error, DomainError | UnsetVariableError) else 1,
            )

    return run  # type: ignore[return-value]


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say a sentence on standard error and end."""
    said.print(f"[bold red]stormcycle:[/] {escape(sentence)}", soft_wrap=True)
    raise typer.Exit(code)


def usage(action: Callable[[], Any]) -> Any:
    """Do what depends on the caller's words alone; a ValueError is a usage error (exit 2)."""
    try:
        return action()
    except ValueError as error:
        fail(str(error), 2)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A table on standard output."""
    drawn = Table(*columns, title=title, title_justify="left")
    for row in rows:
        drawn.add_row(*(cell(value) for value in row))
    shown.print(drawn)


def cell(value: Any) -> str:
    """A value as a table shows it: nothing for None, three decimals for a score, never markup."""
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else escape(str(value))


def say(line: str) -> None:
    """A line on standard output, as it stands: names and paths are no markup."""
    shown.print(line, markup=False)


def with_prefect() -> bool:
    """Whether runs are recorded in Prefect: PREFECT_API_URL is set and answers; else say that they are not."""
    from flows.servers import answers, prefect_environment

    os.environ.update(prefect_environment())
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # we answer in sentences ourselves
    url = os.environ.get("PREFECT_API_URL")
    if url is None:
        said.print("PREFECT_API_URL is not set: the run is not recorded in Prefect (`stormcycle up` starts a server).")
    elif not answers(url):
        said.print(f"Prefect does not answer at {url}: the run goes on and is not recorded there.")
    return url is not None and answers(url)
