"""The index of a GRIB file as wgrib2 prints it (`wgrib2 FILE > FILE.idx`), by ecCodes: where each message begins and what its fields are."""

from pathlib import Path

import eccodes

NAMES = {(0, 0): "TMP", (0, 6): "DPT", (1, 0): "SPFH", (1, 1): "RH", (2, 2): "UGRD", (2, 3): "VGRD"} | {
    (3, 0): "PRES",
    (3, 1): "PRMSL",
    (3, 5): "HGT",
    (3, 192): "MSLET",
    (3, 198): "MSLMA",
}
NO_SECOND_SURFACE = 255


def inventory(path: Path) -> str:
    """A line a field; those of one message share its offset and its number (`6.1`, `6.2`)."""
    found: list[tuple[int, str]] = []
    eccodes.codes_grib_multi_support_on()
    try:
        with path.open("rb") as file:
            while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
                found.append((eccodes.codes_get(handle, "offset", int), _field(handle)))
                eccodes.codes_release(handle)
            eccodes.codes_grib_multi_support_reset_file(file)
    finally:
        eccodes.codes_grib_multi_support_off()
    offsets = [offset for offset, _ in found]
    begins = sorted(set(offsets))
    numbers = [
        f"{begins.index(offset) + 1}" + (f".{offsets[: place + 1].count(offset)}" if offsets.count(offset) > 1 else "") for place, offset in enumerate(offsets)
    ]
    return "".join(f"{number}:{offset}:{told}\n" for number, (offset, told) in zip(numbers, found, strict=True))


def _field(handle: int) -> str:
    def get(key: str) -> int:
        return int(eccodes.codes_get(handle, key, int))

    number = (get("parameterCategory"), get("parameterNumber"))
    name = NAMES.get(number, f"var{number[0]}_{number[1]}") if get("discipline") == 0 else "other"
    return f"d={get('dataDate')}{get('dataTime') // 100:02d}:{name}:{_level(get)}:{_lead(get)}:"


def _level(get) -> str:
    kind = get("typeOfFirstFixedSurface")
    if get("typeOfSecondFixedSurface") != NO_SECOND_SURFACE:
        return f"layer of type {kind}"
    if kind in (100, 103):
        level = get("scaledValueOfFirstFixedSurface") * 10.0 ** -get("scaleFactorOfFirstFixedSurface")
        return f"{level / 100:g} mb" if kind == 100 else f"{level:g} m above ground"
    return {1: "surface", 101: "mean sea level"}.get(kind, f"level of type {kind}")


def _lead(get) -> str:
    if get("productDefinitionTemplateNumber") != 0:
        return f"{get('startStep')}-{get('endStep')} hour acc fcst"
    return f"{get('endStep')} hour fcst" if get("endStep") else "anl"
