"""`make limits`: what good data give for each statistic that a gate limits, into the suites and docs/gates.md.

Every real volume and frame of the samples (STORMCYCLE_DATA) goes through the stages of a cycle, without the gates, in a
house of its own: the shipped domains' hours, the other NJU-CPOL sequences, each other volume in a domain around it.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from rich.console import Console
from rich.progress import track

from flows.studies.analysis_limits import analysis_rows
from flows.studies.sky_limits import sky_rows
from stormcycle.cycle import load
from stormcycle.domain import SHIPPED
from stormcycle.feeds import ReadFailure, read_each, sniff
from stormcycle.gates import suite, suite_names, summaries
from stormcycle.gates.document import DOCUMENT, gates_document, with_measurements
from stormcycle.gates.suites import EXPECTATIONS
from stormcycle.radar.decode import decode_volume
from stormcycle.radar.mosaic import nominal_time
from stormcycle.times import HOUR, frame_slots, iso, parse_time, slot_of
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.grid import grid
from tasks.models import models
from tasks.mosaic import mosaic
from tasks.nowcast import nowcast
from tasks.pin import pin
from tasks.probability import probability
from tasks.quality import quality

NOMINAL_SITE = (45.0, 0.0, 0.0)
"""Where a volume that does not say where it stands is put: its grid is centred on it, so nothing depends on it."""

STEP_MINUTES = 5
console = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Sample:
    """Hours of good data: a name for people, the domain's YAML as keys and values, the cycle times."""

    name: str
    domain: dict[str, Any]
    cycle_times: tuple[str, ...]


