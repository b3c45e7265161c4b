"""The files in deploy/ follow the schemas of the programs that read them."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from classifier.inference.cluster.serve_app import APPLICATION
from tests.support.server import PROJECT

DEPLOY = PROJECT / "deploy"
KUBERNETES = "1.33"

# What KubeRay 1.5 accepts around the templates of pods, without what the file does not use.
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 0}


def closed(required: list[str], **properties: object) -> dict[str, object]:
    """Returns the schema of an object without other properties."""
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


RAY_SERVICE = closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata=closed(["name"], name={"type": "string"}),
    spec=closed(
        ["serveConfigV2", "rayClusterConfig"],
        serveConfigV2={"type": "string"},
        rayClusterConfig=closed(
            ["headGroupSpec"],
            rayVersion={"type": "string"},
            enableInTreeAutoscaling={"type": "boolean"},
            headGroupSpec=closed(["template"], rayStartParams=TEXTS, template={"type": "object"}),
            workerGroupSpecs={
                "type": "array",
                "items": closed(
                    ["groupName", "template"],
                    groupName={"type": "string"},
                    replicas=COUNT,
                    minReplicas=COUNT,
                    maxReplicas=COUNT,
                    rayStartParams=TEXTS,
                    template={"type": "object"},
                ),
            },
        ),
    ),
)


def kubernetes_objects() -> dict[str, Any]:
    """Returns the objects of ray-service.yaml by their kind."""
    objects = yaml.safe_load_all((DEPLOY / "ray-service.yaml").read_text())
    return {each["kind"]: each for each in objects}


def serve_config() -> dict[str, Any]:
    """Returns the Serve config file in ray-service.yaml."""
    config: dict[str, Any] = yaml.safe_load(
        kubernetes_objects()["RayService"]["spec"]["serveConfigV2"]
    )
    return config


def test_the_ray_cluster_file_follows_rays_schema() -> None:
    schema = json.loads(
        Path(ray.__file__).with_name("autoscaler").joinpath("ray-schema.json").read_text()
    )
    cluster: dict[str, Any] = yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text())

    jsonschema.validate(cluster, schema)

    assert cluster["max_workers"] == len(cluster["provider"]["worker_ips"])
    commands = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    assert all("\n" not in command for command in commands)


def test_the_ray_service_file_follows_the_schemas() -> None:
    objects = kubernetes_objects()
    service = objects.pop("RayService")

    for each in objects.values():
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    jsonschema.validate(service, RAY_SERVICE)
    (application,) = ServeDeploySchema.model_validate(serve_config()).applications
    assert application.name == APPLICATION
    cluster = service["spec"]["rayClusterConfig"]
    assert cluster["rayVersion"] == ray.__version__
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        pod = {"apiVersion": "v1", "kind": "Pod", **group["template"]}
        pod["metadata"] = {"name": "pod", **pod["metadata"]}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_the_service_and_the_network_policy_select_the_pods() -> None:
    objects = kubernetes_objects()
    cluster = objects["RayService"]["spec"]["rayClusterConfig"]
    groups = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}

    def selected(labels: dict[str, str]) -> list[str]:
        return [
            name
            for name, group in [("head", cluster["headGroupSpec"]), *groups.items()]
            if labels.items() <= group["template"]["metadata"]["labels"].items()
        ]

    assert selected(objects["Service"]["spec"]["selector"]) == ["pages"]
    policy = objects["NetworkPolicy"]["spec"]
    everybody = ["head", "classifiers", "pages"]
    assert selected(policy["podSelector"]["matchLabels"]) == everybody
    ours = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert selected(ours) == everybody
    (page,) = (
        container
        for container in groups["pages"]["template"]["spec"]["containers"]
        if container["name"] == "page"
    )
    port = page["ports"][0]["containerPort"]
    assert objects["Service"]["spec"]["ports"][0]["targetPort"] == port
    assert policy["ingress"][1]["ports"] == [{"port": port}]
