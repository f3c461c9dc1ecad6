"""A real reverse proxy in front of a real server, which can be told to answer faults in place of it, and keeps what it was asked."""

import http.client
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


@dataclass(frozen=True)
class Fault:
    """What the proxy does in place of passing a request on: a status with a body, a wait before, a cut body, a closed connection."""

    status: int | None = None
    body: bytes = b""
    content_type: str = "application/xml"
    wait_s: float = 0.0
    cut: bool = False
    close: bool = False
    without: tuple[str, ...] = ()


@dataclass
class Proxy:
    """A running proxy: its URL, the requests it saw (`GET /path`), and the faults it was told, first come first served."""

    url: str
    asked: list[str] = field(default_factory=list)
    rules: list[list] = field(default_factory=list)

    def fail(self, fault: Fault, times: int = 10**6, when: Callable[[str], bool] = lambda request: True) -> None:
        """Answer the next `times` requests that match with a fault."""
        self.rules.append([fault, times, when])

    def fault_for(self, request: str) -> Fault | None:
        """The fault that a request meets, and one time less of it."""
        self.asked.append(request)
        for rule in self.rules:
            if rule[1] > 0 and rule[2](request):
                rule[1] -= 1
                return rule[0]
        return None


@contextmanager
def proxying(target: str) -> Iterator[Proxy]:
    """A proxy in front of the server at `target` (http://host:port), on a free port of loopback."""
    upstream = urlsplit(target).netloc
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def answer(self) -> None:
            with lock:
                fault = proxy.fault_for(f"{self.command} {self.path}") or Fault()
            time.sleep(fault.wait_s)
            if fault.close:
                self.close_connection = True
                return
            if fault.status is not None:
                self.reply(fault.status, {"Content-Type": fault.content_type}, fault.body, fault)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = http.client.HTTPConnection(upstream, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers.items()))  # its `Host` too, which S3's signatures cover
            reply = connection.getresponse()
            content, length = reply.read(), reply.headers.get("Content-Length")
            headers = {name: value for name, value in reply.headers.items() if name.lower() not in {*HOP_BY_HOP, *fault.without}}
            self.reply(reply.status, headers, content, fault, length)
            connection.close()

        def reply(self, status: int, headers: dict[str, str], content: bytes, fault: Fault, length: str | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "content-length" not in fault.without:
                self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: len(content) // 2] if fault.cut else content)
            if fault.cut or "content-length" in fault.without:
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = answer  # noqa: N815  (the names that http.server calls)

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that no longer waits for an answer is no error."""

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()
