import pytest
from typer.testing import CliRunner

from covergen import cli
from covergen.errors import ConfigError

TABLE = """artist,words,own
A,"bebop, swing",Jazz
B,bebop,Pop
C,"['trip hop', 'dub techno']",Electronic
D,x,
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return str(path)


def test_agreement_is_counted_and_disagreements_are_described(table):
    told = CliRunner().invoke(cli.app, ["genres", table, "--raw", "words", "--canonical", "own"])
    assert told.stdout.splitlines() == ["2 of 3 albums agree: 66.67%", "     1  Pop -> jazz   bebop"]


def test_a_missing_column_is_named(table):
    told = CliRunner().invoke(cli.app, ["genres", table, "--raw", "words"])
    assert isinstance(told.exception, ConfigError)
    assert "no column 'genre'" in str(told.exception)
