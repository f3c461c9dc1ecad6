"""The Triton server on loopback: assembled from its wheel and infra/triton, started, watched, stopped and swept after.

It lives in a virtual environment of its own (STORMCYCLE_TRITON, or .venv-triton of the checkout), as its wheel and ours do not agree.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import psutil

from flows import processes
from flows.processes import ServerError
from stormcycle.home import home
from stormcycle.serving import ServingError, is_live, one_at_a_time, reload_model, served_models

ROOT = Path(__file__).parents[1]
BACKEND = ROOT / "infra" / "triton" / "onnxruntime" / "model.py"
SHARED_MEMORY = Path("/dev/shm")
REGIONS = "triton_*_backend_shm_region_*"
GRPC_PORT, METRICS_PORT = 8001, 8002
START_SECONDS = 120
PLAIN_PATH = re.compile(r"[\w./@+,:=%-]+")
MEMORY_LIMIT_MB = 2048.0
"""Of the server and its models' processes; docs/serving.md says what they take."""


def start_triton(repository: Path, port: int = GRPC_PORT) -> str:
    """Start Triton with all models of a served repository, or find it running; host:port of its gRPC. A taken port gives way to a free one.

    A model that does not load does not keep the server from starting. Raises ServerError when Triton is not installed,
    when a library is missing, when a path has a space, or when the server does not answer in time; its log is named.
    """
    found = running_triton()
    if found is not None:
        return found
    packages = triton_packages()
    for path in (repository.absolute(), home()):
        if not PLAIN_PATH.fullmatch(str(path)):
            raise ServerError(f"Triton hands paths to a shell and cannot work under {path}: please use a folder without spaces and special characters.")
    stop_triton()  # models' processes may outlive a server that was killed
    sweep_shared_memory()
    backends = assemble_backends(packages)
    port, metrics = processes.free_port(port), processes.free_port(METRICS_PORT)
    command = [
        str(packages / "pytriton/tritonserver/bin/tritonserver"),
        f"--model-repository={repository.absolute()}",
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        *(f"--load-model={path.parent.name}" for path in sorted(repository.glob("*/config.pbtxt"))),
        "--allow-http=false",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={port}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={metrics}",
        "--exit-timeout-secs=3",
        "--strict-readiness=false",  # one model that does not load must not make the server unready for ever
        "--exit-on-error=false",
        "--disable-auto-complete-config",
        "--backend-config=python,shm-default-byte-size=16777216",
    ]
    return processes.start("triton", command, _environment(packages), f"127.0.0.1:{port}", is_live, START_SECONDS)


def running_triton() -> str | None:
    """host:port of the server that was started, or None when it is not there."""
    return processes.running("triton", is_live)


def stop_triton() -> bool:
    """Stop the server that was started, with its models' processes; whether there was one."""
    stopped = processes.stop("triton")
    if stopped:
        sweep_shared_memory()
    return stopped


def triton_packages() -> Path:
    """The site-packages of Triton's environment. Raises ServerError with what to type when it is not there."""
    environment = Path(os.environ.get("STORMCYCLE_TRITON") or ROOT / ".venv-triton")
    for packages in sorted(environment.glob("lib/python3.*/site-packages")):
        if (packages / "pytriton/tritonserver/bin/tritonserver").is_file():
            return packages.absolute()
    raise ServerError("Triton is not installed (.venv-triton, or what STORMCYCLE_TRITON names): please run `make install`.")


def assemble_backends(packages: Path) -> Path:
    """Put the backends `python` and `onnxruntime` together under STORMCYCLE_HOME; their folder.

    Raises ServerError when there is no stub for the environment's Python, or a library that the stub needs is missing.
    """
    parts, python = packages / "pytriton/tritonserver", packages.parent.name.removeprefix("python")
    stub = parts / "python_backend_stubs" / python / "triton_python_backend_stub"
    if not stub.is_file():
        raise ServerError(f"This Triton has no backend for Python {python}: please make its environment with another Python (3.8 to 3.13).")
    told = subprocess.run(["ldd", str(stub)], capture_output=True, text=True, env=_environment(packages), check=False).stdout
    if any("libpython" in line and "not found" in line for line in told.splitlines()):
        raise ServerError(f"Triton needs the library of Python {python}: please run `sudo apt-get install libpython{python}`.")
    backends = home() / "triton" / "backends"
    for folder, files in {"python": [*sorted(parts.glob("backends/python/*.*")), stub], "onnxruntime": [BACKEND]}.items():
        (backends / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, backends / folder)
    return backends


def server_memory_mb() -> float:
    """The memory of the server and its models' processes (their proportional share, MB); 0 when none runs."""
    total = 0.0
    for process in processes.family("triton"):
        with contextlib.suppress(psutil.Error):  # it ended while we counted, or is another user's
            total += process.memory_full_info().pss / 1e6
    return total


def watched(limit_mb: float = MEMORY_LIMIT_MB) -> str | None:
    """Hold the server's memory against a limit; above it load every model again, which gives its memory back.

    A sentence of what was done, None when nothing had to be. Asked once a cycle, and of use on the machine of the server.
    What does not load again is told, and found by the next canary.
    """
    before = server_memory_mb()
    if before <= limit_mb or (url := running_triton()) is None:
        return None
    try:
        models = served_models(url)
        for model in models:
            with one_at_a_time(model) as waited:
                if not waited:
                    reload_model(url, model)
    except ServingError as error:
        return f"Triton took {before:.0f} MB of memory, more than {limit_mb:.0f}, and could not be helped: {error}"
    return f"Triton took {before:.0f} MB of memory, more than {limit_mb:.0f}: {', '.join(models)} loaded again, {server_memory_mb():.0f} MB now."


def sweep_shared_memory() -> list[str]:
    """Remove the shared memory that killed servers of ours left: regions that no living process maps. Their names."""
    if not _leftovers():
        return []
    time.sleep(0.5)  # a region that a server is just making is not mapped yet
    swept = sorted(_leftovers())
    for name in swept:
        (SHARED_MEMORY / name).unlink(missing_ok=True)
    return swept


def _leftovers() -> set[str]:
    left = {path.name for path in SHARED_MEMORY.glob(REGIONS) if _is_mine(path)}
    for maps in Path("/proc").glob("[0-9]*/maps") if left else ():
        try:
            mapped = maps.read_text()
        except OSError:  # another user's process, or one that has just ended
            continue
        left = {name for name in left if name not in mapped}
    return left


def _is_mine(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except FileNotFoundError:  # its server has just removed it
        return False


def _environment(packages: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}  # of another Python
    binaries = packages.parents[2] / "bin"  # the stub finds its packages by the first python on PATH
    libraries = [str(packages / "nvidia_pytriton.libs"), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**inherited, "PATH": f"{binaries}:{os.environ['PATH']}", "LD_LIBRARY_PATH": ":".join(filter(None, libraries))}
