"""The fencing token: rising numbers, one a run; only the highest may publish."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stormcycle.cycle import LostToken, check_token, take_token
from stormcycle.cycle.token import highest_token


def test_tokens_rise_from_one(tmp_path: Path):
    assert highest_token(tmp_path) == 0
    assert [take_token(tmp_path) for _ in range(3)] == [1, 2, 3]
    assert highest_token(tmp_path) == 3


def test_only_the_last_run_keeps_its_token(tmp_path: Path):
    first = take_token(tmp_path)
    check_token(tmp_path, first)
    second = take_token(tmp_path)
    with pytest.raises(LostToken, match="Run 1 of this cycle was overtaken by run 2"):
        check_token(tmp_path, first)
    check_token(tmp_path, second)


def test_a_token_that_nobody_took_is_lost(tmp_path: Path):
    with pytest.raises(LostToken):
        check_token(tmp_path, 1)


def test_more_tokens_than_digits_still_rise(tmp_path: Path):
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens/999999.json").write_text("{}")
    assert [take_token(tmp_path), take_token(tmp_path)] == [1_000_000, 1_000_001]


def test_racing_threads_get_tokens_of_their_own(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: take_token(tmp_path), range(40)))
    assert sorted(tokens) == list(range(1, 41))
    assert not list((tmp_path / "tokens").glob(".*"))


def test_racing_processes_get_tokens_of_their_own(tmp_path: Path):
    program = "import sys; from pathlib import Path; from stormcycle.cycle.token import take_token; print(*[take_token(Path(sys.argv[1])) for _ in range(20)])"
    runs = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) for _ in range(2)
    ]
    answers = [run.communicate()[0].split() for run in runs]
    assert sorted(int(token) for tokens in answers for token in tokens) == list(range(1, 41))
    assert all([int(token) for token in tokens] == sorted(map(int, tokens)) for tokens in answers)
