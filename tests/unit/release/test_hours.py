"""Every hour of the last day by one of five words, told from releases and work store alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from house import SMALL

from stormcycle.cycle import cycle_folder, failure_kept, take_token
from stormcycle.domain import Domain, parse_domain
from stormcycle.release.hours import NO_WORD, Hour, hour_of, last_day
from stormcycle.release.targets import DiskTarget
from stormcycle.times import HOUR, hour_folder, iso

ROOT = Path(__file__).parents[3]
NOON = np.datetime64("2026-07-01T12:00:00", "s")
TAKES = (
    "import sys; from pathlib import Path; from stormcycle.cycle import take_token; take_token(Path(sys.argv[1])); print('taken', flush=True); sys.stdin.read()"
)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskTarget:
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path))
    return DiskTarget(str(tmp_path / "releases"))


def domain(**schedule: object) -> Domain:
    return parse_domain(yaml.safe_dump({**yaml.safe_load(SMALL), "schedule": schedule}), "small.yaml")


def release(target: DiskTarget, time: np.datetime64, version: int = 1, *details: str) -> None:
    degraded = [{"product": "radar", "code": "radar_missing", "detail": detail} for detail in details]
    manifest = {"state": "degraded" if details else "complete", "degraded": degraded}
    assert target.create(f"small/{hour_folder(time)}/v{version}/manifest.json", json.dumps(manifest).encode())


def begun(time: np.datetime64) -> "subprocess.Popen[str]":
    """A process that has taken the token of an hour and goes on living until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKES, str(cycle_folder("small", time))], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    return process


def fail(time: np.datetime64, stage: str, error: Exception) -> None:
    folder = cycle_folder("small", time)
    with pytest.raises(type(error)), failure_kept(folder, take_token(folder), stage):
        raise error


def test_each_of_the_five_words_is_said_of_the_hour_that_deserves_it(target: DiskTarget) -> None:
    release(target, NOON)
    release(target, NOON + HOUR, 1)
    release(target, NOON + HOUR, 2, "simpa is missing.")
    fail(NOON + 2 * HOUR, "fetch", OSError("the feed is\n  down"))
    running = begun(NOON + 3 * HOUR)
    hours = last_day(target, domain(minute=8), NOON + 5 * HOUR - np.timedelta64(1, "s"))
    running.communicate()
    assert hours[-5:] == [
        Hour("2026-07-01T12:00:00Z", "complete", 1),
        Hour("2026-07-01T13:00:00Z", "degraded", 2, ("radar: simpa is missing.",)),
        Hour("2026-07-01T14:00:00Z", "failed", None, ("fetch: the feed is down",)),
        Hour("2026-07-01T15:00:00Z", "running"),
        Hour("2026-07-01T16:00:00Z", "missing", None, ("No run has begun it.",)),
    ]
    assert [hour.cycle_time for hour in hours] == [iso(NOON + back * HOUR) for back in range(-19, 5)]
    assert {hour.state for hour in hours[:-5]} == {"missing"}


@pytest.mark.parametrize(("until", "last"), [("13:12:59", "12:00:00"), ("13:13:00", "13:00:00"), ("13:59:59", "13:00:00"), ("14:00:00", "13:00:00")])
def test_an_hour_is_missed_some_minutes_after_its_schedule_and_not_before(target: DiskTarget, until: str, last: str) -> None:
    assert last_day(target, domain(minute=8), np.datetime64(f"2026-07-01T{until}", "s"))[-1].cycle_time == f"2026-07-01T{last}Z"


def test_an_hour_that_is_not_due_is_told_when_a_run_has_begun_it(target: DiskTarget) -> None:
    fail(NOON, "pin", OSError("no bucket"))
    assert last_day(target, domain(minute=8), NOON)[-1] == Hour("2026-07-01T12:00:00Z", "failed", None, ("pin: no bucket",))


def test_a_recorded_event_owes_no_hour(target: DiskTarget) -> None:
    release(target, NOON)
    assert last_day(target, domain(active=False), NOON + 5 * HOUR) == [Hour("2026-07-01T12:00:00Z", "complete", 1)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_has_failed_even_while_nobody_asked_how_it_ended(target: DiskTarget, how: signal.Signals) -> None:
    process = begun(NOON)
    assert hour_of(target, "small", NOON).state == "running"
    process.send_signal(how)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays in the table of processes
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert hour_of(target, "small", NOON) == Hour("2026-07-01T12:00:00Z", "failed", None, (NO_WORD,))
    process.communicate()
    assert hour_of(target, "small", NOON).reasons == (NO_WORD,)


def test_a_stopped_run_still_runs(target: DiskTarget) -> None:
    process = begun(NOON)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert hour_of(target, "small", NOON).state == "running"
    process.kill()
    process.communicate()


def spoilt(time: np.datetime64, **changes: object) -> None:
    """Take a token in this process and rewrite what it says of its holder."""
    path = cycle_folder("small", time) / "tokens" / f"{take_token(cycle_folder('small', time)):06d}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_number_that_another_process_got_since_is_not_the_run(target: DiskTarget) -> None:
    spoilt(NOON)
    assert hour_of(target, "small", NOON).state == "running"
    spoilt(NOON, process_start=psutil.Process().create_time() - 3600)
    assert hour_of(target, "small", NOON).state == "failed"


def test_a_run_of_another_machine_is_judged_by_its_age(target: DiskTarget) -> None:
    spoilt(NOON, host="elsewhere", pid=2**22 + 1)
    assert hour_of(target, "small", NOON).state == "running"
    spoilt(NOON, host="elsewhere", taken_at="2026-07-01T12:08:00Z")
    assert hour_of(target, "small", NOON).state == "failed"


def test_a_token_that_says_nothing_of_its_holder_is_of_no_living_run(target: DiskTarget) -> None:
    folder = cycle_folder("small", NOON) / "tokens"
    folder.mkdir(parents=True)
    (folder / "000001.json").write_text('{"pid": 1}')
    assert hour_of(target, "small", NOON).state == "failed"


def test_a_run_that_follows_a_failed_one_decides(target: DiskTarget) -> None:
    fail(NOON, "fetch", OSError("the feed is down"))
    process = begun(NOON)
    assert hour_of(target, "small", NOON) == Hour("2026-07-01T12:00:00Z", "running")
    process.communicate()
    release(target, NOON)
    assert hour_of(target, "small", NOON).state == "complete"
