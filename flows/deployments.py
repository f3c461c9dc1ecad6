"""The scheduled deployments: each domain's cycle every hour, and its verification some minutes later."""

import os
from typing import Any

from prefect import serve

from flows.cycle import cycle
from flows.verify import verify
from flows.zombies import HEARTBEAT_S, end_zombies
from stormcycle.domain import Domain, load_domain

VERIFY_AFTER_MINUTES = 20


def deployments(names: list[str]) -> list[Any]:
    """The deployments `cycle/<domain>` and `verify/<domain>` of the named domains.

    The cycle time is the scheduled hour. Those of recorded events are paused: they run when asked.
    """
    return [deployment for name in names for deployment in _of_domain(load_domain(name))]


def _of_domain(domain: Domain) -> list[Any]:
    minute, paused = domain.schedule.minute, not domain.schedule.active
    later = (minute + VERIFY_AFTER_MINUTES) % 60
    common: dict[str, Any] = {"parameters": {"domain": domain.name}, "paused": paused, "tags": [domain.name]}
    return [
        cycle.to_deployment(name=domain.name, cron=f"{minute} * * * *", description=f"{domain.title}: one hour, from pinned inputs to a release", **common),
        verify.to_deployment(
            name=domain.name, cron=f"{later} * * * *", description=f"{domain.title}: scores of every hour whose valid time has come", **common
        ),
    ]


def serve_deployments(names: list[str]) -> None:
    """Serve the deployments at PREFECT_API_URL until interrupted; each run is a process of its own, and is Crashed when that is gone."""
    end_zombies(os.environ["PREFECT_API_URL"])
    serve(*deployments(names), pause_on_shutdown=False, print_starting_message=False, limit=2, heartbeat_seconds=HEARTBEAT_S)
