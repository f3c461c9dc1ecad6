"""Scores of a period as rows: what `verify` and the demo print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from stormcycle.verification import aggregate, read_scores, scores_of
from tasks.verify import Verified


def period_scores(verified: Sequence[Verified]) -> xr.Dataset | None:
    """The scores of all verified hours pooled; None where there is no record."""
    records = [read_scores(Path(item.path)) for item in verified if item.state == "verified"]
    return scores_of(aggregate(records)[0]) if records else None


def csi_rows(scores: xr.Dataset) -> list[dict[str, Any]]:
    """CSI by method and threshold, a column a lead (min); `-` where nothing was observed or forecast."""
    rows = []
    for method in scores["method"].values:
        for threshold in scores["threshold"].values:
            csi = scores["csi"].sel({"method": method, "threshold": threshold})
            rows.append(
                {
                    "method": str(method),
                    "dBZ": f"{float(threshold):g}",
                    **{f"{int(lead)}": "-" if bool(value.isnull()) else f"{float(value):.3f}" for lead, value in zip(csi["lead"].values, csi, strict=True)},
                }
            )
    return rows
