"""Shipping a trained network: its weights as safetensors and its card, which agree by digest and canary."""

import copy
import hashlib
from collections.abc import Sequence
from typing import Any

import torch
import yaml
from safetensors.torch import save
from torch import nn

from stormcycle.cycle.files import replace_file
from stormcycle.export.errors import ExportError
from stormcycle.serving.canary import canary_answer, canary_question
from stormcycle.serving.cards import FENCE, Card, models_folder, read_card, weights_path
from stormcycle.serving.contract import Contract, parse_contract

LARGEST_BYTES = 8_400_000
"""A model's weights are committed, so they stay small (docs/architecture.md)."""


def ship(
    model: str,
    network: nn.Module,
    body: str,
    *,
    architecture: dict[str, Any],
    step_minutes: int,
    resolution_m: int,
    trained_on: list[str],
    chosen_on: list[str],
    licence: str,
    sprog_share: Sequence[float] = (),
    offset_db: Sequence[float] = (),
    neighbourhood_share: Sequence[float] = (),
    error_dbz: float | None = None,
) -> Card:
    """Write weights.safetensors (float32) and CARD.md (`body` is its text in Markdown) into a model's folder, which holds its config.pbtxt.

    Raises ExportError for weights that are too large, not finite or not trained, MismatchedModelError for a config.pbtxt that cannot
    be read. Returns the card as it was read back.
    """
    network = copy.deepcopy(network).cpu().float().eval()  # what is served, whatever the training computes in
    content = save({key: _finite(key, tensor) for key, tensor in network.state_dict().items()})
    if len(content) > LARGEST_BYTES:
        raise ExportError(f"The weights of {model} take {len(content) / 1e6:.1f} MB; at most {LARGEST_BYTES / 1e6:.1f} MB are shipped: make it narrower.")
    config = models_folder() / model / "config.pbtxt"
    if not config.is_file():
        raise ExportError(f"The model {model} has no config.pbtxt, which names its tensors and channels; write it first.")
    contract = parse_contract(config.read_text(encoding="utf-8"), model)
    card = Card(
        model=model,
        architecture=architecture,
        weights_sha256=hashlib.sha256(content).hexdigest(),
        step_minutes=step_minutes,
        resolution_m=resolution_m,
        channels={tensor.name: contract.channels(tensor.name) for tensor in contract.tensors},
        trained_on=trained_on,
        chosen_on=chosen_on,
        sprog_share=list(sprog_share),
        offset_db=list(offset_db),
        neighbourhood_share=list(neighbourhood_share),
        error_dbz=error_dbz,
        licence=licence,
        canary=_canary(network, contract),
    )
    if not any(card.canary):
        raise ExportError(f"{model} answers nothing to the canary, as a network that was not trained does; such an answer would notice nothing.")
    block = yaml.safe_dump(card.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True, width=160)
    replace_file(weights_path(model), content)
    replace_file(models_folder() / model / "CARD.md", f"{FENCE}{block}{FENCE}\n{body.strip()}\n".encode())
    return read_card(model)


def _finite(key: str, tensor: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(tensor).all():
        raise ExportError(f"The tensor {key} holds values that are not finite: the training has broken; take an earlier checkpoint.")
    return tensor.contiguous()


def _canary(network: nn.Module, contract: Contract) -> list[float]:
    question = canary_question(contract)
    with torch.no_grad():
        answers = network(*(torch.from_numpy(question[tensor.name]) for tensor in contract.inputs))
    answers = answers if isinstance(answers, tuple) else (answers,)
    return canary_answer({tensor.name: one.numpy() for tensor, one in zip(contract.outputs, answers, strict=True)})
