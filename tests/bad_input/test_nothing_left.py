"""An hour of which the gates left nothing: released, degraded, with no product, so that it is not silently lost."""

import json
from pathlib import Path

from house import FIRST, House

from stormcycle.states import Degradation
from tasks.decode import decode
from tasks.fetch import fetch
from tasks.gate import gate_fields
from tasks.pin import pin
from tasks.release import release
from tasks.seam import Product


def test_an_hour_without_any_product_is_released_and_says_why(house: House) -> None:
    hour = pin("small", FIRST, False)
    items = gate_fields(hour, [item for item in decode(hour, fetch(hour)) if not item.usable])
    blocked = [Product(name, None, [Degradation(name, "gate_blocked", "A limit was broken.")]) for name in ("radar", "nowcast", "probability")]
    made = release(hour, items, blocked)
    assert made.state == "degraded"
    assert [reason.code for reason in made.degraded] == ["gate_blocked"] * 3
    manifest = json.loads((Path(made.url).parent / "manifest.json").read_text())
    assert manifest["products"] == []
    assert Path(made.quicklook).stat().st_size > 1000
