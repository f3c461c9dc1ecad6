"""Export: from weights and cards to what is served. On top of the networks; nothing at run time imports it but commands.

`export_model` makes a model's folder of the served repository (ONNX, FP32) in seconds; `export_half` the FP16 graph;
`build_plans` TensorRT plans on the machine that serves. `stormcycle.export.shipping.ship` writes the sources of a model:
weights.safetensors and CARD.md. Importing this room imports no torch: what is already made is found without it.
"""

from stormcycle.export.errors import ExportError
from stormcycle.export.plans import Plan, build_plans
from stormcycle.export.served import Exported, export_half, export_model

__all__ = ["ExportError", "Exported", "Plan", "build_plans", "export_half", "export_model"]
