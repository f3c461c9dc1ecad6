"""The record of a cycle: listed once, read ever after; a revision only when the inputs changed."""

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from stormcycle.cycle import CycleRecord, Granule, newest_record, pinned_record
from stormcycle.cycle.record import Prefix, PrefixState, read_record
from stormcycle.states import GranuleState

GRANULES = (
    Granule("radar", "2015/a.h5", "seang", 10, "ab", "2015-07-12T00:54:00Z"),
    Granule("radar", "2015/b.h5", "seang", 11, "cd", None, GranuleState.PARTIAL, ("a note",)),
    Granule("lightning", "2015/a.h5", "", 12, "ef", "2015-07-12T01:00:00Z", GranuleState.MISSING),
)


class Feeds:
    """Feeds that count how often they were listed."""

    def __init__(self, *granules: Granule) -> None:
        self.granules, self.listings = granules, 0

    def listed(self, revision: int) -> CycleRecord:
        self.listings += 1
        return CycleRecord("small", "2015-07-12T01:00:00Z", revision, "settings", self.granules)


def test_the_feeds_are_listed_once_and_the_record_reads_back_as_it_was(tmp_path: Path):
    feeds = Feeds(*GRANULES)
    first = pinned_record(tmp_path, feeds.listed, revise=False)
    feeds.granules = ()
    assert pinned_record(tmp_path, feeds.listed, revise=False) == first == newest_record(tmp_path)
    assert feeds.listings == 1
    assert first.granules == GRANULES
    assert first.granules[1].state is GranuleState.PARTIAL
    assert first.revision == 1


def test_before_the_first_run_there_is_no_record(tmp_path: Path):
    assert newest_record(tmp_path / "none") is None


def test_revising_unchanged_feeds_changes_nothing(tmp_path: Path):
    feeds = Feeds(*GRANULES)
    first = pinned_record(tmp_path, feeds.listed, revise=False)
    feeds.granules = tuple(reversed(GRANULES))  # in another order, the same inputs
    assert pinned_record(tmp_path, feeds.listed, revise=True) == first
    assert feeds.listings == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_revising_changed_feeds_adds_a_revision_and_keeps_the_old(tmp_path: Path):
    feeds = Feeds(*GRANULES)
    pinned_record(tmp_path, feeds.listed, revise=False)
    for number in range(2, 12):  # past 10: revisions are numbers, not words
        feeds.granules = (*GRANULES, replace(GRANULES[0], key=f"late-{number}.h5"))
        assert pinned_record(tmp_path, feeds.listed, revise=True).revision == number
    newest = newest_record(tmp_path)
    assert newest is not None
    assert (newest.revision, newest.granules[-1].key) == (11, "late-11.h5")
    assert len(list(tmp_path.glob("record-*.json"))) == 11


def test_of_two_racing_runs_both_read_what_the_first_wrote(tmp_path: Path):
    slow, quick = Feeds(*GRANULES[:1]), Feeds(*GRANULES)

    def overtaken(revision: int) -> CycleRecord:
        listed = slow.listed(revision)
        pinned_record(tmp_path, quick.listed, revise=False)  # another run pins while this one lists
        return listed

    assert pinned_record(tmp_path, overtaken, revise=False).granules == GRANULES


@given(st.permutations(GRANULES))
def test_the_order_of_a_listing_does_not_count(granules: list[Granule]):
    def digest(*items: Granule) -> str:
        return CycleRecord("d", "t", 1, "l", items).inputs_digest

    assert digest(*granules) == digest(*GRANULES)
    for changed in ({"size": 99}, {"sha256": "00"}, {"state": GranuleState.LATE}, {"valid_time": "2000-01-01T00:00:00Z"}, {"key": "z"}, {"notes": ("x",)}):
        assert digest(replace(granules[0], **changed), *granules[1:]) != digest(*GRANULES)


def test_what_was_listed_counts_and_the_revision_does_not():
    base = CycleRecord("d", "t", 1, "l", GRANULES)
    assert replace(base, listing="other").inputs_digest != base.inputs_digest
    assert replace(base, revision=2).inputs_digest == base.inputs_digest


def test_how_the_listing_went_and_when_granules_came_is_kept_and_does_not_count(tmp_path: Path):
    base = CycleRecord("d", "t", 1, "l", GRANULES)
    prefixes = (Prefix("seang", "2015", PrefixState.GROWING, 2), Prefix("sehem", "2015", PrefixState.MISSING, 0))
    came = replace(base, granules=(replace(GRANULES[0], arrived="2015-07-12T00:59:00Z"), *GRANULES[1:]), prefixes=prefixes)
    assert came.inputs_digest == base.inputs_digest
    kept = pinned_record(tmp_path, lambda revision: came, revise=False)
    assert (kept, kept.prefixes[0].state is PrefixState.GROWING) == (came, True)


def test_a_record_of_before_there_were_prefixes_is_read(tmp_path: Path):
    pinned_record(tmp_path, lambda revision: CycleRecord("d", "t", 1, "l", GRANULES), revise=False)
    raw = json.loads((tmp_path / "record-1.json").read_text())
    del raw["prefixes"]
    for granule in raw["granules"]:
        del granule["arrived"]
    (tmp_path / "record-1.json").write_text(json.dumps(raw))
    assert read_record(tmp_path, 1).granules == GRANULES
