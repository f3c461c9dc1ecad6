"""Volumes cut by moment, as CHMI publishes them: an ODIM_H5 file a moment, each sweep with one /data1."""

from pathlib import Path

import h5py


def cut(whole: Path, folder: Path, quantity: str) -> Path:
    """A file with one moment (an ODIM quantity) of a volume."""
    path = folder / f"{whole.stem}-{quantity}"
    with h5py.File(whole, "r") as source, h5py.File(path, "w") as file:
        for name in source:
            if not name.startswith("dataset"):
                source.copy(name, file)
                continue
            group = file.create_group(name)
            for part in source[name]:
                if not part.startswith("data"):
                    source.copy(f"{name}/{part}", group)
                elif source[f"{name}/{part}/what"].attrs["quantity"] == quantity.encode():
                    source.copy(f"{name}/{part}", group, name="data1")
    return path
