"""All servers of the house on loopback: Prefect, and Triton with every model, exported first where it is not yet."""

import subprocess
import sys

from flows.servers import start_prefect, stop_prefect
from flows.triton import start_triton, stop_triton
from stormcycle.serving import served_repository


def start_servers(port: int = 4200, triton_port: int = 8001) -> dict[str, str]:
    """Start what does not run yet; the environment that finds it (PREFECT_API_URL, TRITON_URL).

    A model that cannot be exported says so on standard error and is not served; cycles then take its fallback. Raises
    ServerError as the servers' starts do.
    """
    exporting = subprocess.Popen([sys.executable, "-m", "flows.cli", "export", "--json"], stdout=subprocess.DEVNULL)
    try:
        prefect = start_prefect(port)
    finally:
        exporting.wait()
    from flows.zombies import end_zombies  # Prefect takes seconds to import; its server has been starting meanwhile

    end_zombies(prefect)
    return {"PREFECT_API_URL": prefect, "TRITON_URL": start_triton(served_repository(), triton_port)}


def stop_servers() -> list[str]:
    """Stop what was started; the names of what ran."""
    return [name for name, stop in (("Triton", stop_triton), ("Prefect", stop_prefect)) if stop()]
