"""What the online service is started with: the `args` of serve_config.yaml. Unknown keys are refused."""

from pydantic import Field, model_validator

from covergen.config.sources import Section
from covergen.serving.api_keys import ApiKeys, Key, is_loopback
from covergen.serving.http.routes import Settings
from covergen.serving.queue import Allowance


class ServeKey(Section):
    """One API key: whose it is, and what it allows."""

    name: str = Field(pattern="^[a-z0-9][a-z0-9-]{0,39}$", description="whose it is; a folder of the root")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the key: printf %s KEY | sha256sum")
    per_minute: int | None = Field(None, ge=1, description="requests a minute, for covers or to listen")
    at_once: int | None = Field(None, ge=1, description="covers and songs that are under way at once")
    upload_mb: float | None = Field(None, gt=0, description="of uploads that are kept; the service's own")
    upload_days: float | None = Field(None, gt=0, description="an upload is kept; the service's own")
    cover_days: float | None = Field(None, gt=0, description="covers are kept; the service's own")


class Serve(Section):
    """The service."""

    root: str = Field("out/serve/root", min_length=1, description="where requests and covers are kept; s3://")
    catalogue: str | None = Field(
        None, description="root whose embedded tracks may be named; the root itself"
    )
    stable_diffusion: str = Field("tiny", description="preset name, or a folder in diffusers' format")
    fusion: str | None = Field("shipped", description="checkpoint folder; null paints from words alone")
    encoder: str | None = Field(
        None, description="folder of the audio encoder; by default where the fusion's checkpoint has it"
    )
    tagger: str = Field("signal", description="who tells people what is heard")
    allow_noncommercial: bool = Field(False, description="allow encoders with a non-commercial licence")
    device: str = Field("auto", description="torch device of painters: cuda where they have num_gpus, or cpu")
    listener_device: str = Field("auto", description="torch device of listeners, likewise")
    bf16: bool = Field(False, description="paint in bfloat16; songs are heard as the fusion was trained")
    offline: bool = Field(False, description="never ask the hub for weights")
    threads: int = Field(1, ge=1, description="torch threads of a painter and of a listener")
    places: int = Field(8, ge=1, description="covers that a painter paints at once")
    waiting: int = Field(256, ge=1, description="covers that may wait; more are refused with 429")
    max_upload_mb: float = Field(64, gt=0, description="larger requests are refused")
    max_seconds: float = Field(1800, gt=0, description="longer songs are refused")
    upload_mb: float = Field(2048, gt=0, description="of uploads kept for each key; the oldest make room")
    upload_days: float = Field(30, gt=0, description="an upload is kept after it was last sent")
    cover_days: float | None = Field(
        None, gt=0, description="covers are kept, favourites stay; null: for ever"
    )
    host: str = Field("127.0.0.1", description="where http_options listens; without keys only on loopback")
    keys: tuple[ServeKey, ...] = Field((), description="who may come in; none lets everybody in")
    hosts: tuple[str, ...] = Field((), description="names it is called by, beside localhost and addresses")
    origins: tuple[str, ...] = Field((), description="other sites whose pages may call (CORS)")
    documentation: bool = Field(False, description="show /docs, which loads from elsewhere")

    @model_validator(mode="after")
    def _is_closed_to_the_world(self) -> "Serve":
        if not self.keys and not is_loopback(self.host):
            raise ValueError(f"host={self.host} is open to others; give keys, or listen on 127.0.0.1")
        if len({key.name for key in self.keys}) < len(self.keys):
            raise ValueError("two keys have one name; each needs its own")
        return self

    def settings(self) -> Settings:
        """Return how open the service is."""
        keys = [Key(key.name, key.sha256, self._allowance(key)) for key in self.keys]
        upload = int(self.max_upload_mb * 2**20)
        return Settings(
            api_keys=ApiKeys(keys, everybody=self._allowance()),
            max_upload=upload,
            hosts=(*self.hosts, self.host),
            origins=self.origins,
            documentation=self.documentation,
            named=True,
        )

    def _allowance(self, key: ServeKey | None = None) -> Allowance:
        """Return what a key allows, or everybody; where a key says nothing, the service's own."""
        names = ("upload_mb", "upload_days", "cover_days")
        megabytes, upload_days, cover_days = (
            getattr(key, name, None) or getattr(self, name) for name in names
        )
        return Allowance(
            per_minute=None if key is None else key.per_minute,
            at_once=None if key is None else key.at_once,
            upload_bytes=int(megabytes * 2**20),
            upload_days=upload_days,
            cover_days=cover_days,
        )
