"""The verification of a domain: every released hour whose valid time has come."""

from prefect import flow

from tasks.verify import Verified, released_hours, show_scores, verify_hour


@flow(name="verify", flow_run_name="{domain}", persist_result=False)
def verify(domain: str, cycle_time: str | None = None) -> list[Verified]:
    """Verify one hour, or every released hour that is not verified with all that is observed by now."""
    return show_scores(domain, [verify_hour(domain, hour) for hour in released_hours(domain, cycle_time)])
