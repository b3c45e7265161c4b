"""The files in deploy/ that no other test starts anything with."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import ray
import yaml

from tests.support.server import PROJECT


def test_the_ray_cluster_file_follows_rays_schema() -> None:
    schema = json.loads(
        Path(ray.__file__).with_name("autoscaler").joinpath("ray-schema.json").read_text()
    )
    cluster: dict[str, Any] = yaml.safe_load((PROJECT / "deploy" / "ray-cluster.yaml").read_text())

    jsonschema.validate(cluster, schema)

    assert cluster["max_workers"] == len(cluster["provider"]["worker_ips"])
    commands = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    assert all("\n" not in command for command in commands)
