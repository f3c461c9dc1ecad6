"""`make background-errors`: infra/background_errors/simulated.nc, the background errors of the simulated domains, from worlds that nothing else uses."""

from collections.abc import Iterator

import numpy as np
from rich.progress import track

from stormcycle.background.statistics import LEAD_HOURS, error_statistics
from stormcycle.domain import load_domain
from stormcycle.domain.assimilation import SHIPPED_ERRORS
from stormcycle.simulator import background_fields
from stormcycle.times import HOUR, Time, parse_time

DOMAIN, WORLDS, FIRST, RUNS = "slovenia-sim", range(401, 431), parse_time("2026-07-01T00:00Z"), 4


def main() -> None:
    """Compare forecasts with analyses and write the file. By the simulator's fields, without GRIB: `stormcycle background-errors` reads files."""
    domain = load_domain(DOMAIN)
    assert domain.background is not None
    origin = f"{DOMAIN}, simulated worlds {WORLDS[0]} to {WORLDS[-1]}; made by make background-errors"
    found = error_statistics(differences(), domain.background.grid.resolution_m / 1000.0, origin)
    SHIPPED_ERRORS.mkdir(exist_ok=True)
    found.to_netcdf(SHIPPED_ERRORS / "simulated.nc", engine="h5netcdf", encoding={"sigma_b": {"zlib": True, "complevel": 4, "shuffle": True}})


def differences() -> Iterator[tuple[Time, np.ndarray]]:
    """Forecast minus analysis of each world and run."""
    domain = load_domain(DOMAIN)
    for world in track(WORLDS, "worlds"):
        for run in range(RUNS):
            time = FIRST + run * 6 * HOUR
            fields = [background_fields(domain, world, time - lead * HOUR, time)["state"].values for lead in (LEAD_HOURS, 0)]
            yield time, fields[0] - fields[1]


if __name__ == "__main__":
    main()
