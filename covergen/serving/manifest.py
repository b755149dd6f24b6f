"""What is wrong with a serve_config.yaml that Ray Serve itself would take: traps that cost requests.

What Serve knows (unknown keys, types) is left to its own schema.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from covergen.errors import ConfigError
from covergen.serving.api_keys import is_loopback

Tree = Mapping[str, Any]

PLACES: Final = 8  # of a painter, where `args.places` says nothing
COLD_START: Final = 120  # seconds for models to be loaded and a cover to be painted, on a CPU
DEFAULT_WAITING: Final = 256


def read_manifest(path: Path) -> dict[str, Any]:
    """Return what a YAML file holds. Raises ConfigError."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(tree, dict) or not isinstance(tree.get("applications"), list):
        raise ConfigError(f"{path} holds no applications.")
    return tree


def problems_in(manifest: Tree) -> list[str]:
    """Return a sentence for every trap: the key, its value, what happens, and what to do."""
    http = manifest.get("http_options") or {}
    found = list(_http(http))
    for application in manifest.get("applications") or ():
        args = application.get("args") or {}
        found += _application(application, args, http)
        for deployment in application.get("deployments") or ():
            found += _deployment(deployment, args)
    return found


def _http(http: Tree) -> Iterator[str]:
    limit = http.get("request_timeout_s")
    if limit is None:
        yield "http_options.request_timeout_s is missing: what hangs is held for ever. Give 900, say."
    elif limit < COLD_START:
        yield (
            f"http_options.request_timeout_s={limit} is shorter than a cold start ({COLD_START} s): the "
            "first request is answered with 408. Give more."
        )


def _application(application: Tree, args: Tree, http: Tree) -> Iterator[str]:
    if not application.get("route_prefix"):
        yield "route_prefix is missing: two applications would answer at /. Give it."
    host, named = str(http.get("host", "127.0.0.1")), str(args.get("host", "127.0.0.1"))
    if not is_loopback(host) and not args.get("keys"):
        yield f"http_options.host={host} is open to others, and args.keys holds no key. Give keys."
    if is_loopback(named) != is_loopback(host):
        yield f"args.host={named} is not http_options.host={host}, and decides who may come. Make them one."
    folder = (application.get("runtime_env") or {}).get("working_dir", "")
    if folder and "://" not in folder:
        yield (
            f"runtime_env.working_dir={folder} is a folder of this machine, and Serve takes addresses only. "
            "Upload it, or leave it out where the nodes have the package."
        )
    if "://" not in str(args.get("root", "")) and _is_spread(application):
        yield (
            f"args.root={args.get('root')} is a folder, which replicas of other nodes do not see. "
            "Give an s3:// address where there are several nodes."
        )


def _is_spread(application: Tree) -> bool:
    """Return whether an application is meant for several nodes: a replica of it wants a GPU."""
    options = [each.get("ray_actor_options") or {} for each in application.get("deployments") or ()]
    return any(each.get("num_gpus") for each in options)


def _deployment(deployment: Tree, args: Tree) -> Iterator[str]:
    name, scaling = deployment.get("name"), deployment.get("autoscaling_config") or {}
    at_once, queue = deployment.get("max_ongoing_requests"), deployment.get("max_queued_requests", -1)
    places, waiting = args.get("places", PLACES), args.get("waiting", DEFAULT_WAITING)
    if isinstance(deployment.get("num_replicas"), int) and scaling:
        number = deployment["num_replicas"]
        yield f"{name}: num_replicas={number} switches autoscaling_config off. Leave one out."
    if at_once is None:
        yield f"{name}: max_ongoing_requests is missing, and 5 are taken. Give it."
    elif name == "Painter" and at_once < places:
        yield f"{name}: max_ongoing_requests={at_once} never fills the {places} places. Give {2 * places}."
    if queue == -1:
        yield f"{name}: max_queued_requests is missing: requests pile up without end. Give {2 * waiting}."
    elif name == "Painter" and queue < waiting:
        yield (
            f"{name}: max_queued_requests={queue} is less than args.waiting={waiting}: covers that were "
            f"accepted are refused on their way. Give {2 * waiting}."
        )
    yield from _scaling(str(name), scaling, at_once)
    yield from _gpu(str(name), deployment.get("ray_actor_options") or {}, args)
    grace = deployment.get("graceful_shutdown_timeout_s", 20)
    if name == "Painter" and grace < COLD_START:
        yield (
            f"{name}: graceful_shutdown_timeout_s={grace} may end before a batch of covers does: they "
            f"are painted twice. Give {COLD_START}."
        )


def _gpu(name: str, options: Tree, args: Tree) -> Iterator[str]:
    key = {"Painter": "device", "Listener": "listener_device"}.get(name, "")
    device, gpus = str(args.get(key, "auto")), options.get("num_gpus", 0)
    if device.startswith("cuda") and not gpus:
        yield f"{name}: args.{key}={device}, and Ray shows it no GPU. Give ray_actor_options.num_gpus."
    if key and gpus and device == "cpu":
        yield f"{name}: num_gpus={gpus} holds a GPU that is not used. Give args.{key}=auto, or no num_gpus."


def _scaling(name: str, scaling: Tree, at_once: int | None) -> Iterator[str]:
    target = scaling.get("target_ongoing_requests", 2)
    if scaling and at_once is not None and target > at_once:
        yield (
            f"{name}: target_ongoing_requests={target} is above max_ongoing_requests={at_once}: no replica "
            "is ever added. Give less."
        )
    low, high = scaling.get("min_replicas", 1), scaling.get("max_replicas", 1)
    if low > high:
        yield f"{name}: min_replicas={low} is above max_replicas={high}. Turn them round."
