"""The manifests at the root hold against Ray's own schemas."""

import json
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
