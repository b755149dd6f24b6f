"""The manifests at the root hold against Ray's own schemas."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

ROOT = Path(__file__).parent.parent


def cluster_schema() -> dict[str, object]:
    return json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())


def test_cluster_yaml_is_valid() -> None:
    manifest = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    jsonschema.validate(manifest, cluster_schema())
    assert manifest["available_node_types"][manifest["head_node_type"]]["resources"]["CPU"] == 0


def test_the_schema_refuses_a_wrong_cluster() -> None:
    manifest = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest | {"head_node": {}}, cluster_schema())


def test_serve_config_is_valid() -> None:
    from ray.serve.schema import ServeDeploySchema

    manifest = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    parsed = ServeDeploySchema.model_validate(manifest)
    assert [application.import_path for application in parsed.applications] == ["jobs.serve:app"]
    painter = next(d for d in parsed.applications[0].deployments if d.name == "Painter")
    assert painter.max_ongoing_requests >= 8


def test_the_dashboard_asks_for_figures_that_there_are() -> None:
    from covergen.serving.queue import Metrics

    board = json.loads((ROOT / "deploy" / "grafana" / "covergen.json").read_text())
    told = set(re.findall(r"covergen_[a-z_]+", Metrics().text().decode()))
    labels = {
        name for family in Metrics().registry.collect() for name in (family.name, f"{family.name}_total")
    }
    known = told | labels
    panels = board["panels"]
    asked = {
        name for p in panels for t in p["targets"] for name in re.findall(r"covergen_[a-z_]+", t["expr"])
    }
    assert len(asked) > 10
    assert all(name in known or name.removesuffix("_bucket") in known for name in asked), asked - known
    assert {name for name in labels if name.endswith("_total") or name.endswith("_seconds")} and panels
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)
    scrape = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert scrape["scrape_configs"][0]["metrics_path"] == "/metrics"
