"""A STAC item for each release, so that catalogues can find it (STAC 1.1 by pystac)."""

from datetime import UTC, datetime
from typing import Any

import pystac

from stormcycle.domain import Domain
from stormcycle.grids import longitudes_latitudes


def item_json(domain: Domain, manifest: dict[str, Any]) -> dict[str, Any]:
    """The STAC item of a release, with links relative to its folder."""
    longitude, latitude = longitudes_latitudes(domain.area)
    west, south, east, north = (float(value) for value in (longitude.min(), latitude.min(), longitude.max(), latitude.max()))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = pystac.Item(
        id=f"{manifest['domain']}-{manifest['cycle_time']}",
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=[west, south, east, north],
        datetime=datetime.fromisoformat(manifest["cycle_time"]).astimezone(UTC),
        properties={
            "title": domain.title,
            "stormcycle:state": manifest["state"],
            "stormcycle:products": manifest["products"],
            "license": "other",
            "stormcycle:licence": domain.licence,
        },
    )
    item.add_asset("store", pystac.Asset("./release.zarr", title="Zarr v3 store, a group a product", media_type="application/vnd.zarr", roles=["data"]))
    item.add_asset("manifest", pystac.Asset("./manifest.json", media_type=pystac.MediaType.JSON, roles=["metadata"]))
    item.add_asset("quicklook", pystac.Asset("./quicklook.png", media_type=pystac.MediaType.PNG, roles=["thumbnail"]))
    item.add_asset("animation", pystac.Asset("./quicklook.gif", media_type="image/gif", roles=["overview"]))
    if "analysis" in manifest["products"]:
        item.add_asset("analysis", pystac.Asset("./analysis.png", media_type=pystac.MediaType.PNG, roles=["overview"]))
    return dict(item.to_dict(include_self_link=False))
