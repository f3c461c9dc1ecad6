"""Verify: every release whose valid time has come, against what later releases observed, beside the references."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormcycle.domain import Domain, load_domain
from stormcycle.home import home
from stormcycle.nowcast.product import released_reflectivity
from stormcycle.nowcast.variables import VARIABLES, Fields
from stormcycle.release.publishing import Published, find_published, latest_release
from stormcycle.release.quicklook import draw_quicklook
from stormcycle.release.store import read_product
from stormcycle.serving import Card, CardError, ServingError, model_names, read_card
from stormcycle.times import HOUR, iso, minutes, parse_time
from stormcycle.verification import (
    JUDGED,
    REFERENCES,
    aggregate,
    aggregate_hourly,
    aggregate_moments,
    hour_sums,
    hourly_rows,
    merge,
    of_method,
    out_of_sample,
    pair_sums,
    probability_sums,
    read_scores,
    reference_forecasts,
    score_path,
    scores_of,
    to_json,
    write_scores,
)
from tasks.artifacts import show_picture, show_table
from tasks.models import check_model, found
from tasks.neural import served_forecast
from tasks.release import shown_attributes, target_of
from tasks.seam import log, stage
from tasks.start import starting_frames

LOOKBACK = 48 * HOUR
"""How far back a run looks for hours that can be verified by now; older ones are verified when named."""


@dataclass(frozen=True)
class Verified:
    """The verification of one hour: where its record is, whether this run made it."""

    cycle_time: str
    state: str
    path: str
    new: bool


@dataclass(frozen=True)
class Scores:
    """The scores of a period: of reflectivity by method, threshold and lead; where there are any of the probabilities, of other variables by word, and of
    the hour's reflectivity as the radar operator says it of background and analysis."""

    fields: xr.Dataset
    chances: xr.Dataset | None
    moments: dict[str, xr.Dataset]
    hourly: dict[str, xr.Dataset]


def scores_root() -> Path:
    """The folder of the score store."""
    return home() / "scores"


@stage()
def released_hours(domain_name: str, cycle_time: str | None) -> list[str]:
    """The hours to look at, oldest first: the one asked for, or all with a release in the LOOKBACK before the newest."""
    if cycle_time is not None:
        return [iso(parse_time(cycle_time))]
    target = target_of(load_domain(domain_name))
    newest = latest_release(target, domain_name)
    if newest is None:
        return []
    last = parse_time(newest["cycle_time"])
    return [iso(time) for time in np.arange(last - LOOKBACK, last + HOUR, HOUR) if find_published(target, domain_name, time) is not None]


@stage()
def verify_hour(domain_name: str, cycle_time: str) -> Verified:
    """Verify one released hour with what is observed by now; `waiting` where nothing is yet, `none` without a nowcast."""
    domain, time = load_domain(domain_name), parse_time(cycle_time)
    target = target_of(domain)
    path = score_path(scores_root(), domain.name, time)
    made = find_published(target, domain.name, time)
    if made is None or "nowcast" not in made.manifest["products"]:
        return Verified(cycle_time, "none", "", False)
    horizon = int(np.ceil(domain.nowcast.lead_minutes / 60))
    later = [find_published(target, domain.name, time + hours * HOUR) for hours in range(1, horizon + 1)]
    truths = [release for release in later if release is not None and "radar" in release.manifest["products"]]
    if not truths:
        return Verified(cycle_time, "waiting", "", False)
    told = [{"cycle_time": truth.manifest["cycle_time"], "digest": truth.manifest["digest"]} for truth in truths]
    if path.is_file():
        kept = read_scores(path)
        if (kept["digest"], kept["truth"]) == (made.manifest["digest"], told):
            return Verified(cycle_time, "verified", str(path), False)
    record = _record(domain, made, truths, path)
    write_scores(path, {**record, "truth": told})
    return Verified(cycle_time, "verified", str(path), True)


def _record(domain: Domain, made: Published, truths: list[Published], path: Path) -> dict[str, Any]:
    """The record of one hour without its list of truths; draws the picture of forecast and outcome beside it."""
    options = domain.release.storage_options or None
    products = {name: read_product(made.url, name, options) for name in made.manifest["products"]}
    radar, forecast = products["radar"], products["nowcast"]
    seen = [read_product(item.url, "radar", options) for item in truths]
    truth, observed = observed_at(forecast["valid_time"].values, seen)
    leads = [int(lead / np.timedelta64(60, "s")) for lead in forecast["lead_time"].values]
    frames, velocity = _start(radar, made, domain)
    baselines, asked = _baselines(domain, made, frames, velocity)
    methods = {"nowcast": forecast["reflectivity"].values, **reference_forecasts(frames["zh"], len(leads)), **baselines}
    sums = merge([of_method(pair_sums(values, truth, observed, leads=leads), name) for name, values in methods.items()])
    chances = None
    if "probability" in products:
        probability = products["probability"]
        chances = to_json(
            probability_sums(probability["exceedance"].values, truth, observed, [float(value) for value in probability["threshold"].values], leads=leads)
        )
    _draw(domain, made, products, truth, leads, path)
    return {
        "domain": domain.name,
        "cycle_time": made.manifest["cycle_time"],
        "release_version": made.version,
        "digest": made.manifest["digest"],
        "latency_minutes": round(minutes(parse_time(made.manifest["published_at"]) - parse_time(made.manifest["cycle_time"])), 2),
        "in_sample": _in_sample(made),
        "models": [*made.manifest["models"], *asked],
        "sums": to_json(sums),
        "probability_sums": chances,
        "moments": _moments(forecast, seen, observed, frames, leads),
        "hourly": _hourly(products),
    }


