"""What the netCDF files of all GOES-R instruments share: a template from a real file, and the attributes that name satellite and times."""

import json
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

INSTRUMENTS = {"G16": "FM1", "G17": "FM2", "G18": "FM3", "G19": "FM4"}
SLOTS = {-75.0: "GOES-East", -137.0: "GOES-West", -89.5: "GOES-Test"}
SIMULATED = "stormcycle simulator: simulated, not an observation"


@cache
def template(name: str) -> dict[str, Any]:
    """What all files of a product have in common: dimensions, attributes, variables. `name`: of the JSON file beside this one."""
    return json.loads(Path(__file__).with_name(name).read_text())


def typed(common: Any, own: Any) -> Any:
    """An attribute's value in its type: the file's own where it has one, else what all files have in common."""
    if isinstance(common, list):
        return np.array(common[1] if own is None else own, common[0])[()]
    return common if own is None else own


def header(name: str, platform: str, slot_longitude: float, start: str, end: str, created: str) -> dict[str, str]:
    """The global attributes that a file decides: its name, its satellite, the text of its times, and that it is simulated."""
    return {
        "institution": SIMULATED,
        "naming_authority": "stormcycle",
        "production_site": "stormcycle simulator",
        "production_environment": "simulated",
        "production_data_source": "Simulated",
        "license": "Apache-2.0; simulated: not an observation",
        "LUT_Filenames": "none: simulated",
        "orbital_slot": SLOTS.get(slot_longitude, f"{slot_longitude:g} degrees east"),
        "platform_ID": platform,
        "instrument_ID": INSTRUMENTS.get(platform, "simulated"),
        "dataset_name": name,
        "date_created": created,
        "time_coverage_start": start,
        "time_coverage_end": end,
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
    }
