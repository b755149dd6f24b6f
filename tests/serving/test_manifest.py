from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from covergen.cli import main
from covergen.serving.manifest import problems_in
from covergen.serving.queue import Allowance
from jobs.runtime.service_config import Serve

GOOD = yaml.safe_load((Path(__file__).parent.parent.parent / "serve_config.yaml").read_text())

SCALING = ("applications", 0, "deployments", 0, "autoscaling_config")


def test_ours_has_none():
    assert problems_in(GOOD) == []
    assert Serve.model_validate(GOOD["applications"][0]["args"]).places == 8


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("http_options", "request_timeout_s"), None, "held for ever"),
        (("http_options", "request_timeout_s"), 30, "shorter than a cold start"),
        (("http_options", "host"), "0.0.0.0", "holds no key"),
        (("applications", 0, "args", "host"), "0.0.0.0", "Make them one"),
        (("applications", 0, "route_prefix"), None, "route_prefix is missing"),
        (("applications", 0, "runtime_env"), {"working_dir": "./here"}, "a folder of this machine"),
        (("applications", 0, "deployments", 2, "ray_actor_options"), {"num_gpus": 1}, "do not see"),
        (("applications", 0, "args", "device"), "cuda", "shows it no GPU"),
        (("applications", 0, "args", "listener_device"), "cuda", "shows it no GPU"),
        (("applications", 0, "deployments", 2, "num_replicas"), 2, "switches autoscaling_config off"),
        (("applications", 0, "deployments", 2, "max_ongoing_requests"), None, "and 5 are taken"),
        (("applications", 0, "deployments", 2, "max_ongoing_requests"), 4, "never fills the 8 places"),
        (("applications", 0, "deployments", 1, "max_queued_requests"), -1, "pile up without end"),
        (("applications", 0, "deployments", 2, "max_queued_requests"), 64, "refused on their way"),
        (("applications", 0, "deployments", 2, "graceful_shutdown_timeout_s"), 20, "painted twice"),
        ((*SCALING, "target_ongoing_requests"), 999, "no replica"),
        ((*SCALING, "min_replicas"), 9, "Turn them round"),
    ],
)  # fmt: skip
def test_every_trap_is_told_with_its_remedy(place, value, told):
    manifest = deepcopy(GOOD)
    inner = manifest
    for key in place[:-1]:
        inner = inner[key]
    if value is None:
        inner.pop(place[-1])
    else:
        inner[place[-1]] = value
    assert any(told in problem.replace("\n", " ") for problem in problems_in(manifest)), problems_in(manifest)


def test_a_gpu_is_used_unless_the_device_is_the_cpu():
    manifest = deepcopy(GOOD)
    application = manifest["applications"][0]
    application["args"]["root"] = "s3://bucket/root"
    application["deployments"][2]["ray_actor_options"] = {"num_gpus": 1}
    assert problems_in(manifest) == []
    application["args"]["device"] = "cpu"
    assert ["is not used. Give args.device=auto" in problem for problem in problems_in(manifest)] == [True]


def test_the_command_tells_them_and_fails(tmp_path, capsys, monkeypatch):
    path = tmp_path / "serve.yaml"
    path.write_text(yaml.safe_dump({"http_options": {}, "applications": [{"route_prefix": "/"}]}))
    monkeypatch.setattr("sys.argv", ["covergen", "doctor", "--serve", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1 and "held for ever" in capsys.readouterr().out
    path.write_text("- 1")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "holds no applications" in capsys.readouterr().err


def test_a_key_keeps_what_the_service_keeps_unless_it_says_otherwise():
    keys = [{"name": "label", "sha256": "0" * 64, "upload_mb": 1, "cover_days": 9}]
    api_keys = (
        Serve(keys=[*keys, {"name": "shop", "sha256": "1" * 64, "at_once": 2}], upload_days=5)
        .settings()
        .api_keys
    )
    label, shop, gone = (api_keys.allowance_of(name) for name in ("label", "shop", "gone"))
    assert (label.upload_bytes, label.upload_days, label.cover_days) == (2**20, 5, 9)
    assert shop == Allowance(at_once=2, upload_bytes=2 * 2**30, upload_days=5)
    assert gone == Allowance(upload_days=5)