def _hourly(products: dict[str, xr.Dataset]) -> dict[str, Any]:
    """The sums of the hour's reflectivity that the operator says of the background and of the analysis, which has used what it is judged by."""
    if "analysis" not in products:
        return {}
    made = products["analysis"]
    return {word: to_json(hour_sums(made[f"hourly_sum_{word}"].values, made["hourly_sum"].values)) for word in ("background", "analysis")}


def _moments(forecast: xr.Dataset, seen: list[xr.Dataset], observed: np.ndarray, frames: Fields, leads: list[int]) -> dict[str, Any]:
    """The sums of the variables beside reflectivity that the nowcast holds and radars saw, as the record holds them; what has no echo is no event."""
    found = {}
    for word in [word for word, name in VARIABLES.items() if word != "zh" and name in forecast and word in frames and all(name in radar for radar in seen)]:
        truth, _ = observed_at(forecast["valid_time"].values, seen, VARIABLES[word])
        truth = np.where(observed, np.nan_to_num(truth), np.nan)
        plain = {name: REFERENCES[name]({"zh": frames["zh"], word: frames[word]}, len(leads))[word] for name in ("extrapolation", "persistence")}
        methods = {"nowcast": forecast[VARIABLES[word]].values, **plain}
        judged = partial(pair_sums, truth=truth, observed=observed, thresholds=JUDGED[word].thresholds, windows=(1,), leads=leads, units=JUDGED[word].units)
        sums = [of_method(judged(values), name) for name, values in methods.items()]
        found[word] = to_json(merge(sums))
    return found


def _in_sample(made: Published) -> bool:
    """Whether the nowcast's model was made with what it forecasts from; extrapolation and STEPS are trained on nothing."""
    named = [model["name"] for model in made.manifest["models"] if model["product"] == "nowcast" and model["name"] in model_names()]
    try:
        return any(_saw(read_card(name), made) for name in named)
    except CardError:  # who cannot tell what a model has seen shows no skill
        return True


def _saw(card: Card, made: Published) -> bool:
    """Whether a model was made with what a released hour forecasts from, or what it forecasts."""
    keys = any(card.saw(item["key"]) for item in made.manifest["inputs"])
    return keys or card.saw_hour(made.manifest["domain"], parse_time(made.manifest["cycle_time"]))


def _start(radar: xr.Dataset, made: Published, domain: Domain) -> tuple[Fields, np.ndarray]:
    """The frames that the nowcast had, and their motion: all slots, or those that are there, carried to T."""
    codes = {reason["code"] for reason in made.manifest["degraded"]}
    plan = "extrapolated" if "extrapolated_from_old_frames" in codes else "whole"
    frames, velocity, _ = starting_frames(radar, plan, parse_time(made.manifest["cycle_time"]), domain)
    return frames, velocity


def _baselines(domain: Domain, made: Published, frames: Fields, velocity: np.ndarray) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """The forecasts of zh by the domain's baselines, asked of Triton now, and how the record names each.

    One that cannot be used is left out: its version is null, and `reason` says why.
    """
    forecasts, named = {}, []
    for model in domain.nowcast.baselines:
        version, reason = None, ""
        try:
            forecasts[model], version = _baseline(domain, model, made, frames, velocity)
        except (ServingError, ValueError) as error:
            log.warning("The baseline %s is left out of %s: %s", model, made.manifest["cycle_time"], error)
            reason = str(error)
        named.append({"product": "baseline", "name": model, "version": version, "reason": reason})
    return forecasts, named


def _baseline(domain: Domain, model: str, made: Published, frames: Fields, velocity: np.ndarray) -> tuple[np.ndarray, str]:
    """A baseline's forecast of zh, as it would be released, and its version. Raises ServingError or ValueError where there is none that may be shown."""
    check_model(domain, "baselines", model)
    if _saw(read_card(model), made):
        raise ValueError(f"{model} was made with this event: its score would be in sample.")
    served = found(model, domain.nowcast.deadline_seconds)
    if served.version is None:
        raise ServingError(served.reason)
    forecast = served_forecast(domain, model, served.version, frames, velocity)["zh"]
    return released_reflectivity(forecast, domain.radar.quality.noise_floor_dbz), served.version


