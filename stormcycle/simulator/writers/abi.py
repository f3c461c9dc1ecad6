"""Images of GOES ABI as the L1b radiance files of the public buckets: GOES-R Product Definition and Users' Guide, volume 3.

`abi_l1b.json` is what every thermal file of the real feed has in common: dimensions, variables, their types and attributes, in
their order, taken from a real file; what an image decides is null or has no value there, and is set here.
"""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from netCDF4 import Dataset

from stormcycle.simulator.instruments.geostationary import scan_angles, view
from stormcycle.simulator.instruments.imager import GOOD, NO_VALUE, OUT_OF_RANGE, SPACE, Image
from stormcycle.simulator.writers.goes import header, template, typed
from stormcycle.times import Time

J2000 = np.datetime64("2000-01-01T12:00:00", "ms")
SCENES = {"C": "CONUS", "F": "Full Disk", "M1": "Mesoscale", "M2": "Mesoscale"}
PUBLISHED_AFTER = np.timedelta64(3900, "ms")
"""From the end of a scan to the creation of its file: 3.6 to 4.6 s in the real ones."""
WEST_OF_NOMINAL = 0.2
"""Degrees by which the East and West satellites stand west of the longitude that their grid is drawn for."""


def image_name(image: Image) -> str:
    """The file name of an image: `OR_ABI-L1b-RadM1-M6C13_G19_s<start>_e<end>_c<creation>.nc`."""
    times = "_".join(f"{letter}{_stamp(time)}" for letter, time in (("s", image.start), ("e", image.end), ("c", image.end + PUBLISHED_AFTER)))
    return f"OR_ABI-L1b-Rad{image.scene.name}-M6{image.channel.name}_{image.scene.platform}_{times}.nc"


def image_bytes(image: Image) -> bytes:
    """An image as the bytes of an ABI L1b file; the same image gives the same bytes (no wall clock, fixed compression)."""
    with TemporaryDirectory() as folder:  # netCDF4's files in memory end in whatever lay there before
        path = Path(folder) / "image.nc"
        with Dataset(path, "w") as file:
            _fill_in(file, image)
        return path.read_bytes()


def counts(image: Image) -> np.ndarray:
    """Raw counts (rows, columns; int16): the nearest step of a radiance, the fill value where there is none."""
    channel = image.channel
    steps = np.rint((np.nan_to_num(image.radiance) - channel.offset) / channel.scale)
    return np.where(np.isfinite(image.radiance), np.clip(steps, channel.first_count, channel.last_count), _fill(image)).astype("int16")


def _fill_in(file: Dataset, image: Image) -> None:
    """What all files have in common, and what the image says."""
    common, attributes, values = template("abi_l1b.json"), _attributes(image), _values(image)
    rows, columns = image.radiance.shape
    file.setncatts({name: attributes["", name] if value is None else value for name, value in common["attributes"].items()})
    for name, size in common["dimensions"].items():
        file.createDimension(name, {"y": rows, "x": columns}.get(name, size))
    for name, entry in common["variables"].items():
        told = {key: typed(value, attributes.get((name, key))) for key, value in entry["attributes"].items()}
        packed: dict[str, Any] = (
            {"zlib": True, "complevel": 1, "shuffle": False, "chunksizes": (min(rows, 250), min(columns, 250))} if name in ("Rad", "DQF") else {}
        )
        variable = file.createVariable(name, entry["type"], entry["dimensions"], fill_value=told.pop("_FillValue", None), **packed)
        variable.set_auto_maskandscale(False)
        variable.setncatts(told)
        variable[...] = np.asarray(values[name] if name in values else entry["value"], entry["type"])


def _attributes(image: Image) -> dict[tuple[str, str], Any]:
    """(variable, attribute) -> value of what an image decides; the variable of the file's own attributes is empty."""
    scene, channel, name = image.scene, image.channel, image_name(image)
    longitude = scene.satellite_longitude
    start, end, created = (f"{np.datetime_as_string(time, 'ms')[:-2]}Z" for time in (image.start, image.end, image.end + PUBLISHED_AFTER))
    x, y = scan_angles(scene.grid, scene.window)
    range_of_radiance = [channel.offset, channel.offset + channel.scale * channel.last_count]
    quality = image.quality[image.quality != SPACE]
    share = {flag: float((quality == flag).mean()) if quality.size else 0.0 for flag in (GOOD, OUT_OF_RANGE, NO_VALUE)}
    own = header(name, scene.platform, longitude, start, end, created) | {"scene_id": SCENES[scene.name], "timeline_id": "ABI Mode 6"}
    return {
        **{("", key): value for key, value in own.items()},
        ("Rad", "_FillValue"): _fill(image),
        ("Rad", "sensor_band_bit_depth"): channel.bits,
        ("Rad", "valid_range"): [channel.first_count, channel.last_count],
        ("Rad", "scale_factor"): channel.scale,
        ("Rad", "add_offset"): channel.offset,
        ("DQF", "percent_good_pixel_qf"): share[GOOD],
        ("DQF", "percent_conditionally_usable_pixel_qf"): 0.0,
        ("DQF", "percent_out_of_range_pixel_qf"): share[OUT_OF_RANGE],
        ("DQF", "percent_no_value_pixel_qf"): share[NO_VALUE],
        ("DQF", "percent_focal_plane_temperature_threshold_exceeded_qf"): 0.0,
        ("x", "add_offset"): x[0],
        ("y", "add_offset"): y[0],
        ("goes_imager_projection", "longitude_of_projection_origin"): longitude,
        **{("geospatial_lat_lon_extent", key): value for key, value in _extent(image).items()},
        **{(f"{of}_radiance_value_of_valid_pixels", "valid_range"): range_of_radiance for of in ("min", "max", "mean")},
        ("algorithm_dynamic_input_data_container", "input_ABI_L0_data"): "none: simulated",
        ("processing_parm_version_container", "L1b_processing_parm_version"): "none: simulated",
        ("algorithm_product_version_container", "algorithm_version"): "none: simulated",
        ("algorithm_product_version_container", "product_version"): "none: simulated",
    }


