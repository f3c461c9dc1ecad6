"""Granules behind a web server: the same cycle as from a folder, over TLS; index pages of other servers; their faults."""

import datetime
import functools
import http.server
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from house import FIRST, SMALL, House
from proxy import Fault, Proxy, proxying

from flows.cycle import cycle
from stormcycle.cycle.record import PrefixState
from stormcycle.domain import Domain, load_domain
from stormcycle.feeds import FeedError, FeedForbidden, FeedMissing, FeedUnavailable, Listing, fetch_granule, list_radar_feed
from stormcycle.states import GranuleState
from stormcycle.times import parse_time

pytestmark = pytest.mark.server


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Python's own web server, which lists folders, or shows the `index.html` that lies there."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path, certificate: Path | None = None) -> Iterator[str]:
    """A web server of a folder on a free port of loopback, over TLS where there is a certificate; its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http{'s' * (certificate is not None)}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that we made ourselves, with its key, in one PEM file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    present = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), present, present + datetime.timedelta(days=1))
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def feed_from(house: House, url: str, **feed: Any) -> Domain:
    """The domain `small`, reading from another URL."""
    domain = yaml.safe_load(SMALL)
    domain["radar"]["feed"] |= {"url": url, **feed}
    (house.domains / "small.yaml").write_text(yaml.safe_dump(domain))
    return load_domain("small")


@pytest.fixture
def proxy(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The bucket behind a web server behind a proxy that can fail; the domain `small` reads through it, and pauses are short."""
    monkeypatch.setattr("stormcycle.feeds.transient.PAUSES_S", (0.01, 0.01, 0.01))
    with serving(house.bucket) as url, proxying(url) as running:
        feed_from(house, running.url)
        yield running


def listing() -> Listing:
    return list_radar_feed(load_domain("small"), parse_time(FIRST))


def test_a_cycle_over_tls_has_the_digest_of_one_from_a_folder(
    house: House, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(house.bucket, certificate) as url:
        feed_from(house, url, storage_options={"ssl": False})  # a certificate of our own, which no authority signed
        from_web = cycle.fn("small", FIRST)
        assert (from_web.state, from_web.degraded) == ("complete", ())
        feed_from(house, url)
        with pytest.raises(FeedError, match=r"failed: .*[Cc]ertificate"):
            listing()
    assert not any("tried again" in message for message in caplog.messages)
    (house.domains / "small.yaml").write_text(SMALL)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/buckets").symlink_to(house.home / "buckets")
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path / "other"))
    assert cycle.fn("small", FIRST).digest == from_web.digest


def test_only_the_index_and_the_files_of_the_hour_are_asked_for(proxy: Proxy, house: House, tmp_path: Path) -> None:
    found = listing()
    assert {prefix.state for prefix in found.prefixes} == {PrefixState.SETTLED}
    assert [request.split()[0] for request in proxy.asked].count("GET") == 2  # the two folders hold two hours, 40 volumes
    assert len(proxy.asked) == 2 + 20
    granule = found.granules[0]
    assert (granule.size, granule.sha256.startswith("modified:")) == (house.granule("simli", "120600").stat().st_size, True)
    came = int(house.granule("simli", "120600").stat().st_mtime)
    assert parse_time(granule.arrived or "").astype(int) == came
    assert fetch_granule(load_domain("small").radar.feed, granule, tmp_path) == (GranuleState.OK, "")
    house.granule("simli", "120600").write_bytes(b"other bytes")
    assert fetch_granule(load_domain("small").radar.feed, granule, tmp_path / "again")[0] is GranuleState.CORRUPT
    house.granule("simli", "120600").unlink()
    assert fetch_granule(load_domain("small").radar.feed, granule, tmp_path / "again")[0] is GranuleState.MISSING


def test_volumes_put_in_one_second_with_one_size_are_no_twins(proxy: Proxy, house: House) -> None:
    for path in house.bucket.rglob("*.h5"):
        path.write_bytes(path.name.encode())  # all of one length, most of one second
    assert {granule.state for granule in listing().granules} == {GranuleState.OK}


@pytest.mark.parametrize("without", [("last-modified",), ("last-modified", "content-length")])
def test_a_server_that_tells_neither_tag_nor_date_is_read_to_know_the_bytes(proxy: Proxy, house: House, tmp_path: Path, without: tuple[str, ...]) -> None:
    proxy.fail(Fault(without=without), when=lambda request: request.endswith(".h5"))
    granule = listing().granules[0]
    assert (granule.size, len(granule.sha256), granule.arrived) == (house.granule("simli", "120600").stat().st_size, 64, None)
    assert fetch_granule(load_domain("small").radar.feed, granule, tmp_path) == (GranuleState.OK, "")


def test_folders_that_are_missing_or_empty_and_a_server_without_the_feed_are_told_apart(proxy: Proxy, house: House) -> None:
    for path in (house.bucket / "2026/07/01/simpa").iterdir():
        path.unlink()
    shutil.rmtree(house.bucket / "2026/07/01/simli")
    assert [prefix.state for prefix in listing().prefixes] == [PrefixState.MISSING, PrefixState.EMPTY]
    shutil.rmtree(house.bucket / "2026/07/01/simpa")
    assert {prefix.state for prefix in listing().prefixes} == {PrefixState.MISSING}
    feed_from(house, f"{proxy.url}/nothing/here")
    with pytest.raises(FeedMissing, match=r"has no folder http.*/nothing/here; check `url`"):
        listing()


