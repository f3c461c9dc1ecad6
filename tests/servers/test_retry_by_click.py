"""A failed cycle is repaired in the real Prefect UI, by a click in a real browser; pictures of the way are kept.

STORMCYCLE_PICTURES names the folder of the pictures (default: a temporary one).
"""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bad_input.spoiling import undisturbed
from house import FIRST, House
from PIL import Image
from playwright.sync_api import Page, Route, sync_playwright
from prefect.client.orchestration import SyncPrefectClient
from retrying import deployment_id, done, finished, serving

pytestmark = pytest.mark.server
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
COLOURS = 96
DRAWN_MS = 1500
"""The graph of a run is drawn on a canvas, which says nothing of when it is done; only the pictures depend on it."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The folder that the pictures go to."""
    folder = Path(os.environ.get("STORMCYCLE_PICTURES") or tmp_path / "pictures").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def strangers() -> list[str]:
    """Whom the page asked that is not on this machine."""
    return []


@pytest.fixture
def page(strangers: list[str]) -> Iterator[Page]:
    """A page of headless Chromium that reaches nothing but loopback."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("There is no Chromium on this machine (apt-get install chromium), so nothing can be clicked.")

    def let(route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", None):  # None: data: and blob:
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        opened = browser.new_page(viewport={"width": 1200, "height": 900}, timezone_id="UTC")
        opened.set_default_timeout(30_000)
        opened.route("**/*", let)
        yield opened
        browser.close()


def keep(page: Page, path: Path) -> None:
    """Keep what the page shows as a small PNG."""
    page.wait_for_timeout(DRAWN_MS)
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def test_an_operator_opens_the_failed_cycle_and_clicks_retry(
    house: House, simulated_bucket: Path, prefect_url: str, prefect_environ: dict[str, str], page: Page, strangers: list[str], pictures: Path
) -> None:
    fail_at = house.home / "fail-at"
    fail_at.write_text("release")
    ui = prefect_url.removesuffix("/api")
    with serving("servers/faulty.py", house.home, {**prefect_environ, "FAIL_AT": str(fail_at)}), SyncPrefectClient(prefect_url) as client:
        run_id = client.create_flow_run_from_deployment(deployment_id(client), parameters={"domain": "small", "cycle_time": FIRST}).id
        assert finished(client, run_id, 1).state.is_failed()  # type: ignore[union-attr]
        assert not list((house.home / "releases").rglob("manifest.json"))
        before = done(house.home)
        fail_at.write_text("")

        page.goto(f"{ui}/runs?state=Failed&state=Crashed")
        run = page.locator(f"a[href*='{run_id}']").first
        run.wait_for()
        keep(page, pictures / "red-1-runs.png")
        run.click()
        page.get_by_text("made to fail in release").first.wait_for()
        keep(page, pictures / "red-2-failed.png")
        page.get_by_role("button", name="Retry").first.click()
        in_dialog = page.get_by_role("dialog").get_by_role("button", name="Retry")
        in_dialog.wait_for()
        keep(page, pictures / "red-3-retry.png")
        in_dialog.click()

        again = finished(client, run_id, 2)
        assert again.state is not None
        assert again.state.is_completed(), again.state
        page.reload()
        page.get_by_text("Completed").first.wait_for()
        keep(page, pictures / "red-4-released.png")
    assert strangers == []
    after = done(house.home)
    assert before.items() <= after.items()
    assert {Path(path).parent.name for path in after.keys() - before.keys()} <= {"release"}, "more than the failed part ran"
    latest = json.loads((house.home / "releases/small/latest.json").read_text())
    assert (latest["state"], latest["version"]) == ("complete", 1)
    assert all(path.stat().st_size < 300_000 for path in pictures.glob("red-*.png"))
    assert latest["digest"] == undisturbed(simulated_bucket).digest
