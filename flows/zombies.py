"""Zombies: flow runs that say `Running` for ever, as their process died and nobody was left to tell.

An automation of the Prefect server ends them: a run beats every HEARTBEAT_S, and one that has been silent for SILENCE_S
becomes Crashed, which an operator can retry. It may be wrong (a process can be stopped and go on later): the fencing
token, not this, keeps such a run from publishing.
"""

from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "zombies"
HEARTBEAT_S = 30
"""The shortest that Prefect allows. A flow run takes it from PREFECT_FLOWS_HEARTBEAT_FREQUENCY, whose default is 180."""
SILENCE_S = 120
"""Four heartbeats, as one or two may be late where the server is busy."""
BEAT = "prefect.flow-run.heartbeat"
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}


def end_zombies(url: str, silence_s: int = SILENCE_S) -> None:
    """Have the Prefect server at an API URL set to Crashed what has been silent for `silence_s` (10 or more).

    Safe to call again and by several at once; one that an operator has paused stays paused.
    """
    wanted = automation(silence_s)
    with SyncPrefectClient(url) as client:
        there = sorted(client.read_automations_by_name(NAME), key=lambda kept: kept.id)
        if not there:
            client.create_automation(wanted)
            return
        for double in there[1:]:  # two of us came at once
            client.delete_automation(double.id)
        if (there[0].trigger, there[0].actions) != (wanted.trigger, wanted.actions):
            client.update_automation(there[0].id, wanted.model_copy(update={"enabled": there[0].enabled}))


def automation(silence_s: int) -> AutomationCore:
    """The automation: after a run's heartbeat another one or its end is expected within `silence_s`, else it is Crashed."""
    message = f"No heartbeat for {silence_s} s: the process is gone or stopped. Retry it."
    return AutomationCore(
        name=NAME,
        description="A run whose process is gone does not stay Running for ever; made by stormcycle.",
        trigger=EventTrigger(
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            for_each={"prefect.resource.id"},
            after={BEAT},
            expect={BEAT, *ENDS},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=silence_s),
        ),
        actions=[ChangeFlowRunState(name="Crashed", state=StateType.CRASHED, message=message, force=False)],
    )
