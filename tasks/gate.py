"""Gate: each field on the grid and each product held against its limits, before it is used and released."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import xarray as xr

from stormcycle.cycle import Reference, load, lookup, save, stage_key
from stormcycle.gates import blocking, judged, prepare, sentence, summaries, verdict, warning
from stormcycle.states import Degradation, GranuleState
from tasks.artifacts import show_table
from tasks.seam import Hour, Item, Product, log, stage

SOURCES = ("stormcycle/gates", "stormcycle/states.py", "tasks/gate.py")
Judgement = list[dict[str, Any]]
MADE_FROM_RADAR = ("nowcast", "probability", "analysis")


def prepare_gates() -> None:
    """Let the gates' process start beside the stages before them: its imports take seconds."""
    prepare()


@stage()
def gate_fields(hour: Hour, items: list[Item]) -> list[Item]:
    """Each volume or frame on the grid with how it was judged; one that is blocked becomes corrupt, its note says why."""
    judged_items = [item for item in items if item.usable and item.reference is not None]
    subjects = [("radar_fields", item.granule.key, item.reference) for item in judged_items if item.reference is not None]
    gates = {item.granule.key: results for item, results in zip(judged_items, _judgements(hour, subjects), strict=True)}
    _show(hour, "fields", gates)
    return [_gated(item, gates[item.granule.key]) if item.granule.key in gates else item for item in items]


@stage()
def gate_products(hour: Hour, products: list[Product]) -> list[Product]:
    """Each product with how it was judged; one that is blocked loses its reference, and so do those made from a blocked `radar`."""
    made = [product for product in products if product.reference is not None]
    subjects = [(product.name, product.name, product.reference) for product in made if product.reference is not None]
    gates = {product.name: results for product, results in zip(made, _judgements(hour, subjects), strict=True)}
    _show(hour, "products", gates)
    bad_radar = bool(blocking(gates.get("radar", [])))
    return [_released(product, gates[product.name], bad_radar) if product.name in gates else product for product in products]


def _judgements(hour: Hour, subjects: Sequence[tuple[str, str, Reference]]) -> list[Judgement]:
    """The results for subjects (suite, name, fields), in their order; what was not judged before is judged in one child process."""
    keys = [
        stage_key("gate", [reference.digest, name], [hour.cycle_time, version("great_expectations")], (*SOURCES, f"schemas/expectations/{suite}.json"))
        for suite, name, reference in subjects
    ]
    kept = [lookup(hour.folder, "gate", key) for key in keys]
    rows: dict[str, list[dict[str, Any]]] = {}
    for (suite, name, reference), known in zip(subjects, kept, strict=True):
        if known is None:
            rows.setdefault(suite, []).extend(summaries(load(hour.folder, reference), name, hour.time))
    fresh = judged(rows)
    for index, ((suite, name, _), key) in enumerate(zip(subjects, keys, strict=True)):
        if kept[index] is None:
            results = [result for result in fresh if (result["suite"], result["subject"]) == (suite, name)]
            kept[index] = save(hour.folder, "gate", key, xr.Dataset(), {"results": results})
    return [list(reference.notes["results"]) for reference in kept if reference is not None]


def _gated(item: Item, results: Judgement) -> Item:
    blocked = blocking(results)
    if not blocked:
        return replace(item, gates=results)
    return replace(item, gates=results, state=GranuleState.CORRUPT, note=f"Blocked by the gate: {_sentences(blocked)}")


def _released(product: Product, results: Judgement, bad_radar: bool) -> Product:
    """A product as its judgement leaves it."""
    blocked, warned = blocking(results), warning(results)
    if bad_radar and product.name in MADE_FROM_RADAR:
        reason = Degradation(product.name, "gate_blocked", "It is made from radar, which the gate blocked.")
    elif blocked:
        reason = Degradation(product.name, "gate_blocked", _sentences(blocked))
    elif warned:
        return replace(product, gates=results, degraded=[*product.degraded, Degradation(product.name, "gate_warned", _sentences(warned))])
    else:
        return replace(product, gates=results)
    return replace(product, gates=results, reference=None, degraded=[*product.degraded, reason])


def _sentences(results: Sequence[dict[str, Any]]) -> str:
    return " ".join(map(sentence, results))


def _show(hour: Hour, what: str, gates: dict[str, Judgement]) -> None:
    """Log what failed; show beside the run how everything was judged."""
    for name, results in gates.items():
        for result in (*blocking(results), *warning(results)):
            log.warning("gate: %s: %s: %s", result["severity"], name, sentence(result))
    rows = [
        {"subject": name, "verdict": verdict(name, results)["verdict"], "reasons": _sentences([*blocking(results), *warning(results)])}
        for name, results in gates.items()
    ]
    show_table(f"gates-{what}-{hour.domain}", rows, f"Gates of the {what} of {hour.domain} {hour.cycle_time}")
