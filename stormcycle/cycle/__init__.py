"""What a cycle is: its record of pinned inputs, its work store keyed by what made each thing, its fencing token.

A cycle is a function of the domain's configuration, the cycle time, the pinned inputs, the versions of the models and
the decisions of the run. What is done is decided here, by keys, never by the orchestrator's states.
"""

from stormcycle.cycle.digests import dataset_digest, json_digest
from stormcycle.cycle.record import CycleRecord, Granule, newest_record, pinned_record, read_record
from stormcycle.cycle.token import LostToken, check_token, failure_kept, take_token
from stormcycle.cycle.workstore import Reference, cycle_folder, load, lookup, save, stage_key

__all__ = [
    "CycleRecord",
    "Granule",
    "LostToken",
    "Reference",
    "check_token",
    "cycle_folder",
    "dataset_digest",
    "failure_kept",
    "json_digest",
    "load",
    "lookup",
    "newest_record",
    "pinned_record",
    "read_record",
    "save",
    "stage_key",
    "take_token",
]
