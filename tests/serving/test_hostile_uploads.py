"""Eight hundred uploads that were made to break whoever reads them, and the memory of who did."""

from collections import Counter
from pathlib import Path

import httpx2
import pytest

from covergen.errors import RejectCode
from tests.hostile_files import hostile_files
from tests.lying_files import HEARD
from tests.serving.hosting import own_process

COUNT, SEED, FIRST = 800, 11, 200
WORDS = {"artist": "Mira", "album": "Moonlight"}
CODES = {str(code) for code in RejectCode}


def memory(process):
    """The resident memory of a process, in kB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_upload_breaks_the_service_and_none_stays_in_its_memory(tmp_path):
    answers, later = Counter(), []
    with own_process(tmp_path) as (base, process), httpx2.Client(base_url=base, timeout=120) as client:
        for k, file in enumerate(hostile_files(COUNT, SEED)):
            path, words = ("/v1/covers", {**WORDS, "steps": "1"}) if k % 5 == 0 else ("/v1/listen", WORDS)
            given = {"files": {"audio": (f"song.{file.suffix}", file.data)}, "data": words}
            answer = client.post(path, headers={"Accept": "image/png, application/json"}, **given)
            answers[answer.status_code] += 1
            assert answer.status_code < 500, (file.name, answer.text)
            if answer.status_code == 200:
                assert HEARD in file.outcomes, file.name
            else:
                error = answer.json()["error"]
                assert error["code"] in CODES and str(tmp_path) not in answer.text, (file.name, error)
                assert "Traceback" not in answer.text
            if k >= FIRST:
                later.append(memory(process))
    assert sum(answers.values()) == COUNT and answers[200] > 20 and answers[422] > 20, answers
    assert max(later[-20:]) <= 1.1 * later[0], (later[0], later[-20:])
