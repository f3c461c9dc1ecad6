import numpy as np
import pytest

from flows.studies.texture import measured, moved_csi, persistence_csi, slope


def _noise(exponent: float, size: int = 256, white_above: float = np.inf) -> np.ndarray:
    """A field whose power falls with a power of the wave number; white at wavelengths of more than so many pixels."""
    random = np.random.default_rng(5)
    wave = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    wave = np.maximum(wave, 1.0 / white_above)
    wave[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(random.standard_normal((size, size))) * wave ** (exponent / 2))
    return 40.0 + 5.0 * field / field.std()


@pytest.mark.parametrize("exponent", [-2.0, -2.8, -3.5])
def test_the_slope_of_a_field_of_known_spectrum(exponent):
    assert slope(_noise(exponent)[None], 1.0) == pytest.approx(exponent, abs=0.2)


def test_pixels_of_half_a_kilometre_halve_the_wavelengths():
    broken = _noise(-4.0, white_above=8.0)[None]
    assert slope(broken, 1.0) < -1.0 and abs(slope(broken, 0.5)) < 0.3


def test_dry_frames_have_no_slope():
    assert slope(np.full((2, 64, 64), 5.0), 1.0) is None


def test_persistence_is_that_of_a_plain_loop():
    random = np.random.default_rng(6)
    frames = random.uniform(0, 40, (6, 9, 7))
    frames[2, 3, 4] = np.nan
    hits = events = 0
    for i in range(4):
        for before, after in zip(frames[i].ravel(), frames[i + 2].ravel(), strict=True):
            if np.isfinite(before) and np.isfinite(after):
                hits += before >= 20 and after >= 20
                events += before >= 20 or after >= 20
    assert persistence_csi(frames, 20.0, 2) == pytest.approx(hits / events)
    assert persistence_csi(frames, 50.0, 2) is None


def test_rain_that_only_moves_is_kept_whole_by_one_shift():
    field = np.maximum(_noise(-2.8, 128), 0.0)
    frames = np.stack([field[20 - 4 * i : 84 - 4 * i, 10 + 3 * i : 74 + 3 * i] for i in range(4)])
    wet = float(np.quantile(frames, 0.7))
    assert moved_csi(frames, wet, 2, 10) == pytest.approx(1.0)
    assert moved_csi(frames, wet, 2, 3) < 0.9
    assert persistence_csi(frames, wet, 2) < 0.9


def test_a_row_has_a_figure_for_each_threshold_and_lead():
    row = measured("some", np.stack([_noise(-2.5, 64)] * 12) - 15.0, 6.0, 1.0)
    assert row["CSI 20 dBZ 30 min"] == row["CSI 30 dBZ 60 min"] == 1.0 and row["frames"] == 12 and 0 < row["wet %"] < 100
