"""`make tensorrt-check`: TensorRT's parser and ahead-of-time builder on every model's FP16 graph; docs/tensorrt.md."""

import tempfile
from importlib.metadata import version
from pathlib import Path

from flows.studies.tables import markdown
from stormcycle.export import ExportError
from stormcycle.export.engines import LARGEST, SMALLEST, USUAL
from stormcycle.export.parser_check import parser_check
from stormcycle.serving import nowcast_names, read_card

DOCUMENT = Path(__file__).parents[2] / "docs" / "tensorrt.md"


def main() -> None:
    """Build every model for every target and write the document; exit 1 after it when a model was built for no GPU."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            checked = parser_check(nowcast_names(), Path(folder))
    except ExportError as error:
        raise SystemExit(str(error)) from None
    rows = [
        {
            "model": row.model,
            "weights": read_card(row.model).version,
            "target": row.target,
            "FP16 graph, MB": f"{row.graph_bytes / 1e6:.2f}",
            "rows and columns": f"{row.sizes[0]} to {row.sizes[2]}" if row.sizes[0] < row.sizes[2] else f"{row.sizes[0]} alone" if row.sizes[0] else "none",
            "seconds": f"{row.seconds:.1f}" if row.engine_bytes else "",
            "engine, MB": f"{row.engine_bytes / 1e6:.1f}" if row.engine_bytes else "",
            "what it says": row.refusal,
        }
        for row in checked
    ]
    lines = [
        "# TensorRT's parser on the FP16 graphs",
        "",
        f"Made by `make tensorrt-check`, without a GPU: tensorrt-rtx {version('tensorrt-rtx')} parses every model's FP16 graph, strongly typed, and builds an",
        f"engine ahead of time for each generation of GPUs that it knows, for one field of {SMALLEST} to {LARGEST} rows and columns, tuned for {USUAL};",
        f"where the builder fails at that, for one of {USUAL} alone, and the last column tells what it said.",
        "",
        "It proves that the parser takes the graph, nothing more. Nothing is run, so it says nothing of speed or drift on a GPU; an engine of TensorRT-RTX is",
        "not the plan that Triton's TensorRT backend loads: that one is built by `stormcycle build-plans` on the machine that serves, and was never built or",
        "run here. A repeated build differs in some bytes.",
        "",
        *markdown(rows),
    ]
    DOCUMENT.write_text("\n".join(lines) + "\n")
    refused = {row.model for row in checked} - {row.model for row in checked if row.engine_bytes}
    if refused:
        raise SystemExit(f"TensorRT builds {', '.join(sorted(refused))} for no GPU; {DOCUMENT.name} says why.")


if __name__ == "__main__":
    main()
