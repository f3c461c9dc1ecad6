"""The strict YAML of a domain: what is wrong is said in a sentence with the file and the key."""

from pathlib import Path

import pytest
import yaml
from house import SMALL

from stormcycle.domain import SHIPPED, DomainError, domain_names, load_domain, parse_domain


def changed(**values: object) -> str:
    """The small domain with other values; a dotted key goes into a section (`grid__shape`)."""
    raw = yaml.safe_load(SMALL)
    for key, value in values.items():
        *sections, last = key.split("__")
        place = raw
        for section in sections:
            place = place[section]
        place[last] = value
    return yaml.safe_dump(raw)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"radar__quality__max_rnage_km": 100}, "radar.quality.max_rnage_km"),
        ({"step_minutes": 7}, "step_minutes"),
        ({"grid__shape": [96]}, "grid.shape.1"),
        ({"grid__resolution_m": -1}, "grid.resolution_m"),
        ({"grid__resolution_m": "wide"}, "grid.resolution_m"),
        ({"radar__sites": {}}, "radar.sites"),
        ({"radar__sites__simli__latitude": 91}, "radar.sites.simli.latitude"),
        ({"radar__moments": ["velocity"]}, "radar.moments.0"),
        ({"radar__moments": ["zdr"]}, "radar.moments"),
        ({"name": "../etc"}, "name"),
        ({"title": "  "}, "title"),
        ({"providers": []}, "providers"),
        ({"nowcast__members": 1}, "nowcast.members"),
        ({"zr": {"a": 0}}, "zr.a"),
        ({"schedule": {"minute": 60}}, "schedule.minute"),
        ({"radar__quality__speckle": {"least_gates": 1}}, "radar.quality.speckle.least_gates"),
        ({"radar__quality__speckle": {"least": 4}}, "radar.quality.speckle.least"),
        ({"radar__quality__beam_blockage": {}}, "radar.quality.beam_blockage.terrain"),
        ({"radar__quality__non_meteorological": {"least_rhohv": 1.5}}, "radar.quality.non_meteorological.least_rhohv"),
        ({"radar__cappi_height_m": 0}, "radar.cappi_height_m"),
        ({"radar__feed__layout": "tape"}, "radar.feed.layout"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_key(change: dict[str, object], key: str):
    with pytest.raises(DomainError) as refused:
        parse_domain(changed(**change), "small.yaml")
    assert str(refused.value).startswith("small.yaml is not a valid domain: ")
    assert f" {key}: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_complaint_is_told_at_once():
    with pytest.raises(DomainError) as refused:
        parse_domain(changed(step_minutes=7, title=""), "small.yaml")
    assert {"step_minutes", "title"} <= set(str(refused.value).replace(":", " ").split())


def test_a_missing_section_is_named():
    raw = yaml.safe_load(SMALL)
    del raw["grid"]
    with pytest.raises(DomainError, match=r"small\.yaml .*grid: Field required"):
        parse_domain(yaml.safe_dump(raw), "small.yaml")


@pytest.mark.parametrize(
    ("text", "says"), [("a: [1, 2", "is not YAML"), ("key: \x07", "is not YAML"), ("", "holds no mapping"), ("- a\n- b", "holds no mapping")]
)
def test_what_is_no_mapping_or_no_yaml_is_refused_in_one_line(text: str, says: str):
    with pytest.raises(DomainError, match=f"odd.yaml {says}") as refused:
        parse_domain(text, "odd.yaml")
    assert "\n" not in str(refused.value)


def test_yaml_cannot_make_objects():
    with pytest.raises(DomainError, match="is not YAML"):
        parse_domain("!!python/object/apply:os.getcwd []", "odd.yaml")


PACKED = {"file": "s.nc", "first_frame_time": "2015-07-12T00:00Z", "step_minutes": 6}


@pytest.mark.parametrize(
    ("layout", "packed", "key"),
    [
        ("packed-sequence", None, "radar.feed.packed"),
        ("packed-sequence", PACKED, "radar.feed.packed.disc_radius_px"),
        ("packed-sweeps", PACKED | {"disc_radius_px": 146}, "radar.feed.packed.elevation_deg"),
        ("odim-scans", None, "radar.feed.scans_per_volume"),
    ],
)
def test_a_layout_that_needs_more_keys_says_which(layout: str, packed: dict[str, object] | None, key: str):
    with pytest.raises(DomainError, match=f"radar.feed.layout {layout} needs {key}\\b"):
        parse_domain(changed(radar__feed__layout=layout, radar__feed__packed=packed), "small.yaml")


def test_a_step_of_quality_control_is_done_when_it_is_named_with_its_defaults():
    steps = ("non_meteorological", "static_clutter", "speckle", "attenuation")
    named = parse_domain(changed(**{f"radar__quality__{step}": {} for step in steps}), "small.yaml").radar.quality
    assert all(getattr(named, step) is not None for step in steps)
    bare = parse_domain(SMALL, "small.yaml").radar.quality
    assert all(getattr(bare, step) is None for step in (*steps, "beam_blockage", "outlier_mask"))


def test_a_domain_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        parse_domain(SMALL, "small.yaml").title = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", [path.stem for path in sorted(SHIPPED.glob("*.yaml"))])
def test_every_shipped_domain_loads_and_its_sites_lie_in_its_grid(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("STORMCYCLE_DOMAINS", raising=False)
    domain = load_domain(name)
    assert domain.area.shape == domain.grid.shape
    for site in domain.radar.sites.values():
        column, row = domain.area.get_array_indices_from_lonlat(site.longitude, site.latitude)  # raises outside
        assert 0 <= row < domain.grid.shape[0]
        assert 0 <= column < domain.grid.shape[1]


def test_an_unknown_domain_is_refused_with_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(tmp_path))
    with pytest.raises(DomainError, match="no domain 'small'; known are: none"):
        load_domain("small")
    (tmp_path / "small.yaml").write_text(SMALL)
    assert domain_names() == ["small"]
    assert load_domain("small").step_minutes == 6
    with pytest.raises(DomainError, match=r"no domain '\.\./small'; known are: small"):
        load_domain("../small")


def test_a_file_with_another_domains_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(tmp_path))
    (tmp_path / "large.yaml").write_text(SMALL)
    with pytest.raises(DomainError, match=r"large\.yaml says name: small"):
        load_domain("large")


@pytest.mark.parametrize(("change", "key"), [({"grid__projection": "+proj=banana"}, "grid.projection"), ({"grid__shape": [0, -5]}, "grid.shape")])
def test_a_grid_that_cannot_be_made_is_named(change: dict[str, object], key: str):
    with pytest.raises(DomainError, match=key):
        parse_domain(changed(**change), "small.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORMCYCLE_DOMAINS", str(tmp_path))
    (tmp_path / "small.yaml").write_bytes(SMALL.encode().replace(b"A small", b"\xc5 small"))
    with pytest.raises(DomainError, match=r"small\.yaml"):
        load_domain("small")