def test_a_root_that_is_closed_while_its_folders_are_open_is_there(proxy: Proxy, house: House) -> None:
    shutil.rmtree(house.bucket / "2026")
    proxy.fail(Fault(403), when=lambda request: request.endswith(" /"))
    assert {prefix.state for prefix in listing().prefixes} == {PrefixState.MISSING}


@pytest.mark.parametrize(
    "fault", [*map(Fault, (408, 429, 500, 502, 503, 504)), Fault(close=True), Fault(cut=True)], ids=["408", "429", "500", "502", "503", "504", "closed", "cut"]
)
def test_trouble_that_passes_is_asked_again(proxy: Proxy, fault: Fault) -> None:
    proxy.fail(fault, times=2)
    assert len(listing().granules) == 20


def test_trouble_with_one_file_is_never_taken_for_its_absence(proxy: Proxy) -> None:
    # fsspec answers "no such file" whatever the server said of it
    proxy.fail(Fault(503), when=lambda request: "125400Z" in request)
    with pytest.raises(FeedUnavailable, match=r"Listing 2026/07/01/simli of the radar feed of small failed 4 times: 503"):
        listing()
    proxy.rules.clear()
    proxy.fail(Fault(403), when=lambda request: "125400Z" in request)
    with pytest.raises(FeedForbidden, match="access is denied"):
        listing()


def test_a_transfer_that_breaks_off_is_made_again_even_where_nobody_said_the_length(proxy: Proxy, tmp_path: Path) -> None:
    granule = listing().granules[0]
    for number, fault in enumerate((Fault(cut=True), Fault(cut=True, without=("content-length",)))):
        proxy.fail(fault, times=2, when=lambda request: request.startswith("GET") and granule.key in request)
        assert fetch_granule(load_domain("small").radar.feed, granule, tmp_path / str(number)) == (GranuleState.OK, "")
        (fetched,) = (tmp_path / str(number) / "inputs").iterdir()
        assert fetched.stat().st_size == granule.size


def test_a_file_that_goes_between_the_index_and_the_look_at_it_is_not_there(proxy: Proxy) -> None:
    proxy.fail(Fault(404), when=lambda request: "125400Z" in request)
    assert len(listing().granules) == 18


def test_a_slow_answer_is_asked_again(proxy: Proxy, house: House) -> None:
    feed_from(house, proxy.url, storage_options={"client_kwargs": {"timeout": {"sock_read": 1}}})
    proxy.fail(Fault(wait_s=3.0), times=1)
    assert len(listing().granules) == 20


def test_a_server_that_is_not_up_is_unavailable_and_one_that_refuses_forbidden(proxy: Proxy, house: House) -> None:
    proxy.fail(Fault(401))
    with pytest.raises(FeedForbidden):
        listing()
    assert len(proxy.asked) == 1
    feed_from(house, "http://127.0.0.1:9")  # the port `discard`, where nobody listens
    with pytest.raises(FeedUnavailable, match="failed 4 times"):
        listing()


def test_links_that_other_servers_draw_are_followed_into_the_folder_alone(proxy: Proxy, house: House) -> None:
    folder = house.bucket / "2026/07/01/simli"
    names = sorted(path.name for path in folder.iterdir())
    other = names[-1].replace("simli", "simpa")
    (folder / "index.html").write_text(
        '<html><head><title>Index of /2026/07/01/simli</title></head><body><a href="?C=N;O=D">Name</a><a href="../">Parent Directory</a>'
        f'<a href="{names[0]}">relative</a><a href="./{names[1]}">dotted</a><a href="/2026/07/01/simli/{names[2]}">absolute</a>'
        f'<a href="{proxy.url}/2026/07/01/simli/{names[3]}">full</a><a href="http://elsewhere.invalid/2026/07/01/simli/{names[4]}">elsewhere</a>'
        f'<a href="../{names[5]}">above</a><a href="sub/{names[6]}">below</a><a href="{other}">of another site</a></body></html>'
    )
    found = [granule.key.rsplit("/", 1)[-1] for granule in listing().granules if granule.site == "simli"]
    assert found == names[:4]
    assert not any(name in request for name in (*names[4:7], other) for request in proxy.asked)


@pytest.mark.parametrize(
    "page",
    [
        '[{"name": "simli_pvol_20260701T125400Z.h5", "type": "file", "size": 12}]',
        "<html><head><title>Sign in</title></head><body><form><input type=password></form><a href='/'>Home</a><a href='/forgotten'>?</a></body></html>",
        "<?xml version='1.0'?><list><file>simli_pvol_20260701T125400Z.h5</file></list>",
        "",
    ],
    ids=["JSON", "a login page", "XML", "nothing"],
)
def test_a_page_that_lists_nothing_we_can_read_is_no_empty_folder(proxy: Proxy, house: House, page: str) -> None:
    (house.bucket / "2026/07/01/simli/index.html").write_text(page)
    with pytest.raises(FeedError, match=r"/2026/07/01/simli/ holds no listing of files that we can read"):
        listing()
