"""Where things lie: what a location becomes, and what it needs."""

from pathlib import Path

import pytest

from stormcycle.home import expand, home


def test_variables_are_replaced_wherever_they_stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("STORMCYCLE_HOME", str(tmp_path))
    monkeypatch.setenv("BUCKET", "storms")
    assert expand("${STORMCYCLE_HOME}/a/${BUCKET}/${BUCKET}") == f"{tmp_path}/a/storms/storms"
    assert expand("s3://${BUCKET}/x") == "s3://storms/x"


@pytest.mark.parametrize("location", ["/plain/path", "$BUCKET/x", "s3://bucket/{time}", "${not a name}"])
def test_what_is_no_variable_stays(location: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BUCKET", "storms")
    assert expand(location) == location


def test_a_value_is_not_expanded_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ONE", "${TWO}")
    monkeypatch.setenv("TWO", "2")
    assert expand("${ONE}") == "${TWO}"


@pytest.mark.parametrize("value", [None, ""])
def test_an_unset_variable_is_named(value: str | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BUCKET", raising=False)
    if value is not None:
        monkeypatch.setenv("BUCKET", value)
    with pytest.raises(ValueError, match=r"s3://\$\{BUCKET\} needs the environment variable BUCKET"):
        expand("s3://${BUCKET}")


def test_home_has_a_default_below_the_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("STORMCYCLE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / ".stormcycle"
    assert expand("${STORMCYCLE_HOME}") == str(tmp_path / ".stormcycle")