def _values(image: Image) -> dict[str, Any]:
    """Variable -> value of what an image decides."""
    from pyorbital.astronomy import sun_earth_distance_correction

    scene, channel = image.scene, image.channel
    x, y = scan_angles(scene.grid, scene.window)
    half = scene.grid.step_rad / 2
    usable = image.radiance[image.quality == GOOD].astype("float64")
    bounds = [(time - J2000) / np.timedelta64(1, "s") for time in (image.start, image.end)]
    return {
        "Rad": counts(image),
        "DQF": image.quality.astype("int8"),
        "t": sum(bounds) / 2,
        "time_bounds": bounds,
        "x": np.arange(len(x)),
        "y": np.arange(len(y)),
        "x_image": x.mean(),
        "y_image": y.mean(),
        "x_image_bounds": [x[0] - half, x[-1] + half],
        "y_image_bounds": [y[0] + half, y[-1] - half],
        "nominal_satellite_subpoint_lon": scene.satellite_longitude - (WEST_OF_NOMINAL if scene.satellite_longitude in (-75.0, -137.0) else 0.0),
        "band_id": channel.number,
        "band_wavelength": channel.wavelength_um,
        **{f"planck_{name}": getattr(channel.planck, name) for name in ("fk1", "fk2", "bc1", "bc2")},
        "valid_pixel_count": usable.size,
        "missing_pixel_count": int((image.quality == NO_VALUE).sum()),
        "saturated_pixel_count": int(((image.quality == OUT_OF_RANGE) & (image.radiance > 0)).sum()),
        "undersaturated_pixel_count": int(((image.quality == OUT_OF_RANGE) & (image.radiance <= 0)).sum()),
        **{
            f"{of}_radiance_value_of_valid_pixels": float(getattr(usable, numpy_of)()) if usable.size else -999.0
            for of, numpy_of in (("min", "min"), ("max", "max"), ("mean", "mean"), ("std_dev", "std"))
        },
        "earth_sun_distance_anomaly_in_AU": float(sun_earth_distance_correction(image.start)),
    }


def _extent(image: Image) -> dict[str, float]:
    """The attributes of the geographic extent: of the pixels that meet the earth, or of the point below the satellite when none does."""
    scene = image.scene
    seen = view(scene.grid, scene.window, scene.satellite_longitude)
    east = (seen.longitude - scene.satellite_longitude + 180.0) % 360.0 - 180.0
    east, north = (east, seen.latitude) if np.isfinite(east).any() else (np.zeros((1, 1)), np.zeros((1, 1)))
    west_bound, east_bound = ((float(limit) + scene.satellite_longitude + 180.0) % 360.0 - 180.0 for limit in (np.nanmin(east), np.nanmax(east)))
    middle = (east.shape[0] // 2, east.shape[1] // 2)
    return {
        "geospatial_westbound_longitude": west_bound,
        "geospatial_eastbound_longitude": east_bound,
        "geospatial_southbound_latitude": float(np.nanmin(north)),
        "geospatial_northbound_latitude": float(np.nanmax(north)),
        "geospatial_lat_center": float(np.nan_to_num(north[middle], nan=-999.0)),
        "geospatial_lon_center": float(np.nan_to_num(east[middle] + scene.satellite_longitude, nan=-999.0)),
        "geospatial_lon_nadir": scene.satellite_longitude,
    }


def _fill(image: Image) -> int:
    """The count that stands for no radiance: the greatest of the band's bits."""
    return image.channel.last_count + 1


def _stamp(time: Time) -> str:
    """A time in names of files: year, day of the year, clock, tenths of a second."""
    moment = time.astype("datetime64[ms]").astype(datetime)
    return f"{moment:%Y%j%H%M%S}{moment.microsecond // 100000}"
