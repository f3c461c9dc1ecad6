"""Pin: list the feeds once, write the list to the cycle's record, take the run's token."""

from stormcycle.cycle import CycleRecord, cycle_folder, failure_kept, json_digest, pinned_record, take_token
from stormcycle.cycle.record import PrefixState
from stormcycle.domain import load_domain
from stormcycle.feeds import list_radar_feed
from stormcycle.radar.quality import read_files
from stormcycle.times import iso, parse_cycle_time
from tasks.models import check_models
from tasks.seam import Hour, log, stage


@stage()
def pin(domain_name: str, cycle_time: str, revise: bool) -> Hour:
    """The hour to work on: its token taken, its inputs pinned (listed again with `revise`)."""
    domain, time = load_domain(domain_name), parse_cycle_time(cycle_time)
    read_files(domain.radar)
    check_models(domain)
    folder = cycle_folder(domain.name, time)

    def listed(revision: int) -> CycleRecord:
        listing = list_radar_feed(domain, time)
        for prefix in listing.prefixes:
            if prefix.state is not PrefixState.SETTLED:
                log.warning("The radar feed of %s at %s: %r of %s is %s.", domain.name, iso(time), prefix.prefix, prefix.site, prefix.state)
        digest = json_digest(domain.radar.feed.model_dump(mode="json"))[:16]
        return CycleRecord(domain.name, iso(time), revision, digest, listing.granules, prefixes=listing.prefixes)

    token = take_token(folder)
    with failure_kept(folder, token, "pin"):
        return Hour(domain.name, iso(time), token, pinned_record(folder, listed, revise).revision)
