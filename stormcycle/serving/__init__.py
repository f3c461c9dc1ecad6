"""Serving: asking the models that Triton serves, and whether they can be trusted. Never imports torch.

A model's sources (configuration, weights, card) lie in the model repository (`cards`); `declared_contract` is what it
takes and gives. `ready_model` holds what a server says and computes against it, and loads a broken model again, once;
`infer` asks it. All trouble is a ServingError, whose classes say what it is: a cycle names it and takes its fallback.
"""

from stormcycle.serving.cards import Card, CardError, check_weights, model_names, models_folder, nowcast_names, read_card, served_repository, weights_path
from stormcycle.serving.client import infer, is_live, patiently, reload_model, served_models
from stormcycle.serving.contract import Contract, Tensor, declared_contract
from stormcycle.serving.errors import (
    BadTensorError,
    DeadlinePassedError,
    MismatchedModelError,
    ModelBrokenError,
    ModelMissingError,
    ServerDownError,
    ServingError,
)
from stormcycle.serving.ready import Ready, one_at_a_time, ready_model

__all__ = [
    "BadTensorError",
    "Card",
    "CardError",
    "Contract",
    "DeadlinePassedError",
    "MismatchedModelError",
    "ModelBrokenError",
    "ModelMissingError",
    "Ready",
    "ServerDownError",
    "ServingError",
    "Tensor",
    "check_weights",
    "declared_contract",
    "infer",
    "is_live",
    "model_names",
    "models_folder",
    "nowcast_names",
    "one_at_a_time",
    "patiently",
    "read_card",
    "ready_model",
    "reload_model",
    "served_models",
    "served_repository",
    "weights_path",
]
