"""What comes back to an antenna before any noise: rain at the radar's wavelength, the ground beside it, less what rain on the way takes."""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.instruments.clutter import Ground
from stormcycle.simulator.nature import Moments

C_BAND_CM = 5.35
"""The wavelength of which nature gives KDP."""
SYSTEM_PHASE_DEG = 20.0
NOTHING_DBZ = -60.0
"""Below it the ground is no echo for any receiver."""
LOSS_OF_PHASE = {"S": (0.04, 0.004), "C": (0.08, 0.03), "X": (0.28, 0.04)}
"""Band -> what rain takes from reflectivity and from differential reflectivity on the way out and back (dB), per degree of
differential phase: as Py-ART's calculate_attenuation_philinear has them; at S band Ryzhkov and Zrnic (1995), J. Appl. Meteor. 34, 2121-2134."""


@dataclass(frozen=True)
class Signal:
    """What a beam brings back (rays, gates): reflectivity (dBZ, NaN: nothing), differential reflectivity (dB), correlation (1),
    differential phase (degrees) and its slope (degree km-1), and which share of the power is the ground's (0 to 1)."""

    reflectivity: np.ndarray
    zdr: np.ndarray
    rhohv: np.ndarray
    phase: np.ndarray
    kdp: np.ndarray
    ground: np.ndarray


def signal(true: Moments, seen: Ground | None, gate_m: float, wavelength_cm: float, attenuated: bool) -> Signal:
    """What comes back from rain (rays, gates) and, where any is seen, from the ground."""
    kdp = kdp_at(true.kdp, wavelength_cm)
    turned = 2.0 * np.cumsum(kdp, axis=1) * gate_m / 1000.0
    loss, zdr_loss = rain_loss(turned, wavelength_cm) if attenuated else (0.0, 0.0)
    rain = Signal(true.reflectivity, true.zdr, true.rhohv, SYSTEM_PHASE_DEG + turned, kdp, np.zeros(kdp.shape, "float32"))
    both = rain if seen is None else _beside_ground(rain, seen)
    return Signal(both.reflectivity - loss, both.zdr - zdr_loss, both.rhohv, both.phase, both.kdp, both.ground)


def kdp_at(kdp: np.ndarray, wavelength_cm: float) -> np.ndarray:
    """KDP at a wavelength of what it is at C band: small drops turn the phase by the inverse of the wavelength.

    Source: Matrosov et al. (1999), J. Appl. Meteor. 38, 766-775.
    """
    return kdp * np.float32(C_BAND_CM / wavelength_cm)


def rain_loss(turned_deg: np.ndarray, wavelength_cm: float) -> tuple[np.ndarray, np.ndarray]:
    """What rain takes from reflectivity and from differential reflectivity (dB, two-way) where it has turned the differential
    phase by so many degrees."""
    reflectivity, zdr = LOSS_OF_PHASE["S" if wavelength_cm > 7.5 else "C" if wavelength_cm > 3.75 else "X"]
    return reflectivity * turned_deg, zdr * turned_deg


def _beside_ground(rain: Signal, seen: Ground) -> Signal:
    """Both in one gate: powers add, each moment is a mean by power, the phase is that of the sum."""
    hit = seen.reflectivity > NOTHING_DBZ
    rain_power, ground_power = 10.0 ** (0.1 * np.nan_to_num(rain.reflectivity[hit], nan=-np.inf)), 10.0 ** (0.1 * seen.reflectivity[hit])
    share = (ground_power / (rain_power + ground_power)).astype("float32")
    waves = (1.0 - share) * np.exp(1j * np.radians(rain.phase[hit])) + share * np.exp(1j * np.radians(seen.phase[hit]))

    def within(values: np.ndarray, mixed: np.ndarray) -> np.ndarray:
        whole = values.copy()
        whole[hit] = mixed
        return whole

    return Signal(
        reflectivity=within(rain.reflectivity, 10.0 * np.log10(rain_power + ground_power)),
        zdr=within(rain.zdr, (1.0 - share) * rain.zdr[hit] + share * seen.zdr[hit]),
        rhohv=within(rain.rhohv, (1.0 - share) * rain.rhohv[hit] + share * seen.rhohv[hit]),
        phase=within(rain.phase, np.degrees(np.angle(waves))),
        kdp=within(rain.kdp, (1.0 - share) * rain.kdp[hit]),
        ground=within(rain.ground, share),
    )
