"""What the paper of MRKAN says of its methods, to be printed beside ours: mrkan_paper.yaml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

DOI = "10.3390/rs18020372"
PAPER = Path(__file__).with_name("mrkan_paper.yaml")


@cache
def mrkan_paper() -> dict[str, Any]:
    """By method: `scores` {event: [csi, pod, ets, far]}, `errors` {variable: [pcc, mae, rmse]} in grey levels, `costs` [millions of
    parameters, GMAC at 256 x 256, ms on an RTX 3090]; by variant: `ablation` {event: [csi, pod, ets, far]}."""
    return yaml.safe_load(PAPER.read_text(encoding="utf-8"))
