"""Pin: list the feeds once, write the list to the cycle's record, take the run's token."""

from stormcycle.cycle import CycleRecord, cycle_folder, failure_kept, json_digest, pinned_record, take_token
from stormcycle.cycle.record import PrefixState, newest_record
from stormcycle.domain import load_domain
from stormcycle.feeds import Listing, list_feeds
from stormcycle.radar.quality import read_files
from stormcycle.times import iso, parse_cycle_time
from tasks.artifacts import show_table
from tasks.feed_health import health_of_feeds
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
        feeds = list_feeds(domain, time)
        listings = [listing for _, listing in feeds]
        for prefix in (prefix for listing in listings for prefix in listing.prefixes if prefix.state is not PrefixState.SETTLED):
            log.warning("The %s feed of %s at %s: %r of %s is %s.", prefix.feed, domain.name, iso(time), prefix.prefix, prefix.site, prefix.state)
        digest = json_digest([wanted.feed.model_dump(mode="json") for wanted, _ in feeds])[:16]
        before = newest_record(folder)
        if before is not None and before.listing == digest:
            listings = [_as_before(listing, before) for listing in listings]
        granules = tuple(granule for listing in listings for granule in listing.granules)
        return CycleRecord(domain.name, iso(time), revision, digest, granules, prefixes=tuple(prefix for listing in listings for prefix in listing.prefixes))

    token = take_token(folder)
    with failure_kept(folder, token, "pin"):
        record = pinned_record(folder, listed, revise)
        show_table(f"feeds-{domain.name}", health_of_feeds(domain.name, time, record), f"Feeds of {domain.name} {iso(time)}")
        return Hour(domain.name, iso(time), token, record.revision)


def _as_before(listing: Listing, before: CycleRecord) -> Listing:
    """A feed that cannot be listed now holds what it held when it was pinned before: an outage takes nothing from a release."""
    feeds = {prefix.feed for prefix in listing.prefixes if prefix.state is PrefixState.UNREACHABLE}
    if not feeds:
        return listing
    prefixes = tuple(prefix for prefix in before.prefixes if prefix.feed in feeds)
    return Listing(tuple(granule for granule in before.granules if granule.feed in feeds), prefixes or listing.prefixes)
