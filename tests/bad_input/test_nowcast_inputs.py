"""What a nowcast's network must never be given, and what is refused in a sentence instead. With a real Triton: tests/servers/test_neural_cycle.py."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from house import SMALL
from moving_model import DUAL, DUAL_VARIABLES, config_text

from stormcycle.domain import Domain, parse_domain
from stormcycle.nowcast.neural import FRAMES, neural_forecast
from stormcycle.nowcast.variables import Fields
from stormcycle.serving import Card, MismatchedModelError, read_card
from stormcycle.serving.contract import check_served, parse_contract
from stormcycle.states import NO_ECHO_DBZ
from tasks.models import check_models
from tasks.neural import check_order

SIZE = 64
STILL = np.zeros((2, SIZE, SIZE))


def storm(rng: np.random.Generator) -> Fields:
    """Ten frames of all variables: echo in the middle, dry around it, nothing seen beyond."""
    zh = np.full((FRAMES, SIZE, SIZE), NO_ECHO_DBZ)
    zh[:, 20:40, 20:40] = rng.uniform(20, 50, (FRAMES, 20, 20))
    zh[:, :, 56:] = np.nan
    echo = zh > NO_ECHO_DBZ
    return {"zh": zh, "zdr": np.where(echo, 1.5, np.nan), "kdp": np.where(echo, 0.5, np.nan)}


class Watched:
    """A network that changes nothing and remembers what it was asked."""

    def __call__(self, frames: np.ndarray, mask: np.ndarray) -> np.ndarray:
        self.frames, self.mask = frames, mask
        return np.zeros_like(frames)


def forecast(frames: Fields, network: Any) -> Fields:
    return neural_forecast(frames, STILL, 10, ~np.isnan(frames["zh"][-1]), network, ("zh", "zdr", "kdp"))


def test_nan_gates_become_dry_and_unseen_and_stay_unknown_in_the_forecast(rng: np.random.Generator) -> None:
    frames, network = storm(rng), Watched()
    for values in frames.values():
        values[-1, 25:30, 25:30] = np.nan  # a hole in the newest frame
        values[3, 31:35, 31:35] = np.nan  # and in an older one
    made = forecast(frames, network)
    assert np.isfinite(network.frames).all()
    assert np.isfinite(network.mask).all()
    seen = network.mask[0, 0, 32:-32, 32:-32] > 0
    assert np.array_equal(seen, ~np.isnan(frames["zh"][-1]))
    assert not network.frames[0, :, 32:-32, 32:-32][:, ~seen].any()
    for word in ("zh", "zdr", "kdp"):
        assert np.isnan(made[word][:, ~seen]).all()
        assert np.isfinite(made[word][:, seen]).all()
    np.testing.assert_allclose(made["zh"][0][35:40, 35:40], frames["zh"][-1][35:40, 35:40], atol=1e-4)


def test_an_hour_without_an_echo_is_forecast_dry(rng: np.random.Generator) -> None:
    frames = {word: np.where(np.isnan(values), np.nan, np.nan if word != "zh" else NO_ECHO_DBZ) for word, values in storm(rng).items()}
    network = Watched()
    made = forecast(frames, network)
    assert not network.frames.any()
    seen = ~np.isnan(frames["zh"][-1])
    for values in made.values():
        assert (values[:, seen] == 0.0).all()
        assert np.isnan(values[:, ~seen]).all()


@pytest.mark.parametrize("count", [6, 9, 12])
def test_other_than_ten_frames_are_refused(rng: np.random.Generator, count: int) -> None:
    frames = {word: np.resize(values, (count, SIZE, SIZE)) for word, values in storm(rng).items()}
    with pytest.raises(ValueError, match=f"The network takes 10 frames of each variable; here are {count} of zh"):
        forecast(frames, Watched())


def small(**nowcast: Any) -> Domain:
    """The small domain at the pixel of the shipped models, its `nowcast` with other keys."""
    domain = parse_domain(SMALL.replace("shape: [96, 96], resolution_m: 2000", "shape: [192, 192], resolution_m: 1000"), "small.yaml")
    return domain.model_copy(update={"nowcast": domain.nowcast.model_copy(update=nowcast)})


@pytest.mark.parametrize("key", ["model", "baselines"])
def test_a_model_for_another_pixel_or_frames_too_far_apart_for_it_are_refused_with_both_named(key: str) -> None:
    named = small(**{key: "smaat_unet" if key == "model" else ("smaat_unet",)})
    check_models(named)
    check_models(named.model_copy(update={"step_minutes": 5}))  # brought to the model's step
    slower = named.model_copy(update={"step_minutes": 15})
    made_for = rf"its nowcast\.{key} smaat_unet is made for 6 min \(at most 12 can be brought to that\) and 1000 m"
    with pytest.raises(ValueError, match=f"a frame every 15 min and pixels of 1000 m; {made_for}"):
        check_models(slower)
    coarser = named.model_copy(update={"grid": named.grid.model_copy(update={"resolution_m": 2000.0})})
    with pytest.raises(ValueError, match=f"a frame every 6 min and pixels of 2000 m; {made_for}"):
        check_models(coarser)


def test_a_horizon_beyond_the_models_is_refused() -> None:
    check_models(small(model="smaat_unet", lead_minutes=120))  # rolled once from its own nowcast
    with pytest.raises(ValueError, match=r"has nowcast\.lead_minutes 126; its nowcast\.model smaat_unet reaches 60 min, and 120 min rolled"):
        check_models(small(model="smaat_unet", lead_minutes=126))


def dual_card(**channels: list[str]) -> Card:
    """The card of a model of three variables, in the order of its config.pbtxt but for some tensors."""
    contract = parse_contract(config_text(DUAL, DUAL_VARIABLES), DUAL)
    told = {tensor.name: contract.channels(tensor.name) for tensor in contract.tensors} | channels
    return read_card("smaat_unet").model_copy(update={"model": DUAL, "channels": told})


def by_time(words: tuple[str, ...]) -> list[str]:
    return [f"{word}-{minutes}" for minutes in range(54, -1, -6) for word in words]


@pytest.mark.parametrize(
    "channels",
    [
        {"frames": [f"{word}-{minutes}" for word in DUAL_VARIABLES for minutes in range(0, 60, 6)]},  # the newest first
        {"frames": by_time(DUAL_VARIABLES)},  # the variables of a time together
        {"mask": ["observed-zdr", "observed-zh", "observed-kdp"]},
        {"residual": [f"{word}+{minutes}" for word in ("zdr", "zh", "kdp") for minutes in range(6, 61, 6)]},
        {"frames": [f"{word}-{minutes}" for word in DUAL_VARIABLES for minutes in range(45, -1, -5)]},  # another interval
        {"frames": [f"{word}-{minutes}" for word in DUAL_VARIABLES for minutes in range(30, -1, -6)]},  # six frames
    ],
)
def test_a_model_whose_channels_have_another_order_than_a_nowcast_gives_is_refused(channels: dict[str, list[str]]) -> None:
    contract = parse_contract(config_text(DUAL, DUAL_VARIABLES), DUAL)
    check_order(dual_card(), contract)
    tensor, told = next(iter(channels.items()))
    with pytest.raises(MismatchedModelError, match=f"has the channels {told[0].replace('+', '.')} .* in {tensor}, a nowcast "):
        check_order(dual_card(**channels), contract)


def test_a_variable_that_no_radar_product_has_is_refused() -> None:
    words = ("zh", "rhohv")
    contract = parse_contract(config_text(DUAL, words), DUAL)
    card = dual_card(**{tensor.name: contract.channels(tensor.name) for tensor in contract.tensors})
    with pytest.raises(MismatchedModelError, match="takes rhohv, which no radar product has; there are zh, zdr, kdp"):
        check_order(card, contract)


def test_a_served_model_that_says_another_order_of_itself_is_refused() -> None:
    declared = parse_contract(config_text(DUAL, DUAL_VARIABLES), DUAL)
    turned = {**declared.parameters, "channels.mask": "observed-zdr observed-zh observed-kdp"}
    with pytest.raises(MismatchedModelError, match="has the channels observed-zdr observed-zh observed-kdp in mask, declared are observed-zh observed-zdr"):
        check_served(replace(declared, parameters=turned), declared, dual_card())
