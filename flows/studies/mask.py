"""`make mask-study`: how well the outlier mask finds simulated blocked sectors; docs/outlier_mask.md."""

from pathlib import Path

import numpy as np
from rich.progress import track

from flows.studies.tables import markdown
from stormcycle.domain import load_domain
from stormcycle.radar.masks import mask_of
from stormcycle.radar.pictures import draw_mask
from stormcycle.radar.quality.outliers import BINS, add_to_histograms
from stormcycle.simulator import Blocked, Scan, blocked_loss, observe

DOCS = Path(__file__).parents[2] / "docs"
SITE, SCANS, SEED = "silis", 600, 41
SECTORS = (
    Blocked(40.0, 52.0, 20e3, 60.0),
    Blocked(130.0, 138.0, 45e3, 12.0),
    Blocked(215.0, 230.0, 30e3, 6.0),
    Blocked(300.0, 306.0, 60e3, 25.0),
)
SCAN = Scan(elevations_deg=(0.5,), range_m=150e3, blocked=SECTORS)


def main() -> None:
    """Simulate the archive, build the mask, write the document and its picture."""
    domain, random = load_domain("slovenia-sim"), np.random.default_rng(SEED)
    minutes = np.sort(random.choice(90 * 24 * 60, SCANS, replace=False))
    ranges = (np.arange(int(SCAN.range_m // SCAN.gate_m)) + 0.5) * SCAN.gate_m
    counts = np.zeros((SCAN.rays, len(ranges), BINS), "uint16")
    for minute in track(minutes, "simulated scans"):
        time = np.datetime64("2026-06-01T00:00:00", "s") + np.timedelta64(int(minute), "m")
        add_to_histograms(counts, observe(domain, SITE, time, SEED, SCAN).sweeps[0].moments["DBZH"])
    mask = mask_of(SITE, counts, 0.5, ranges, SCANS, 0)
    draw_mask(mask, DOCS / "pictures" / "outlier_mask.png")
    outlier, hidden = mask["outlier"].values.astype(bool), blocked_loss(SCAN, 0.5, ranges) > 0
    rows = [
        {
            "blocked sector": f"{sector.from_deg:g} to {sector.to_deg:g} deg beyond {sector.beyond_m / 1000:g} km",
            "loss, dB": f"{sector.loss_db:g}",
            "gates": int(inside.sum()),
            "hit share": f"{outlier[inside].mean():.3f}",
        }
        for sector in SECTORS
        for inside in [blocked_loss(Scan(rays=SCAN.rays, blocked=(sector,)), 0.5, ranges) > 0]
    ]
    rows.append({"blocked sector": "all", "loss, dB": "", "gates": int(hidden.sum()), "hit share": f"{outlier[hidden].mean():.3f}"})
    free = ~hidden
    lines = [
        "# The outlier mask on simulated blocked sectors",
        "",
        f"Made by `make mask-study`: {SCANS} simulated scans of the radar {SITE} (0.5 deg, 360 x {len(ranges)} gates) at random times of 90 days, four sectors",
        "blocked by a known loss. A gate is an outlier beyond the 90th percentile of the distances (arXiv 2512.18289, eq. 1), so that about a tenth of the",
        "gates that hold echoes is called so whatever is blocked; gates that never held an echo are outliers too.",
        "",
        *markdown(rows),
        "",
        f"False alarms: {outlier[free].mean():.3f} of the {int(free.sum())} gates that nothing blocks.",
        f"Blocked are {hidden.mean():.3f} of all gates, outliers {outlier.mean():.3f}.",
        "",
        "The distance answers how seldom a gate holds echoes (few echoes make a spiky histogram) rather than how much weaker they are: sectors that are",
        "hidden altogether are found, a loss of a few dB is lost among gates of a drier climate, and far, dry regions are called outliers that nothing hides.",
        "The mask is an option (`quality.outlier_mask`) that no shipped domain switches on; with terrain at hand `quality.beam_blockage` needs no archive.",
        "",
        "![distances and outlier gates](pictures/outlier_mask.png)",
    ]
    (DOCS / "outlier_mask.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
