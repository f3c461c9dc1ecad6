"""Analysis: the model's state corrected by what the radars summed up, where there is enough of both."""

from stormcycle.background import state_of
from stormcycle.cycle import Reference, load, lookup, save, stage_key
from stormcycle.cycle.digests import file_digest
from stormcycle.domain import Domain, load_domain
from stormcycle.domain.assimilation import Analysis
from stormcycle.grids import nearest_km
from stormcycle.radar.hourly import superobbed
from stormcycle.serving import ServingError, read_card
from stormcycle.states import Degradation
from stormcycle.times import Time
from tasks.seam import Branch, Hour, Product, log, stage

SOURCES = ("stormcycle/assimilation", "stormcycle/networks/radar_operator", "stormcycle/radar/hourly.py", "stormcycle/grids.py", "tasks/analysis.py")

TOLD = ("innovation_rmse", "residual_rmse", "observations", "chi_square", "observation_ratio", "background_error_db", "evaluations", "gradient")


@stage()
def analysis(hour: Hour, radar: Product, model: Branch) -> list[Product]:
    """The product `analysis` of the hour, without a reference where none can be made; none at all for a domain that asks for none."""
    domain = load_domain(hour.domain)
    if domain.analysis is None:
        return []
    background = model.product
    why = _absent(radar, background)
    if why is not None or radar.reference is None or background is None or background.reference is None:
        return [_without(*(why or ("no_background", "There is no background.")))]
    try:
        return [_made(hour, domain, radar.reference, background.reference)]
    except (ValueError, ServingError) as error:  # what an analysis cannot be made of, and weights or errors that cannot be used, in a sentence
        log.warning("No analysis: %s", error)
        return [_without("analysis_impossible", str(error))]


def _absent(radar: Product, background: Product | None) -> tuple[str, str] | None:
    """Which of the two that an analysis needs is not there: a code and a sentence."""
    if radar.reference is None:
        return "no_radar", "No analysis: there is no radar."
    if background is None or background.reference is None:
        return "no_background", "No analysis: there is no background that it could correct."
    if str(background.reference.notes["analysis"]) != "yes":
        return "background_incomplete", f"No analysis: {str(background.reference.notes['analysis']).removeprefix('no: ')}."
    return None


def _made(hour: Hour, domain: Domain, radar: Reference, background: Reference) -> Product:
    assert domain.analysis is not None and domain.background is not None
    card = read_card(domain.analysis.operator)
    sites = [[site.longitude, site.latitude] for site in domain.radar.sites.values()]
    settings = [domain.analysis.model_dump(mode="json"), _errors_digest(domain.analysis, hour.time), card.weights_sha256, card.error_dbz, sites]
    grids = [domain.grid.model_dump(), domain.background.grid.model_dump()]
    key = stage_key("analysis", [radar.digest, background.digest], [*settings, *grids], SOURCES)
    reference = lookup(hour.folder, "analysis", key)
    if reference is None:
        from stormcycle.assimilation.assimilator import assimilator  # torch takes seconds, and is needed for the Jacobian alone
        from stormcycle.assimilation.diagnostics import diagnostics
        from stormcycle.assimilation.product import analysis_product

        area = domain.area_of("analysis")
        fields = load(hour.folder, background)
        observed = superobbed(load(hour.folder, radar)["hourly_sum"].values, domain.area, area)
        assimilate = assimilator(domain, hour.time)
        outcome = assimilate(state_of(fields), observed, nearest_km(area, [(longitude, latitude) for longitude, latitude in sites]))
        figures = diagnostics(outcome, observed)
        product = analysis_product(outcome, fields, observed).assign_attrs({name: float(value) for name, value in figures.items()})
        notes = {"model": domain.analysis.operator, "model_version": card.version, "figures": figures, "clipped": outcome.clipped}
        reference = save(hour.folder, "analysis", key, product.assign_attrs(operator=domain.analysis.operator, operator_version=card.version), notes)
    figures = reference.notes["figures"]
    log.info(
        "analysis: innovation %.1f dB, residual %.1f dB over %d observations, chi-square %.2f, Desroziers' observation ratio %.2f and background error "
        "%.1f dB, %d evaluations, gradient %.1e of the first, %d points of humidity clipped",
        *(figures[name] for name in TOLD),
        reference.notes["clipped"],
    )
    return Product("analysis", reference)


def _errors_digest(settings: Analysis, time: Time) -> str:
    """The digest of the background errors' file, "" where none is named. Raises ValueError for a file that is not there."""
    file = settings.errors_file(time)
    if file is None:
        return ""
    if not file.is_file():
        raise ValueError(f"The background errors {settings.background_errors} are not there; make them with `stormcycle background-errors`.")
    return file_digest(file)


def _without(code: str, sentence: str) -> Product:
    return Product("analysis", None, [Degradation("analysis", code, sentence)])