def main() -> None:
    """Measure, and write the suites and the document."""
    data = Path(os.environ["STORMCYCLE_DATA"])
    rows = analysis_rows()  # of a shipped domain: before the house is another
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"STORMCYCLE_HOME": folder, "STORMCYCLE_DOMAINS": f"{folder}/domains"}
        os.environ.pop("PREFECT_API_URL", None)
        (Path(folder) / "domains").mkdir()
        hours = [(sample, time) for sample in samples(data, Path(folder)) for time in sample.cycle_times]
        for sample, time in track(hours, "measuring good data", console=console):
            (Path(folder) / "domains" / f"{sample.domain['name']}.yaml").write_text(yaml.safe_dump(sample.domain))
            rows += [{**row, "sample": sample.name} for row in measure(sample.domain["name"], time)]
        rows += sky_rows(data, Path(folder))
    for name in suite_names():
        content = with_measurements(suite(name), [row for row in rows if row["suite"] == name])
        (EXPECTATIONS / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    suite.cache_clear()
    DOCUMENT.write_text(gates_document())


def measure(domain: str, cycle_time: str) -> list[dict[str, Any]]:
    """The rows of statistics of one hour of a domain: of each volume or frame on the grid, and of each product; `suite` names whose limits they are."""
    hour = pin(domain, cycle_time, False)
    items = grid(hour, quality(hour, decode(hour, fetch(hour))))
    for item in items:
        if not item.usable:
            console.print(f"{domain} {cycle_time}: {item.granule.key} is {item.state} and not measured: {item.note}", markup=False)
    radar = mosaic(hour, items)
    fields = [(item.granule.key, item.reference) for item in items if item.usable]
    served = models(hour)
    products = [(product.name, product.reference) for product in (radar, nowcast(hour, radar, served), probability(hour, radar, served))]
    rows = [{"suite": "radar_fields", **row} for key, reference in fields if reference for row in summaries(load(hour.folder, reference), key)]
    return rows + [{"suite": name, **row} for name, reference in products if reference for row in summaries(load(hour.folder, reference), name, hour.time)]


def samples(data: Path, folder: Path) -> Iterator[Sample]:
    """The hours of good data below a folder of samples; `folder`: where single volumes are copied under names that a feed knows."""
    nanjing, khtx, sweden, feldberg = (yaml.safe_load((SHIPPED / f"{name}.yaml").read_text()) for name in ("nanjing", "khtx", "sweden", "feldberg"))
    yield Sample("KHTX 2008", khtx, ("2008-04-11T19:00:00Z",))
    yield Sample("Sweden 2014", sweden, ("2014-08-12T12:00:00Z",))
    yield Sample("Feldberg and Tuerkheim 2008", feldberg, ("2008-06-02T17:00:00Z", "2008-06-02T18:00:00Z"))
    first = parse_time("2015-07-12T00:00Z")
    for sequence, hours in (("001", 2), ("003", 8), ("004", 5), ("005", 9)):  # whole hours; frames 0 and 92 of 005 are bad and in none
        packed = nanjing["radar"]["feed"]["packed"] | {"file": f"nju_cpol_{sequence}_3.0km.nc"}
        radar = nanjing["radar"] | {"feed": nanjing["radar"]["feed"] | {"packed": packed}}
        times = tuple(iso(first + number * HOUR) for number in range(1, hours + 1))
        yield Sample("NJU-CPOL", nanjing | {"name": f"sequence-{sequence}", "radar": radar}, times)
    others = [path for part in ("nexrad_l2", "odim_h5/vendors") for path in sorted((data / "radar" / part).iterdir()) if not path.name.startswith("KHTX")]
    templates = {"nexrad": khtx, "odim": sweden}
    sniffed = zip(others, read_each(sniff, [(path,) for path in others]), strict=True)
    known = [(path, found.kind) for path, found in sniffed if not isinstance(found, ReadFailure) and found.kind in templates]
    volumes = read_each(decode_volume, [(path, kind, ("reflectivity", "zdr", "kdp")) for path, kind in known])
    for (path, kind), volume in zip(known, volumes, strict=True):
        if not isinstance(volume, ReadFailure):
            yield _around(path, kind, volume, folder, templates[kind])


def _around(path: Path, kind: str, volume: xr.Dataset, folder: Path, template: dict[str, Any]) -> Sample:
    """A domain around one volume, with the quality settings of a shipped domain, a template."""
    name = f"volume-{re.sub(r'[^a-z0-9]+', '-', path.name.lower())}"
    located = not np.isnan(volume.attrs["latitude"])
    latitude, longitude, altitude = (volume.attrs[key] for key in ("latitude", "longitude", "altitude_m")) if located else NOMINAL_SITE
    declared, swept = volume.attrs["declared_time"], parse_time(volume.attrs["first_ray_time"])
    begun = nominal_time(parse_time(declared) if declared else None, swept, STEP_MINUTES)
    site = path.name[:4] if kind == "nexrad" else "radar"
    bucket = folder / "single" / name
    bucket.mkdir(parents=True)
    gzipped = ".gz" if path.suffix == ".gz" else ""
    shutil.copy(path, bucket / (f"{site}{begun.astype(datetime):%Y%m%d_%H%M%S}{gzipped}" if kind == "nexrad" else f"{site}.h5"))
    radar = template["radar"] | {
        "feed": template["radar"]["feed"] | {"url": str(bucket)},
        "sites": {site: {"latitude": float(latitude), "longitude": float(longitude), "altitude_m": float(altitude)}},
        "moments": ["reflectivity", *(moment for moment in ("zdr", "kdp") if moment in volume and not np.isnan(volume[moment].values).all())],
    }
    area = {"projection": f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +ellps=WGS84 +units=m", "shape": [300, 300], "resolution_m": 1000}
    hour = begun.astype("datetime64[h]").astype("datetime64[s]")
    owner = next(time for time in (hour, hour + HOUR) if slot_of(begun, frame_slots(time, STEP_MINUTES), STEP_MINUTES) is not None)
    return Sample("single volumes", template | {"name": name, "grid": area, "radar": radar, "step_minutes": STEP_MINUTES}, (iso(owner),))


if __name__ == "__main__":
    main()
