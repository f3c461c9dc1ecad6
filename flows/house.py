"""All servers of the house on loopback: Prefect, and Triton with every model, exported first where it is not yet."""

import logging
import os
import subprocess
import sys

from flows.processes import ServerError
from flows.servers import prefect_environment, start_prefect, stop_prefect
from flows.triton import start_triton, stop_triton
from stormcycle.serving import served_repository


def start_servers(port: int = 4200, triton_port: int = 8001) -> dict[str, str]:
    """Start what does not run yet; the environment that finds it (PREFECT_API_URL, TRITON_URL).

    A model that cannot be exported says so on standard error; cycles then take its fallback, as they do without Triton,
    which is left out when it does not start, with a sentence in the log. Raises ServerError when Prefect does not start.
    """
    os.environ.update(prefect_environment())  # before Prefect is imported: it then writes under STORMCYCLE_HOME
    exporting = subprocess.Popen([sys.executable, "-m", "flows.cli", "export", "--json"], stdout=subprocess.DEVNULL)
    try:
        prefect = start_prefect(port)
    finally:
        exporting.wait()
    from flows.zombies import end_zombies  # Prefect takes seconds to import; its server has been starting meanwhile

    end_zombies(prefect)
    found = {"PREFECT_API_URL": prefect}
    try:
        found["TRITON_URL"] = start_triton(served_repository(), triton_port)
    except ServerError as error:
        logging.getLogger("stormcycle").error("%s", error)
    return found


def stop_servers() -> list[str]:
    """Stop what was started; the names of what ran."""
    return [name for name, stop in (("Triton", stop_triton), ("Prefect", stop_prefect)) if stop()]
