"""`make minimiser-study`: docs/minimiser.md, how long an analysis takes beside SciPy's L-BFGS-B with a Gaussian filter, and on larger grids."""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from flows.studies.tables import markdown
from stormcycle.assimilation.assimilator import assimilator
from stormcycle.assimilation.control import Root, increment, root_of
from stormcycle.assimilation.cost import Cost, Observations, cost_of
from stormcycle.assimilation.minimiser import minimise
from stormcycle.assimilation.operator import Operator
from stormcycle.datasets.hours import simulated_hours
from stormcycle.domain import load_domain
from stormcycle.home import home
from stormcycle.times import parse_time

DOCUMENT = Path(__file__).parents[2] / "docs" / "minimiser.md"
DOMAIN, SEED, TIMES = "slovenia-sim", 301, ("2026-07-01T07:00Z", "2026-07-01T13:00Z", "2026-07-01T19:00Z")
MULTIPLES = (1, 2, 4)
NEARLY = 1.02
"""A cost is reached where it is at most this times the greater of the two final ones."""
Trace = list[tuple[float, float]]
console = Console(stderr=True)


def main() -> None:
    """Measure and write the document."""
    torch.set_num_threads(1)
    domain = load_domain(DOMAIN)
    made = assimilator(domain, parse_time(TIMES[0]))
    hours = list(simulated_hours(domain, SEED, [parse_time(one) for one in TIMES], home() / "cache" / "hours"))
    rows, sizes = [], []
    for hour in hours:
        console.print(hour.attrs["origin"])
        state, seen = hour["state"].values, np.maximum(np.nan_to_num(hour["hourly_sum"].values), 13.5)
        used = ~np.isnan(hour["hourly_sum"].values)
        rows.append({"hour": hour.attrs["time"], **beside(state, seen, used, made.operator, made.root, made.error_db)})
    first = hours[0]
    for multiple in MULTIPLES:
        console.print(f"grid x{multiple}")
        sizes.append(larger(first["state"].values, first["hourly_sum"].values, multiple, made.operator, made.root, made.error_db))
    lines = [
        "# The minimiser",
        "",
        f"Made by `make minimiser-study` on {platform.machine()}, one thread, torch {torch.__version__.partition('+')[0]}; hours of {DOMAIN}, world {SEED}.",
        "",
        "Ours: L-BFGS in control space, the recursive filter as a matrix an axis, float32 with sums in float64. The peer: `scipy.optimize.minimize` with",
        "L-BFGS-B on the same cost, the same operator and observations, its B made by `scipy.ndimage.gaussian_filter` of the same length, vectors in float64",
        f"as SciPy wants them. Time is taken until the cost first falls to {NEARLY:g} times the greater of the two final ones. `torchda` is in no registry",
        "that was at hand and was not run.",
        "",
        *markdown(rows),
        "",
        "The whole minimisation on larger grids (the same hour, tiled by reflection):",
        "",
        *markdown(sizes),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")


def beside(state: np.ndarray, seen: np.ndarray, used: np.ndarray, operator: Operator, root: Root, error_db: float) -> dict[str, object]:
    """Both minimisers on one hour: final costs, evaluations, seconds to the common cost and their ratio."""
    alone = Root(root.deviation, root.along_y, root.along_x)  # a Gaussian filter knows no correlation between channels
    observations = Observations(torch.tensor(seen, dtype=torch.float32), torch.full(seen.shape, error_db), torch.tensor(used))
    cost = cost_of(torch.tensor(state), observations, alone, operator)
    ours, traced = watched(cost)
    begun = time.perf_counter()
    minimise(ours, torch.zeros(state.shape))
    spent = time.perf_counter() - begun
    peers = scipy_trace(state, seen, used, operator, root.deviation.numpy().astype("float64"), error_db)
    common = NEARLY * max(min(value for _, value in traced), min(value for _, value in peers))
    to_ours, to_peer = (next(when for when, value in trace if value <= common) for trace in (traced, peers))
    return {
        "ours, final cost": min(value for _, value in traced),
        "ours, evaluations": len(traced),
        "ours, whole, s": spent,
        "SciPy, final cost": min(value for _, value in peers),
        "SciPy, evaluations": len(peers),
        "ours to the common cost, s": to_ours,
        "SciPy to it, s": to_peer,
        "ratio": to_peer / to_ours,
    }


def watched(cost: Callable[[torch.Tensor], Cost]) -> tuple[Callable[[torch.Tensor], Cost], Trace]:
    """A cost that writes down when it was asked and what it was."""
    trace: Trace = []
    begun = time.perf_counter()

    def asked(control: torch.Tensor) -> Cost:
        found = cost(control)
        trace.append((time.perf_counter() - begun, found.total))
        return found

    return asked, trace


def scipy_trace(
    state: np.ndarray, seen: np.ndarray, used: np.ndarray, operator: Operator, deviation: np.ndarray, error_db: float, length_px: float = 10.0 / 4.4
) -> Trace:
    """The peer's costs over time: SciPy's L-BFGS-B, U by a Gaussian filter whose square has the length, normalised in the interior."""
    width = 10.0 / 4.4 / np.sqrt(2.0)
    impulse = np.zeros((61, 61))
    impulse[30, 30] = 1.0
    scale = 1.0 / np.sqrt((gaussian_filter(impulse, width, mode="constant") ** 2).sum())
    trace: Trace = []
    begun = time.perf_counter()

    def spread(fields: np.ndarray) -> np.ndarray:
        return np.asarray(scale * gaussian_filter(fields, (0.0, width, width), mode="constant"))

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        control = flat.reshape(state.shape)
        at = operator(torch.tensor(state + deviation * spread(control), dtype=torch.float32))
        misfit = np.where(used, (at.value.numpy() - seen) / error_db, 0.0)
        back = at.adjoint(torch.tensor(misfit / error_db, dtype=torch.float32)).numpy()
        value = 0.5 * float((flat**2).sum()) + 0.5 * float((misfit**2).sum())
        trace.append((time.perf_counter() - begun, value))
        return value, (control + spread(deviation * back)).ravel()

    minimize(cost, np.zeros(state.size), jac=True, method="L-BFGS-B", options={"maxiter": 60, "maxfun": 90, "maxcor": 10})
    return trace


def larger(state: np.ndarray, observed: np.ndarray, multiple: int, operator: Operator, root: Root, error_db: float) -> dict[str, object]:
    """The whole minimisation on a grid some times as large in each direction."""
    rows, columns = observed.shape
    wide = [(0, (multiple - 1) * rows), (0, (multiple - 1) * columns)]
    tiled, seen = np.pad(state, [(0, 0), *wide], mode="symmetric"), np.pad(observed, wide, mode="symmetric")
    deviation = root.deviation.numpy().astype("float64").mean(axis=(1, 2))
    begun = time.perf_counter()
    own = root_of(deviation, seen.shape, 4.4, 10.0)
    prepared = time.perf_counter() - begun
    observations = Observations(torch.tensor(np.maximum(np.nan_to_num(seen), 13.5)), torch.full(seen.shape, error_db), torch.tensor(~np.isnan(seen)))
    cost = cost_of(torch.tensor(tiled), observations, own, operator)
    begun = time.perf_counter()
    found = minimise(cost, torch.zeros(tiled.shape))
    spent = time.perf_counter() - begun
    begun = time.perf_counter()
    for _ in range(5):
        increment(own, found.control)
    filtered = (time.perf_counter() - begun) / 5
    return {
        "grid": f"{seen.shape[0]} x {seen.shape[1]}",
        "controls": tiled.size,
        "evaluations": found.evaluations,
        "whole, s": spent,
        "an evaluation, s": spent / found.evaluations,
        "of it the filter, once, s": filtered,
        "making the filter, s": prepared,
    }


if __name__ == "__main__":
    main()
