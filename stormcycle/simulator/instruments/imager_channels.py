"""Thermal channels of the imagers that are simulated: how they measure, and what they see of the air.

ABI: Planck coefficients, packing and bit depths of GOES-16 as public readers list them; those of band 10 equal the real files
at hand (tests/unit/simulator/test_abi_writer.py). GOES-18 and -19 differ in the last digits: every simulated ABI is GOES-16's.
SEVIRI: Meteosat-11, from EUMETSAT's EUM/MET/TEN/11/0569 (as Satpy carries it); counts as in the real prologue at hand.
Optical depths and reflectances are typical of a moist summer day, ours, and the same for both imagers.
"""

from dataclasses import dataclass

import numpy as np

from stormcycle.simulator.instruments.geostationary import FixedGrid
from stormcycle.simulator.instruments.radiation import Planck, SeesGround, SeesVapour

PLANCK_C1, PLANCK_C2 = 1.19104273e-5, 1.43877523
"""First and second radiation constant in mW m-2 sr-1 (cm-1)-4 and K (cm-1)-1."""


@dataclass(frozen=True)
class Channel:
    """A thermal channel: its number and name, wavelength (um), Planck's law, what it sees; radiance = scale * count + offset
    for counts from `first_count` on, all of `bits` bits but one; noise (K at 300 K); seconds by which its scan ends after the
    first channel's."""

    number: int
    name: str
    wavelength_um: float
    planck: Planck
    air: SeesGround | SeesVapour
    scale: float
    offset: float
    bits: int
    noise_k: float
    later_s: float = 0.0
    first_count: int = 0

    @property
    def last_count(self) -> int:
        """The greatest count that a radiance can have."""
        return self.first_count + 2**self.bits - 2


ABI_GRID = FixedGrid(height_m=35786023.0, equatorial_m=6378137.0, polar_m=6356752.31414, sweep="x", step_rad=56e-6, size=5424, middle=2711.5)
SEVIRI_SCALE = 13642337
"""Columns (lines) of SEVIRI in 2^16 degrees: the `CFAC` and `LFAC` of its files."""
SEVIRI_GRID = FixedGrid(
    height_m=35785831.0, equatorial_m=6378169.0, polar_m=6356583.8, sweep="y", step_rad=float(np.radians(2**16 / SEVIRI_SCALE)), size=3712, middle=1856.0
)

SHORT = SeesGround(0.12, 13.0, 2000.0, reflectance=(0.06, 0.15, 0.03))
AIR: dict[float, SeesGround | SeesVapour] = {
    3.9: SHORT,
    6.2: SeesVapour(-7.0),
    6.9: SeesVapour(1.5),
    7.3: SeesVapour(11.0),
    8.4: SeesGround(0.35, 13.0, 2000.0),
    9.6: SeesGround(0.75, 60.0, 1e6),
    10.3: SeesGround(0.17, 13.0, 2000.0),
    10.8: SeesGround(0.20, 13.0, 2000.0),
    12.0: SeesGround(0.35, 13.0, 2000.0),
    13.3: SeesGround(1.0, 45.0, 8000.0),
}
"""What a wavelength (um) sees."""


def _abi(number: int, wavelength: float, kind: float, planck: tuple[float, float, float, float], scale: float, offset: float, bits: int) -> Channel:
    """A band of ABI. It measures twice as well as it was asked to; scans of bands on one detector plane end together."""
    noise, later = 0.15 if number == 16 else 0.05, 0.6 * ((number - 8) % 3)
    return Channel(number, f"C{number:02d}", wavelength, Planck(*planck), AIR[kind], scale, offset, bits, noise, later)


ABI = {
    channel.number: channel
    for channel in (
        _abi(7, 3.89, 3.9, (202263.0, 3698.19, 0.43361, 0.99939), 0.001564351, -0.0376, 14),
        _abi(8, 6.17, 6.2, (50687.1, 2331.58, 1.55228, 0.99667), 0.007104763, -0.5586, 12),
        _abi(9, 6.93, 6.9, (35828.3, 2076.95, 0.34427, 0.99918), 0.022539102, -0.8236, 11),
        _abi(10, 7.34, 7.3, (30174.0, 1961.38, 0.05651, 0.99986), 0.02004128, -0.9561, 12),
        _abi(11, 8.44, 8.4, (19779.9, 1703.83, 0.18733, 0.99948), 0.03335779, -1.3022, 12),
        _abi(12, 9.61, 9.6, (13432.1, 1497.61, 0.09102, 0.99971), 0.05443998, -1.5394, 11),
        _abi(13, 10.33, 10.3, (10803.3, 1392.74, 0.0755, 0.99975), 0.04572892, -1.6443, 12),
        _abi(14, 11.19, 10.8, (8510.22, 1286.27, 0.22516, 0.9992), 0.049492206, -1.7187, 12),
        _abi(15, 12.27, 12.0, (6454.62, 1173.03, 0.21702, 0.99916), 0.05277411, -1.7558, 12),
        _abi(16, 13.27, 13.3, (5101.27, 1084.53, 0.06266, 0.99974), 0.17605852, -5.2392, 10),
    )
}
"""Band of ABI -> channel."""


def _seviri(number: int, name: str, wavelength: float, kind: float, wavenumber: float, alpha: float, beta: float, scale: float, offset: float) -> Channel:
    """A channel of SEVIRI: Planck's law of its effective wavenumber (cm-1); count 0 is no data."""
    planck = Planck(PLANCK_C1 * wavenumber**3, PLANCK_C2 * wavenumber, beta, alpha)
    return Channel(number, name, wavelength, planck, AIR[kind], scale, offset, 10, noise_k=0.1, first_count=1)


SEVIRI = {
    channel.number: channel
    for channel in (
        _seviri(4, "IR_039", 3.92, 3.9, 2555.28, 0.9916, 2.9438, 0.0036586668696007222, -0.18659201034963685),
        _seviri(5, "WV_062", 6.25, 6.2, 1596.08, 0.9959, 2.078, 0.008318111189855896, -0.42422367068265077),
        _seviri(6, "WV_073", 7.35, 7.3, 1361.748, 0.999, 0.4929, 0.03862196817549823, -1.9697203769504095),
        _seviri(7, "IR_087", 8.7, 8.4, 1147.433, 0.9996, 0.1731, 0.1267443186859149, -6.46396025298166),
        _seviri(8, "IR_097", 9.66, 9.6, 1034.851, 0.9998, 0.0597, 0.10396091069757771, -5.302006445576463),
        _seviri(9, "IR_108", 10.8, 10.8, 931.122, 0.9983, 0.6256, 0.2050356762076601, -10.456819486590666),
        _seviri(10, "IR_120", 12.0, 12.0, 839.113, 0.9988, 0.4002, 0.2223111466808946, -11.337868480725625),
        _seviri(11, "IR_134", 13.4, 13.3, 748.585, 0.9981, 0.5635, 0.15760689687780738, -8.037951740768175),
    )
}
"""Spectral channel of SEVIRI -> channel."""
