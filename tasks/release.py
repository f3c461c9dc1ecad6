"""Release: assemble the products, write and check the store, publish it, move the pointer, tell the status."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyproj import Transformer

from stormcycle import __version__
from stormcycle.cycle import check_token, json_digest, load, read_record, stage_key
from stormcycle.cycle.files import json_bytes, temporary_beside
from stormcycle.domain import Domain, load_domain
from stormcycle.gates import verdict
from stormcycle.home import expand, home
from stormcycle.release.analysis_picture import draw_analysis
from stormcycle.release.catalogue import item_json
from stormcycle.release.contract import CONVENTIONS, dressed
from stormcycle.release.contract import products as product_names
from stormcycle.release.publishing import Published, announce, find_published, publish
from stormcycle.release.quicklook import draw_animation, draw_notice, draw_quicklook
from stormcycle.release.store import read_product, release_digest, write_store
from stormcycle.release.targets import Target, open_target
from stormcycle.states import Degradation, HourState
from stormcycle.times import iso, now, parse_time
from tasks.artifacts import show_picture, show_text
from tasks.feed_health import health_of_feeds
from tasks.seam import Hour, Item, Product, log, stage

SOURCES = ("stormcycle/release", *(f"schemas/releases/{name}.json" for name in product_names()))


@dataclass(frozen=True)
class Outcome:
    """How a cycle ended: its state, where its release is, why it is degraded, whether this run made it."""

    state: HourState
    url: str
    quicklook: str
    version: int
    digest: str
    degraded: tuple[Degradation, ...]
    new: bool


def target_of(domain: Domain) -> Target:
    """The release target of a domain."""
    return open_target(root_of(domain), domain.release.storage_options)


def root_of(domain: Domain) -> str:
    """Where a domain's releases lie: what it says (a path or an S3 URL), else $STORMCYCLE_HOME/releases."""
    return expand(domain.release.root) if domain.release.root else str(home() / "releases")


def outcome_of(target: Target, published: Published) -> Outcome:
    """A published release as an outcome."""
    manifest = published.manifest
    reasons = tuple(Degradation(**reason) for reason in manifest["degraded"])
    quicklook = target.url(f"{published.path}/quicklook.png")
    return Outcome(HourState(manifest["state"]), published.url, quicklook, published.version, manifest["digest"], reasons, published.new)


@stage()
def released(domain_name: str, cycle_time: str) -> Outcome | None:
    """The newest release of an hour, or None."""
    domain = load_domain(domain_name)
    target = target_of(domain)
    published = find_published(target, domain_name, parse_time(cycle_time))
    if published is None:
        return None
    announce(target, published, now(), domain.schedule.minute)  # a run that died between publishing and this
    return outcome_of(target, published)


@stage(retries=1)
def release(hour: Hour, items: list[Item], products: list[Product]) -> Outcome:
    """Publish the hour's products; a release with the same digest that is there already is returned instead."""
    domain = load_domain(hour.domain)
    target = target_of(domain)
    check_token(hour.folder, hour.token)
    staged, manifest = _staged(hour, domain, items, products)

    def check(url: str, digest: str) -> None:
        written = {name: read_product(url, name, domain.release.storage_options or None) for name in manifest["products"]}
        if release_digest(written) != digest:
            raise RuntimeError(f"The release written at {url} is not what was staged; it was not published. Run the cycle again.")
        check_token(hour.folder, hour.token)

    published = publish(target, hour.domain, hour.time, staged, {**manifest, "published_at": iso(now())}, check)
    announce(target, published, now(), domain.schedule.minute, health_of_feeds(hour.domain, hour.time, read_record(hour.folder, hour.revision)))
    outcome = outcome_of(target, published)
    for reason in outcome.degraded:
        log.warning("degraded: %s: %s", reason.product, reason.detail)
    _show(hour, outcome)
    show_picture(f"quicklook-{hour.domain}", staged / "quicklook.png", f"{hour.domain} {hour.cycle_time}: observed and expected")
    return outcome


