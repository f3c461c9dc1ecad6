"""What an analysis takes from which fields: the 19 channels, what stands in for an absent one, and whether there are enough.

Pure: it knows parameters, no values.
"""

from collections.abc import Collection
from dataclasses import dataclass

from stormcycle.background.parameters import Parameter, Quantity

LEVELS = (975, 925, 850, 800)
UPPER: tuple[Quantity, ...] = ("t", "u", "v", "r")
CHANNELS = (*(f"{what}{level}" for what in UPPER for level in LEVELS), "t2m", "r2m", "mslp")
"""The order of the state (docs/data_dictionary.md): K, m s-1, %, Pa."""
UNITS = (*(unit for unit in ("K", "m s-1", "m s-1", "%") for _ in LEVELS), "K", "%", "Pa")
MOST_INTERPOLATED = 2
"""Levels that may be interpolated between two others; with more there is no analysis."""
SEA_LEVEL_PRESSURES: tuple[Quantity, ...] = ("mslp", "mslp_eta", "mslp_maps")
"""In order of preference: by the standard atmosphere (Shuell), by NCEP's Eta and MAPS reductions."""
T2M, TD2M, Q2M, R2M = (Parameter(what, "height", 2.0) for what in ("t", "td", "q", "r"))
SURFACE_PRESSURE = Parameter("sp", "surface", 0.0)


@dataclass(frozen=True)
class Source:
    """What a channel is made from: the fields of one level, or of the levels below and above where it is interpolated in log p.

    `how`: in words where it is not the field itself.
    """

    levels: tuple[tuple[Parameter, ...], ...]
    how: str = ""

    @property
    def interpolated(self) -> bool:
        """Whether the channel lies between two levels."""
        return len(self.levels) == 2


@dataclass(frozen=True)
class Plan:
    """The source of each channel that can be had, and why there is no analysis ("" where there is)."""

    sources: dict[str, Source]
    missing: str

    @property
    def interpolated_levels(self) -> tuple[int, ...]:
        """The levels at which some channel is interpolated, lowest first."""
        return tuple(level for level in LEVELS if any(self._is_interpolated(f"{what}{level}") for what in UPPER))

    @property
    def ways(self) -> list[str]:
        """A sentence for each way in which channels are made that are no field of their own."""
        made: dict[str, list[str]] = {}
        for channel, source in self.sources.items():
            if source.how:
                made.setdefault(source.how, []).append(channel)
        return [f"{', '.join(channels)}: {how}." for how, channels in made.items()]

    @property
    def needed(self) -> set[Parameter]:
        """Every field that some channel is made from."""
        return {parameter for source in self.sources.values() for recipe in source.levels for parameter in recipe}

    def _is_interpolated(self, channel: str) -> bool:
        return channel in self.sources and self.sources[channel].interpolated


def plan(held: Collection[Parameter]) -> Plan:
    """How to make the 19 channels from the parameters that are held.

    A channel at a level that is not held is interpolated where the quantity is held below and above, if at most
    MOST_INTERPOLATED levels are; else channels that are not held themselves are absent.
    """
    direct = {f"{what}{level}": recipe for what in UPPER for level in LEVELS if (recipe := _upper(what, float(level), held)) is not None}
    between = {f"{what}{level}": source for what in UPPER for level in LEVELS if f"{what}{level}" not in direct and (source := _between(what, level, held))}
    interpolated = [level for level in LEVELS if any(f"{what}{level}" in between for what in UPPER)]
    sources = {channel: Source((recipe,), _how(recipe)) for channel, recipe in direct.items()}
    if len(interpolated) <= MOST_INTERPOLATED:
        sources |= between
    sources |= _surface(held)
    return Plan({channel: sources[channel] for channel in CHANNELS if channel in sources}, _missing(sources, interpolated))


def _upper(what: Quantity, level: float, held: Collection[Parameter]) -> tuple[Parameter, ...] | None:
    """What a quantity on a pressure level (hPa) is made from: winds from both components, humidity from what there is."""
    for names in {"t": (("t",),), "u": (("u", "v"),), "v": (("u", "v"),), "r": (("r",), ("q", "t"), ("td", "t"))}[what]:
        recipe = tuple(Parameter(name, "pressure", level) for name in names)  # type: ignore[arg-type]
        if all(parameter in held for parameter in recipe):
            return recipe
    return None


def _between(what: Quantity, level: int, held: Collection[Parameter]) -> Source | None:
    """A quantity from the nearest levels below and above; None where one side has none."""
    levels = sorted({parameter.level for parameter in held if parameter.kind == "pressure"} - {float(level)})
    there = {near: recipe for near in levels if (recipe := _upper(what, near, held)) is not None}
    below, above = min((near for near in there if near > level), default=None), max((near for near in there if near < level), default=None)
    if below is None or above is None:
        return None
    return Source((there[below], there[above]), f"interpolated in log p between {below:g} and {above:g} hPa")


def _surface(held: Collection[Parameter]) -> dict[str, Source]:
    recipes = {
        "t2m": ((T2M,),),
        "r2m": ((R2M,), (TD2M, T2M), (Q2M, T2M, SURFACE_PRESSURE)),
        "mslp": tuple((Parameter(what, "sea", 0.0),) for what in SEA_LEVEL_PRESSURES),
    }
    found = {channel: next((recipe for recipe in those if all(parameter in held for parameter in recipe)), None) for channel, those in recipes.items()}
    return {channel: Source((recipe,), _how(recipe)) for channel, recipe in found.items() if recipe is not None}


def _how(recipe: tuple[Parameter, ...]) -> str:
    told = {"q": "from specific humidity", "td": "from the dew point", "mslp_eta": "by the Eta reduction", "mslp_maps": "by the MAPS reduction"}
    return told.get(recipe[0].what, "")


def _missing(sources: dict[str, Source], interpolated: list[int]) -> str:
    """Why the channels that there are make no analysis; "" where all are there."""
    absent = [channel for channel in CHANNELS if channel not in sources]
    if not absent:
        return ""
    levels = [level for level in LEVELS if all(f"{what}{level}" in absent for what in UPPER)]
    told = [f"{level} hPa" for level in levels] + [channel for channel in absent if channel[1:] not in map(str, levels)]
    too_many = f"{len(interpolated)} levels ({', '.join(map(str, interpolated))} hPa) would have to be interpolated, at most {MOST_INTERPOLATED} may be; "
    return f"{too_many if len(interpolated) > MOST_INTERPOLATED else ''}{_listed(told)} {'is' if len(told) == 1 else 'are'} absent"


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
