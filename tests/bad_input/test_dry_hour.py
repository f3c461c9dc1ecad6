"""An hour without a drop: dry is a finding, not a fault."""

import numpy as np
from bad_input.spoiling import TIMES, dry, product, products
from house import FIRST, House

from flows.cycle import cycle
from stormcycle.states import NO_ECHO_DBZ, Provenance


def test_a_dry_hour_is_complete_with_a_dry_nowcast_and_probability_zero(house: House) -> None:
    for time in TIMES:
        for path in house.granules(time):
            dry(path)
    made = cycle.fn("small", FIRST)
    assert (made.state, made.degraded) == ("complete", ())
    assert products(made) == {"radar", "nowcast", "probability"}
    radar, nowcast, probability = (product(made, name) for name in ("radar", "nowcast", "probability"))
    seen = radar["observed"].values
    assert seen.any()
    assert np.all(radar["reflectivity"].values[seen] == NO_ECHO_DBZ)
    assert np.all(radar["provenance"].values[seen] == Provenance.OBSERVED | Provenance.UNDETECT)
    assert np.all(radar["hourly_sum"].values[seen.all(axis=0)] == 0.0)
    known = nowcast["observed"].values
    assert known.any()
    assert np.all(nowcast["reflectivity"].values[known] == NO_ECHO_DBZ)
    assert np.all(nowcast["rain_rate"].values[known] == 0.0)
    assert np.all(probability["exceedance"].values[:, probability["observed"].values] == 0.0)
    assert probability["observed"].values.any()
