"""`make samples`: every radar file of the samples, what reads it, its state and why; docs/radar_samples.md."""

import os
from collections import defaultdict
from pathlib import Path

from rich.progress import track

from flows.studies.tables import markdown
from stormcycle.inspection import EXIT_CODES, inspect_file

DOCUMENT = Path(__file__).parents[2] / "docs" / "radar_samples.md"


def main() -> None:
    """Inspect every file and write the document."""
    folder = Path(os.environ["STORMCYCLE_DATA"]) / "radar"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".json", ".md"))
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for file in track(files, "files"):
        found = inspect_file(file)
        what = ", ".join(str(found.figures[key]) + f" {key}" for key in ("sweeps", "rays", "frames") if key in found.figures)
        rows[file.parent.name].append(
            {
                "file": file.name,
                "kind": found.kind,
                "reader": found.figures.get("reader", "none"),
                "state": found.state,
                "exit": EXIT_CODES[found.state],
                "holds": ": ".join(part for part in (what, ", ".join(found.figures.get("moments", []))) if part),
                "why": " ".join(found.notes) or "whole",
            }
        )
    lines = [
        "# What reads which radar file",
        "",
        "Made by `make samples`: `stormcycle inspect` of every radar sample. The reader is chosen in stormcycle/radar/decode.py: xradar first, Py-ART where",
        "xradar cannot read. A cut volume that its reader accepts is `partial`, found by its last radial, its cuts, its rays; `unknown` is a readable file",
        "that is no granule of ours.",
    ]
    for name, those in rows.items():
        lines += ["", f"## {name}", "", *markdown(those)]
    DOCUMENT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
