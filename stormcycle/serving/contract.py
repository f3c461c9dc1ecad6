"""What a model takes and gives, as its config.pbtxt declares it: names, types, shapes, and the meaning of every channel."""

from dataclasses import dataclass, field
from typing import Any

from stormcycle.serving.cards import Card, models_folder, read_card
from stormcycle.serving.errors import MismatchedModelError

FREE = -1
"""A dimension of any length."""
CHANNELS, WEIGHTS = "channels.", "weights_sha256"
"""Parameters: `channels.<tensor>` holds the meanings of a tensor's channels (its second axis); WEIGHTS the digest of what was exported."""

NUMPY_TYPES = {"FP32": "float32", "FP16": "float16", "FP64": "float64", "INT32": "int32", "INT64": "int64", "UINT8": "uint8", "BOOL": "bool"}
"""Triton's words for types and numpy's."""


@dataclass(frozen=True)
class Tensor:
    """One input or output: Triton's word for its type (FP32) and its shape, where FREE is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array's shape is one that this tensor may have."""
        return len(shape) == len(self.shape) and all(mine in (FREE, its) for mine, its in zip(self.shape, shape, strict=True))

    def __str__(self) -> str:
        return f"{self.name} {self.datatype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Contract:
    """A model's inputs and outputs in their order, and the parameters of its configuration."""

    model: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Inputs, then outputs."""
        return self.inputs + self.outputs

    def channels(self, tensor: str) -> list[str]:
        """The meanings of a tensor's channels, in order; empty where none are declared."""
        return self.parameters.get(f"{CHANNELS}{tensor}", "").split()


def declared_contract(model: str) -> Contract:
    """The contract of a model in the models' folder.

    Raises MismatchedModelError when its config.pbtxt is missing or broken or tells other channels than its card, and
    CardError (below it) when the card is missing or broken.
    """
    card = read_card(model)
    path = models_folder() / model / "config.pbtxt"
    if not path.is_file():
        raise MismatchedModelError(f"The model {model} has a card and no config.pbtxt beside it.")
    contract = parse_contract(path.read_text(encoding="utf-8"), model)
    check_channels(contract, card)
    return contract


def parse_contract(text: str, model: str) -> Contract:
    """The contract that a config.pbtxt's text declares for a model. Raises MismatchedModelError when it is none, or another model's."""
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    try:
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise MismatchedModelError(f"The config.pbtxt of {model} cannot be read: {error}") from None
    if config.name != model:
        raise MismatchedModelError(f"The config.pbtxt in the folder {model} is that of {config.name or 'no model'}.")
    return contract_of(config)


def contract_of(config: Any) -> Contract:
    """The contract that a configuration (a protobuf ModelConfig: parsed, or told by a server) declares."""
    from tritonclient.grpc import model_config_pb2

    batch = (FREE,) if config.max_batch_size else ()

    def tensor(one: Any) -> Tensor:
        return Tensor(one.name, model_config_pb2.DataType.Name(one.data_type).removeprefix("TYPE_"), batch + tuple(one.dims))

    parameters = {key: value.string_value for key, value in config.parameters.items()}
    return Contract(config.name, tuple(map(tensor, config.input)), tuple(map(tensor, config.output)), parameters)


def check_channels(contract: Contract, card: Card) -> None:
    """Raise MismatchedModelError unless configuration and card tell the same channels for every tensor, as many as its second axis is long."""
    names = {tensor.name for tensor in contract.tensors}
    if names != set(card.channels):
        raise MismatchedModelError(
            f"The card of {contract.model} tells the channels of {_listed(card.channels)}, its config.pbtxt has the tensors {_listed(names)}."
        )
    for tensor in contract.tensors:
        declared, carded = contract.channels(tensor.name), card.channels[tensor.name]
        if declared != carded:
            raise MismatchedModelError(
                f"The channels of {contract.model}'s {tensor.name} are {' '.join(declared) or 'none'} in its config.pbtxt, {' '.join(carded)} on its card."
            )
        if len(tensor.shape) < 2 or tensor.shape[1] != len(declared):
            raise MismatchedModelError(f"{contract.model}'s {tensor} does not have the {len(declared)} channels of its config.pbtxt as its second axis.")


def check_served(served: Contract, declared: Contract, card: Card) -> None:
    """Raise MismatchedModelError unless what a server tells of a model is what is declared, with the card's weights."""
    for kind, its, ours in (("inputs", served.inputs, declared.inputs), ("outputs", served.outputs, declared.outputs)):
        if sorted(map(str, its)) != sorted(map(str, ours)):
            raise MismatchedModelError(f"The served {declared.model} has the {kind} {_listed(its)}, declared are {_listed(ours)}.")
    for tensor in declared.tensors:
        if served.channels(tensor.name) != declared.channels(tensor.name):
            raise MismatchedModelError(
                f"The served {declared.model} has the channels {' '.join(served.channels(tensor.name)) or 'none'} in {tensor.name}, "
                f"declared are {' '.join(declared.channels(tensor.name))}."
            )
    if served.parameters.get(WEIGHTS) != card.weights_sha256:
        found = served.parameters.get(WEIGHTS, "")[:12] or "none named"
        raise MismatchedModelError(
            f"The served {declared.model} has other weights ({found}) than its card ({card.version}): `stormcycle export` makes them one."
        )


def _listed(names: Any) -> str:
    return ", ".join(sorted(map(str, names))) or "none"