def _staged(hour: Hour, domain: Domain, items: list[Item], products: list[Product]) -> tuple[Path, dict[str, Any]]:
    """The release as it will be published, in the work store: the folder, and its manifest without wall times."""
    degraded = [reason.as_dict() for product in products for reason in product.degraded]
    made = {product.name: product.reference for product in products if product.reference is not None}
    inputs = [
        {
            "key": item.granule.key,
            "site": item.granule.site,
            "size": item.granule.size,
            "sha256": item.granule.sha256,
            "state": str(item.state),
            "note": item.note,
        }
        for item in items
    ]
    key = stage_key(
        "release", [f"{name}:{reference.digest}" for name, reference in sorted(made.items())], [domain.model_dump(mode="json"), degraded, inputs], SOURCES
    )
    folder = hour.folder / "release" / key
    state = HourState.DEGRADED if degraded else HourState.COMPLETE
    fields = {name: dressed(name, load(hour.folder, reference), domain, hour.cycle_time) for name, reference in made.items()}
    digest = release_digest(fields)
    manifest = {
        "manifest_version": 1,
        "domain": hour.domain,
        "cycle_time": hour.cycle_time,
        "state": str(state),
        "degraded": degraded,
        "products": [name for name in product_names() if name in made],
        "digest": digest,
        "inputs": inputs,
        "models": [
            {"product": name, "name": reference.notes["model"], "version": reference.notes["model_version"]}
            for name, reference in sorted(made.items())
            if "model" in reference.notes
        ],
        "gates": [
            *(verdict(item.granule.key, item.gates) for item in items if item.gates),
            *(verdict(product.name, product.gates) for product in products if product.gates),
        ],
        "decisions": [decision for product in products for decision in product.decisions],
        "configuration_digest": json_digest(domain.model_dump(mode="json")),
        "providers": list(domain.providers),
        "licence": domain.licence,
    }
    if not folder.is_dir():
        building = temporary_beside(folder)
        tree = building / "tree"
        tree.mkdir(parents=True)
        write_store(fields, tree / "release.zarr", _root_attributes(domain, manifest))
        attributes = shown_attributes(domain, state, degraded)
        if "radar" in fields:
            shown = {name: values.assign_attrs(attributes) for name, values in fields.items()}
            draw_quicklook(shown, tree / "quicklook.png")
            draw_animation(shown, tree / "quicklook.gif")
        else:
            draw_notice({**attributes, "domain": hour.domain, "cycle_time": hour.cycle_time}, tree / "quicklook.png", tree / "quicklook.gif")
        if "analysis" in fields:
            draw_analysis(fields["analysis"].assign_attrs(attributes), tree / "analysis.png")
        (tree / "item.json").write_bytes(json_bytes(item_json(domain, manifest)))
        _keep(building, folder)
    return folder / "tree", manifest


def _root_attributes(domain: Domain, manifest: dict[str, Any]) -> dict[str, Any]:
    """What the store says of itself as a whole, as far as it is the same for every run that makes it."""
    return {
        "Conventions": CONVENTIONS,
        "title": domain.title,
        "source": f"stormcycle {__version__}",
        "degraded": "; ".join(reason["code"] for reason in manifest["degraded"]),
        **{key: manifest[key] for key in ("domain", "cycle_time", "state", "products", "digest", "providers", "licence")},
    }


def _keep(building: Path, folder: Path) -> None:
    """Give a staged release its name; where a racing run has staged the same, that one stays."""
    try:
        building.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(building)


def shown_attributes(domain: Domain, state: str, degraded: list[dict[str, str]]) -> dict[str, str]:
    """What the pictures say beside the fields: title, state, reasons, sites."""
    to_grid = Transformer.from_crs("EPSG:4326", domain.area.crs, always_xy=True)
    sites = {name: list(to_grid.transform(site.longitude, site.latitude)) for name, site in domain.radar.sites.items()}
    return {"title": domain.title, "state": str(state), "degraded": "; ".join(reason["detail"] for reason in degraded), "sites": json.dumps(sites)}


def _show(hour: Hour, outcome: Outcome) -> None:
    reasons = [f"- `{reason.code}` ({reason.product}): {reason.detail}" for reason in outcome.degraded] or ["- none"]
    lines = [
        f"# {hour.domain} {hour.cycle_time}: {outcome.state}",
        "",
        f"- store: `{outcome.url}`",
        f"- quicklook: `{outcome.quicklook}`",
        f"- digest: `{outcome.digest}`",
        "- gates: the tables `gates-fields` and `gates-products` beside the run, and the manifest",
        "",
        "## Degraded because",
        *reasons,
    ]
    show_text(f"release-{hour.domain}", "\n".join(lines), f"Release of {hour.domain} {hour.cycle_time}")
