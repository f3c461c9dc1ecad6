"""Model runs as GRIB: edition 1 a file a field with every lead inside, bzip2, as CHMI publishes ALADIN; edition 2 a file a
lead with every field inside, as NOAA publishes GFS and HRRR. WMO (2003), Manual on Codes, FM 92-XI and FM 92-XII GRIB."""

import bz2
from dataclasses import dataclass
from datetime import datetime

from stormcycle.simulator.instruments.model import CHANNELS, Run
from stormcycle.simulator.instruments.model_grid import LatitudeLongitudeGrid, ModelGrid
from stormcycle.times import Time, iso

PRAGUE = 89
HUMIDITY = 52
BITS = 16
COMMENT = b"simulated: not an observation"
Keys = dict[str, int | float | str]


@dataclass(frozen=True)
class Code:
    """What a channel is called: ALADIN's name, the parameter's number in edition 1 (WMO table 2), its category and
    number in edition 2 (discipline 0), the kind of level and the level (hPa or m)."""

    name: str
    parameter: int
    category: int
    number: int
    kind: str
    level: int


def _codes() -> dict[str, Code]:
    """The code of every channel; ALADIN's names of levels are theirs (`P85000TEMPERATUR`), also for 975 hPa, which CHMI does not publish."""
    quantities = {"t": ("TEMPERATUR", 11, 0, 0), "u": ("WIND_U_COM", 33, 2, 2), "v": ("WIND_V_COM", 34, 2, 3), "r": ("HUMI_RELAT", HUMIDITY, 1, 1)}
    surface = {
        "t2m": Code("CLSTEMPERATURE", 11, 0, 0, "heightAboveGround", 2),
        "r2m": Code("CLSHUMI_RELATIVE", HUMIDITY, 1, 1, "heightAboveGround", 2),
        "mslp": Code("MSLPRESSURE", 2, 3, 1, "meanSea", 0),
    }
    codes = {}
    for channel in CHANNELS:
        if channel in surface:
            codes[channel] = surface[channel]
        else:
            name, parameter, category, number = quantities[channel[0]]
            level = int(channel[1:])
            codes[channel] = Code(f"P{level * 100 % 100000:05d}{name}", parameter, category, number, "isobaricInhPa", level)
    return codes


CODES = _codes()
"""Channel -> code, in the order of the channels."""


def run_keys(base_time: Time) -> dict[str, str]:
    """Channel -> key of its file under CHMI's layout: `nwp_aladin/Lambert_2.3km/06/ALADLAMB4opendata_2026070106_P97500TEMPERATUR.grb.bz2`."""
    moment = base_time.astype("datetime64[s]").astype(datetime)
    return {channel: f"nwp_aladin/Lambert_2.3km/{moment:%H}/ALADLAMB4opendata_{moment:%Y%m%d%H}_{code.name}.grb.bz2" for channel, code in CODES.items()}


def field_bytes(run: Run, channel: str) -> bytes:
    """A channel of a run as CHMI publishes it: a GRIB 1 message a lead, by lead, in bzip2; the same run gives the same bytes.

    Temperatures in K, winds in m s-1 along the grid's axes, pressure in Pa; relative humidity as a fraction of 1, as CHMI
    writes it under a parameter that WMO gives in %. Raises KeyError when there is no such channel.
    """
    return bz2.compress(b"".join(_message(run, channel, index, 1) for index in range(len(run.leads))), 9)


def lead_bytes(run: Run, lead_hours: int) -> bytes:
    """A lead of a run as NOAA publishes it: a GRIB 2 message a channel, uncompressed; the same run gives the same bytes.

    Units as WMO's, relative humidity in %. Raises ValueError when the run has no such lead.
    """
    if lead_hours not in run.leads:
        raise ValueError(f"The model run of {iso(run.base_time)} has no lead of {lead_hours} hours; it has {', '.join(map(str, run.leads))}.")
    index = run.leads.index(lead_hours)
    return b"".join(_message(run, channel, index, 2) for channel in run.fields)