def observed_at(valid_times: np.ndarray, radars: list[xr.Dataset], name: str = "reflectivity") -> tuple[np.ndarray, np.ndarray]:
    """What radars observed at the valid times: a variable and the mask, each (lead, y, x); only pixels that were seen."""
    shape = (len(valid_times), radars[0].sizes["y"], radars[0].sizes["x"])
    truth, observed = np.full(shape, np.nan, "float32"), np.zeros(shape, bool)
    for radar in radars:
        times = radar["valid_time"].values
        for lead, time in enumerate(valid_times):
            for frame in np.flatnonzero(times == time):
                seen = radar["observed"].values[frame]  # false in frames that were filled by advection
                truth[lead] = np.where(seen, radar[name].values[frame], np.nan)
                observed[lead] = seen
    return truth, observed


def _draw(domain: Domain, made: Published, products: dict[str, xr.Dataset], truth: np.ndarray, leads: list[int], path: Path) -> None:
    """The quicklook again, now with what was then observed, beside the record."""
    attributes = shown_attributes(domain, made.manifest["state"], made.manifest["degraded"])
    known = {lead: truth[index] for index, lead in enumerate(leads) if not np.isnan(truth[index]).all()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_quicklook({name: fields.assign_attrs(attributes) for name, fields in products.items()}, path.with_suffix(".png"), known)


@stage()
def show_scores(domain_name: str, verified: list[Verified]) -> list[Verified]:
    """Show the hours' states, the scores of all of them pooled, and the newest outcome beside the run."""
    show_table(
        f"verified-{domain_name}",
        [{"cycle_time": item.cycle_time, "state": item.state, "new": item.new} for item in verified],
        f"Verification of {domain_name}",
    )
    scores = period_scores(verified)
    if scores is not None:
        show_table(f"scores-{domain_name}", csi_rows(scores), f"CSI of {domain_name} by lead (min), all verified hours pooled")
        show_table(f"moments-{domain_name}", moment_rows(scores), f"CSI of the other variables of {domain_name} by lead (min)")
        show_table(f"hourly-{domain_name}", operator_rows(scores), f"The radar operator of {domain_name}: hourly sums of background and analysis")
        show_table(f"brier-{domain_name}", brier_rows(scores), f"Brier score of {domain_name} by lead (min)")
        newest = max((item for item in verified if item.state == "verified"), key=lambda item: item.cycle_time)
        show_picture(f"outcome-{domain_name}", Path(newest.path).with_suffix(".png"), f"{domain_name} {newest.cycle_time}: expected and then observed")
    return verified


def period_scores(verified: Sequence[Verified]) -> Scores | None:
    """The scores of all verified hours pooled, out of sample only; None where there is none."""
    records = list(out_of_sample(read_scores(Path(item.path)) for item in verified if item.state == "verified"))
    if not records:
        return None
    sums, chances = aggregate(records)
    moments = {word: scores_of(one) for word, one in aggregate_moments(records).items()}
    return Scores(scores_of(sums), scores_of(chances) if chances is not None else None, moments, aggregate_hourly(records))


def csi_rows(scores: Scores) -> list[dict[str, Any]]:
    """CSI by method and threshold, a column a lead (min); None where nothing was observed or forecast."""
    csi = scores.fields["csi"]
    keys = [(method, threshold) for method in csi["method"].values for threshold in csi["threshold"].values]
    return [{"method": str(method), "dBZ": f"{threshold:g}", **_by_lead(csi.sel({"method": method, "threshold": threshold}))} for method, threshold in keys]


def moment_rows(scores: Scores) -> list[dict[str, Any]]:
    """CSI of the other variables by method and event (zdr 0.5 dB, kdp 0.2 degree km-1), a column a lead (min); none without them."""
    return [
        {"method": str(method), "event": f"{word} {threshold:g}", **_by_lead(one["csi"].sel({"method": method, "threshold": threshold}))}
        for word, one in scores.moments.items()
        for method in one["method"].values
        for threshold in one["threshold"].values
    ]


def operator_rows(scores: Scores) -> list[dict[str, Any]]:
    """Scores of the hour's reflectivity as the operator says it of the background, and of the analysis (which has used it); none without analyses."""
    return [{"said of": word, **row} for word, one in scores.hourly.items() for row in hourly_rows(one)]


def brier_rows(scores: Scores) -> list[dict[str, Any]]:
    """Brier score of the exceedance probabilities by threshold, a column a lead (min); none without probabilities."""
    if scores.chances is None:
        return []
    brier = scores.chances["brier"]
    return [{"dBZ": f"{threshold:g}", **_by_lead(brier.sel({"threshold": threshold}))} for threshold in brier["threshold"].values]


def _by_lead(values: xr.DataArray) -> dict[str, float | None]:
    return {f"{int(lead)}": None if np.isnan(value) else round(float(value), 4) for lead, value in zip(values["lead"].values, values.values, strict=True)}
