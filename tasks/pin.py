"""Pin: list the feeds once, write the list to the cycle's record, take the run's token."""

from stormcycle.cycle import CycleRecord, cycle_folder, json_digest, pinned_record, take_token
from stormcycle.domain import load_domain
from stormcycle.feeds import list_radar_feed
from stormcycle.times import iso, parse_cycle_time
from tasks.seam import Hour, stage


@stage(retries=1)
def pin(domain_name: str, cycle_time: str, revise: bool) -> Hour:
    """The hour to work on: its token taken, its inputs pinned (listed again with `revise`)."""
    domain, time = load_domain(domain_name), parse_cycle_time(cycle_time)
    folder = cycle_folder(domain.name, time)

    def listed(revision: int) -> CycleRecord:
        granules = tuple(list_radar_feed(domain, time))
        return CycleRecord(domain.name, iso(time), revision, json_digest(domain.radar.feed.model_dump(mode="json"))[:16], granules)

    token = take_token(folder)
    return Hour(domain.name, iso(time), token, pinned_record(folder, listed, revise).revision)