def _message(run: Run, channel: str, index: int, edition: int) -> bytes:
    """One field at one lead as a GRIB message."""
    import eccodes

    handle = eccodes.codes_grib_new_from_samples(f"GRIB{edition}")
    try:
        for key, value in (_product(run, CODES[channel], run.leads[index], edition) | _geometry(run.grid, edition)).items():
            eccodes.codes_set(handle, key, value)
        scale = 0.01 if edition == 1 and CODES[channel].parameter == HUMIDITY else 1.0
        eccodes.codes_set_values(handle, scale * run.fields[channel][index].astype("float64").ravel())
        message = eccodes.codes_get_message(handle)
    finally:
        eccodes.codes_release(handle)
    return _marked(message) if edition == 1 else message


def _product(run: Run, code: Code, lead_hours: int, edition: int) -> Keys:
    """What a field is and when: centre, parameter, level, base time and lead, and how it is packed."""
    moment = run.base_time.astype("datetime64[s]").astype(datetime)
    own: Keys
    if edition == 1:
        own = {"deleteLocalDefinition": 1, "table2Version": 1, "generatingProcessIdentifier": 255, "indicatorOfParameter": code.parameter}
    else:
        research_products = 2
        own = {"tablesVersion": 24, "productionStatusOfProcessedData": research_products, "typeOfProcessedData": 1}
        own |= {"discipline": 0, "parameterCategory": code.category, "parameterNumber": code.number}
    return {
        "centre": PRAGUE,
        **own,
        "dataDate": int(f"{moment:%Y%m%d}"),
        "dataTime": int(f"{moment:%H%M}"),
        "stepUnits": 1,
        "startStep": lead_hours,
        "typeOfLevel": code.kind,
        "level": code.level,
        "packingType": "grid_simple",
        "bitsPerValue": BITS,
    }


def _geometry(grid: ModelGrid, edition: int) -> Keys:
    """Where the points are: Lambert south to north with winds along its axes; latitudes and longitudes north to south, winds east and north."""
    rows, columns = grid.shape
    if isinstance(grid, LatitudeLongitudeGrid):
        keys: Keys = {
            "gridType": "regular_ll",
            "Ni": columns,
            "Nj": rows,
            "latitudeOfFirstGridPointInDegrees": grid.north,
            "longitudeOfFirstGridPointInDegrees": _longitude(grid.west, edition),
            "latitudeOfLastGridPointInDegrees": grid.north - grid.step_deg * (rows - 1),
            "longitudeOfLastGridPointInDegrees": _longitude(grid.west + grid.step_deg * (columns - 1), edition),
            "iDirectionIncrementInDegrees": grid.step_deg,
            "jDirectionIncrementInDegrees": grid.step_deg,
            "jScansPositively": 0,
            "uvRelativeToGrid": 0,
        }
    else:
        keys = {
            "gridType": "lambert",
            "Nx": columns,
            "Ny": rows,
            "latitudeOfFirstGridPointInDegrees": grid.first_latitude,
            "longitudeOfFirstGridPointInDegrees": _longitude(grid.first_longitude, edition),
            "LoVInDegrees": _longitude(grid.longitude, edition),
            "DxInMetres": grid.spacing_m,
            "DyInMetres": grid.spacing_m,
            "Latin1InDegrees": grid.latitude,
            "Latin2InDegrees": grid.latitude,
            "latitudeOfSouthernPoleInDegrees": -90.0,
            "longitudeOfSouthernPoleInDegrees": 0.0,
            "jScansPositively": 1,
            "uvRelativeToGrid": 1,
        }
        if edition == 2:
            keys["LaDInDegrees"] = grid.latitude
    if edition == 2:
        keys["shapeOfTheEarth"] = 0
    return keys


def _longitude(degrees: float, edition: int) -> float:
    """The same longitude as the edition counts it: 1 from -180 to 180, 2 from 0 to 360; in millionths of a degree, as fine as GRIB is."""
    least = -180.0 if edition == 1 else 0.0
    return round((degrees - least) % 360.0 + least, 6)


def _marked(message: bytes) -> bytes:
    """A GRIB 1 message with the comment in octets 41 and on of section 1, which are the centre's own; ecCodes has no key for them."""
    length = int.from_bytes(message[8:11], "big")
    section = message[8 : 8 + length].ljust(40, b"\0") + COMMENT
    total = len(message) - length + len(section)
    return message[:4] + total.to_bytes(3, "big") + message[7:8] + len(section).to_bytes(3, "big") + section[3:] + message[8 + length :]
