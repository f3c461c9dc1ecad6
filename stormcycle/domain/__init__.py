"""The strict YAML of a domain: every key is known, every error is a sentence with the file and the key.

`loading` finds and reads it, `whole` is the domain, `radar` and `satellite` are its branches, `feeds` where granules lie.
"""

from stormcycle.domain.feeds import Feed, ImagerFeed, LightningFeed, ModelFeed, PackedSequence, RadarFeed
from stormcycle.domain.loading import SHIPPED, DomainError, domain_names, domains_folder, load_domain, parse_domain
from stormcycle.domain.radar import Attenuation, BeamBlockage, NonMeteorological, OutlierMask, Quality, Radar, Site, Speckle, StaticClutter
from stormcycle.domain.satellite import Background, Imager, Lightning, Satellite
from stormcycle.domain.sections import Grid
from stormcycle.domain.whole import ZR, Domain, Nowcast, Simulation

__all__ = [
    "SHIPPED",
    "ZR",
    "Attenuation",
    "Background",
    "BeamBlockage",
    "Domain",
    "DomainError",
    "Feed",
    "Grid",
    "Imager",
    "ImagerFeed",
    "Lightning",
    "LightningFeed",
    "ModelFeed",
    "NonMeteorological",
    "Nowcast",
    "OutlierMask",
    "PackedSequence",
    "Quality",
    "Radar",
    "RadarFeed",
    "Satellite",
    "Simulation",
    "Site",
    "Speckle",
    "StaticClutter",
    "domain_names",
    "domains_folder",
    "load_domain",
    "parse_domain",
]
