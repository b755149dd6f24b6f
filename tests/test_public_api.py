import subprocess
import sys

import pytest

import covergen


@pytest.mark.parametrize("name", covergen.__all__)
def test_what_is_declared_is_there_under_its_own_name(name: str) -> None:
    found = getattr(covergen, name)
    assert found.__name__ == name and found.__doc__


def test_what_is_not_declared_is_refused_with_what_is() -> None:
    with pytest.raises(AttributeError, match=r"covergen has no 'Cover'.*CoverService"):
        covergen.Cover  # noqa: B018


def test_importing_covergen_loads_no_other_library() -> None:
    code = "import sys; before = set(sys.modules); import covergen; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    heavy = {"torch", "ray", "pyarrow", "numpy", "fastapi", "pydantic"}
    assert not heavy & set(done.stdout.split())
