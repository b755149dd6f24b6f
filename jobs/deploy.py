"""The online service on one machine: `python -m jobs.deploy [serve_config.yaml]`, what `make serve` runs.

On a cluster `serve deploy serve_config.yaml` does the same.
"""

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx2
from ray import serve
from ray.serve.schema import ServeDeploySchema

from covergen.config import RayCluster
from covergen.errors import ConfigError, CovergenError
from covergen.serving.manifest import problems_in, read_manifest
from covergen.storage import objects
from jobs.runtime import entry
from jobs.runtime.help_text import service_usage
from jobs.runtime.progress import say
from jobs.runtime.service_config import Serve
from jobs.serve import READY_SECONDS, core

GRACE: Final = 10.0  # seconds for what is under way once the service is to stop


def main(path: str) -> None:
    """Serve on this machine until Ctrl-C, and print the page's address once a cover was painted."""
    tree = read_manifest(Path(path))
    if problems := problems_in(tree):
        raise ConfigError(f"{path} would lose requests:\n" + "\n".join(problems))
    for application in tree["applications"]:  # replicas have working folders of their own
        args = application.setdefault("args", {})
        args["root"] = objects.absolute(args.get("root", Serve().root))
        core(Serve.model_validate(args), "cpu").fetch()  # what is missing here is told and downloaded first
    schema = ServeDeploySchema.model_validate(tree)
    entry.join(RayCluster())
    client = deploy(schema)
    place = f"http://{schema.http_options.host}:{schema.http_options.port}"
    say("serve: models are loaded, a first cover is painted")
    paint_once(place)
    say(f"serve: the page is at {place}/, the API is described at {place}/openapi.json; Ctrl-C stops both")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager ends it as Ctrl-C does
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_DFL)  # told again, it ends at once
    client.shutdown(timeout_s=GRACE)  # serve.shutdown() waits three times as long


def paint_once(place: str, *, seconds: float = READY_SECONDS) -> None:
    """Wait until the service has painted a cover. Raises ConfigError where it cannot."""
    try:
        answer = httpx2.get(f"{place}/readyz", timeout=seconds)
    except httpx2.TransportError as error:
        raise ConfigError(f"The service does not answer at {place}: {error}") from error
    if answer.status_code != httpx2.codes.OK:
        raise ConfigError(f"The service runs and cannot paint: {answer.text}")


def deploy(schema: ServeDeploySchema, *, seconds: float = READY_SECONDS) -> Any:
    """Deploy on the Ray of this process; return Serve's client once all runs. Raises ConfigError."""
    from ray.serve._private import api

    options = schema.http_options.model_dump()
    client = api.serve_start(http_options=options, proxy_location=schema.proxy_location)
    client.deploy_apps(schema, _blocking=False)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        apps = serve.status().applications
        states = {str(state.status.value) for state in apps.values()}
        if states & {"DEPLOY_FAILED", "UNHEALTHY"}:
            messages = "; ".join(
                state.message.strip().splitlines()[-1] for state in apps.values() if state.message
            )
            raise ConfigError(f"The service could not be deployed: {messages}")
        if apps and states == {"RUNNING"}:
            return client
        time.sleep(0.2)
    raise ConfigError(f"The service did not run within {seconds:.0f} s; `serve status` tells more.")


if __name__ == "__main__":
    if entry.HELP & set(sys.argv):
        print(service_usage("jobs.deploy", " [serve_config.yaml]", str(__doc__), Serve))
        sys.exit()
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "serve_config.yaml")
    except CovergenError as refusal:
        sys.exit(f"covergen: {refusal}")
