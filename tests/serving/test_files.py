from itertools import islice
from pathlib import Path

import pytest

from covergen.cover_command import candidates, free, safe_name, write_all
from covergen.errors import ConfigError


def test_one_file_has_its_name_and_then_numbers_and_several_have_numbers():
    assert [p.name for p in islice(candidates(Path("a/b.png")), 3)] == ["b.png", "b-1.png", "b-2.png"]
    assert [p.name for p in islice(candidates(Path("b.png"), several=True), 2)] == ["b-0.png", "b-1.png"]


def test_a_file_that_is_there_stays_unless_it_is_forced(tmp_path):
    out = tmp_path / "cover.png"
    assert write_all([b"one"], out) == [out]
    assert write_all([b"two"], out) == [tmp_path / "cover-1.png"]
    assert (out.read_bytes(), (tmp_path / "cover-1.png").read_bytes()) == (b"one", b"two")
    assert free(out) == tmp_path / "cover-2.png" and free(out, force=True) == out
    assert write_all([b"three"], out, force=True) == [out] and out.read_bytes() == b"three"


def test_several_go_to_the_numbers_that_are_free(tmp_path):
    out = tmp_path / "cover.png"
    (tmp_path / "cover-1.png").write_bytes(b"mine")
    names = [path.name for path in write_all([b"a", b"b"], out)]
    assert names == ["cover-0.png", "cover-2.png"] and (tmp_path / "cover-1.png").read_bytes() == b"mine"


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(
        ConfigError, match="cannot be written: No such file or directory; choose another --out"
    ):
        write_all([b"x"], tmp_path / "nowhere" / "cover.png")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("AC/DC - Who Made Who?", "AC_DC - Who Made Who_"),
        ("...", "cover"),
        ("a\nb\x00", "a b"),
        ("é" * 300, "é" * 100),
    ],
)
def test_any_album_has_a_name_that_a_file_may_have(text, name):
    assert safe_name(text) == name
