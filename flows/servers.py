"""The Prefect server on loopback: started, waited for and stopped."""

import os
import sys
import urllib.error
import urllib.request

from flows import processes
from stormcycle.home import home

ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "stormcycle",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLIENT_MAX_RETRIES": "3",
}
"""Nothing calls home, our own log lines reach the runs' pages in the UI, runs beat as the automation `zombies` expects, and a
server that is gone is not waited for at every artifact.
"""
START_SECONDS = 120


def prefect_environment() -> dict[str, str]:
    """The environment of everything that talks to our Prefect server."""
    folder = home() / "prefect"
    folder.mkdir(parents=True, exist_ok=True)  # Prefect does not make the folders above it
    return {**ENVIRONMENT, "PREFECT_HOME": str(folder), **os.environ}


def answers(url: str) -> bool:
    """Whether the Prefect API at a URL is healthy."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=3) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def start_prefect(port: int = 4200) -> str:
    """Start the Prefect server, or find it running; its API URL. A taken port gives way to a free one.

    Raises ServerError when it does not answer in time; its log is named.
    """
    found = running_prefect()
    if found is not None:
        return found
    port = processes.free_port(port)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}/api"
    environment = {**prefect_environment(), "PREFECT_SERVER_UI_API_URL": url}  # else the UI asks at port 4200
    return processes.start("prefect", command, environment, url, answers, START_SECONDS)


def running_prefect() -> str | None:
    """The API URL of the server that `up` started, or None when it is not there."""
    return processes.running("prefect", answers)


def stop_prefect() -> bool:
    """Stop the server that `up` started; whether there was one."""
    return processes.stop("prefect")
