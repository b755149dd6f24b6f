"""The command `covergen`: one machine, no Ray, nothing heavy imported before it is needed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from covergen.errors import ConfigError, CovergenError

app = typer.Typer(
    help="Album covers from music.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


# Which models there are and how they run, by the names of configs and serve_config.yaml.
StableDiffusion = Annotated[str, typer.Option("--stable-diffusion", help="preset or folder")]
Fusion = Annotated[str, typer.Option("--fusion", help="checkpoint folder, 'shipped', or 'none'")]
EncoderFolder = Annotated[
    str | None,
    typer.Option("--encoder", help="folder of the audio encoder, if not where the fusion says"),
]
AllowNoncommercial = Annotated[
    bool, typer.Option("--allow-noncommercial", help="take weights that are for research only")
]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda; auto takes a GPU where there is one")]
Bf16 = Annotated[bool, typer.Option("--bf16", help="paint in bfloat16")]
Offline = Annotated[bool, typer.Option("--offline", help="never ask the hub for weights")]

RootAddress = Annotated[str, typer.Argument(help="folder or s3:// address", show_default=False)]


def main() -> None:
    """Run the command; an error of covergen's own is one sentence and exit code 2."""
    try:
        app()
    except CovergenError as error:
        print(f"covergen: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"covergen {version('covergen')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="tell the version")
    ] = False,
) -> None:
    """Album covers from music."""


@app.command()
def cover(
    music: Annotated[
        Path, typer.Argument(help="a song (mp3, ogg, opus, m4a, flac, wav), or a folder", show_default=False)
    ],
    *,
    artist: Annotated[str | None, typer.Option(help="the album's artist; else by the tags")] = None,
    album: Annotated[str | None, typer.Option(help="the album's title; else by the tags")] = None,
    genre: Annotated[str | None, typer.Option(help="genre, as in 'jazz'; else by the tags")] = None,
    year: Annotated[
        str | None, typer.Option(help="of release, part of the album's identity; else by the tags")
    ] = None,
    out: Annotated[Path, typer.Option(help=".png, .jpg or .webp, or a folder; several are numbered")] = Path(
        "cover.png"
    ),
    force: Annotated[bool, typer.Option("--force", help="write over files that are there")] = False,
    prompt: Annotated[str | None, typer.Option(help="words instead of the usual prompt")] = None,
    moods: Annotated[bool, typer.Option(help="say in the prompt which moods are heard")] = True,
    tag: Annotated[list[str] | None, typer.Option(help="a word more, such as a mood; repeatable")] = None,
    n: Annotated[int, typer.Option(help="how many covers")] = 1,
    seed: Annotated[int | None, typer.Option(help="by default the album decides")] = None,
    variation_seed: Annotated[int | None, typer.Option(help="which variation; the album decides")] = None,
    variation_strength: Annotated[
        float, typer.Option(help="0 to 1: vary the cover of --seed, .25 subtly, .6 strongly")
    ] = 0.0,
    steps: Annotated[int, typer.Option(help="sampler steps")] = 20,
    guidance_scale: Annotated[float, typer.Option(help="guidance by the words")] = 2.5,
    audio_guidance_scale: Annotated[float, typer.Option(help="guidance by the sound")] = 3.0,
    audio_scale: Annotated[float, typer.Option(help="weight of the sound, 0 to 2")] = 1.0,
    noise_scheduler: Annotated[str, typer.Option(help="ddim, pndm, ddpm or dpm++")] = "ddim",
    size: Annotated[int | None, typer.Option(help="side in pixels; the model's own by default")] = None,
    stable_diffusion: StableDiffusion = "tiny",
    fusion: Fusion = "shipped",
    encoder: EncoderFolder = None,
    allow_noncommercial: AllowNoncommercial = False,
    device: Device = "auto",
    bf16: Bf16 = False,
    offline: Offline = False,
) -> None:
    """Paint the cover of an album from one of its songs, or of each album in a folder.

    Artist, album, genre and year are those of the file's tags; options go over them. What neither tells is
    asked for on a terminal, and else read from the names of folders and files: Artist/Album/01 - Title.mp3.
    """
    order = {
        "prompt": prompt, "tags": tuple(tag or ()), "n": n, "seed": seed, "steps": steps,
        "guidance_scale": guidance_scale, "audio_scale": audio_scale,
        "audio_guidance_scale": audio_guidance_scale, "noise_scheduler": noise_scheduler, "size": size,
        "variation_seed": variation_seed, "variation_strength": variation_strength,
    }  # fmt: skip
    given = {"artist": artist, "album": album, "genre": genre, "year": year}
    _check_places(music, out)

    from covergen import cover_command

    models = {
        "stable_diffusion": stable_diffusion, "fusion": None if fusion == "none" else fusion,
        "encoder": encoder, "allow_noncommercial": allow_noncommercial, "device": device, "bf16": bf16,
        "offline": offline,
    }  # fmt: skip
    cover_command.paint(music, out, given=given, order=order, models=models, force=force, moods=moods)


@app.command()
def serve(
    root: Annotated[str, typer.Argument(help="where requests and covers are kept")] = "out/serve/root",
    *,
    port: Annotated[int, typer.Option(help="on this machine alone")] = 8000,
    host_name: Annotated[
        list[str] | None, typer.Option(help="another name that it is called by, as by a proxy; repeatable")
    ] = None,
    grace: Annotated[float, typer.Option(help="seconds for what is under way when it is stopped")] = 10.0,
    upload_mb: Annotated[float, typer.Option(min=1, help="of uploads kept; the oldest make room")] = 2048,
    upload_days: Annotated[float, typer.Option(min=0, help="an upload is kept")] = 30,
    stable_diffusion: StableDiffusion = "tiny",
    fusion: Fusion = "shipped",
    encoder: EncoderFolder = None,
    allow_noncommercial: AllowNoncommercial = False,
    device: Device = "auto",
    bf16: Bf16 = False,
    offline: Offline = False,
) -> None:
    """Open the page and the API on this machine, in one process and without a cluster."""
    from covergen.serving.api_keys import ApiKeys
    from covergen.serving.http.routes import Settings
    from covergen.serving.http.server import local_app, run
    from covergen.serving.queue import Allowance
    from covergen.serving.service import CoverService

    service = CoverService(
        stable_diffusion, None if fusion == "none" else fusion, encoder=encoder, device=device, bf16=bf16,
        allow_noncommercial=allow_noncommercial, offline=offline,
    )  # fmt: skip
    service.fetch()
    print(f"http://127.0.0.1:{port}/ is the page; the first cover loads the models. Ctrl-C stops it.")
    kept = Allowance(upload_bytes=int(upload_mb * 2**20), upload_days=upload_days)
    settings = Settings(api_keys=ApiKeys(everybody=kept), hosts=tuple(host_name or ()))
    run(local_app(root, service, settings), host="127.0.0.1", port=port, grace=grace)


def _check_places(music: Path, out: Path) -> None:
    """Refuse before anything heavy is loaded."""
    from covergen.serving.domain import FORMATS

    if not music.exists():
        raise ConfigError(f"There is no file or folder {music}; name the song to listen to, or an album.")
    if out.is_dir():
        return
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"--out {out} does not end in {', '.join(FORMATS)}, the format; name such a file, or a folder."
        )
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder {out.absolute().parent}; make it, or choose another --out.")


@app.command()
def export_adapter(
    fusion: Annotated[str, typer.Argument(help="checkpoint folder, or 'shipped'")] = "shipped",
    out: Annotated[Path, typer.Argument(help="where the file goes")] = Path("adapter.safetensors"),
    *,
    stable_diffusion: Annotated[str, typer.Option(help="the base it was trained on")] = "tiny",
    force: Annotated[bool, typer.Option("--force", help="write over a file that is there")] = False,
    offline: Offline = False,
) -> None:
    """Write a fusion as one file that stock diffusers loads as an IP-Adapter."""
    if out.suffix != ".safetensors":
        raise ConfigError(f"{out} does not end in .safetensors, and diffusers goes by that.")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder {out.absolute().parent}; make it, or choose another place.")

    from covergen.cover_command import free
    from covergen.serving.service import export_adapter

    if (place := free(out, force=force)) != out:
        print(f"{out} is there and stays (--force writes over it).")
        out = place
    facts = export_adapter(fusion, out, base=stable_diffusion, offline=offline)
    layers, frames, width = facts["feature_shape"]
    print(f"{out}: an IP-Adapter of size {facts['size']} for {stable_diffusion}, {_megabytes(out)}.")
    encoder, seconds = (facts["heard_with"].get(key, "?") for key in ("encoder", "seconds"))
    print(f"It hears {layers} x {frames} x {width} features of {encoder} over {seconds} s (docs/adapter.md).")


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.1f} MB"


@app.command()
def doctor(
    serve: Annotated[Path | None, typer.Option(help="a serve_config.yaml to look at instead")] = None,
) -> None:
    """Look at this machine (versions, torch's build, devices, assets, caches), or at a service's config."""
    from covergen.doctor import examine

    if serve is not None:
        _look_at_service(serve)
        return
    findings = list(examine())
    for finding in findings:
        print(f"{'ok ' if finding.good else 'BAD'}  {finding.name:<16} {finding.found}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _look_at_service(path: Path) -> None:
    from covergen.serving.manifest import problems_in, read_manifest

    problems = problems_in(read_manifest(path))
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print(f"{path} is sound.")


@app.command()
def genres(
    table: Annotated[Path, typer.Argument(help="CSV, JSON or Parquet", show_default=False)],
    *,
    raw: Annotated[str, typer.Option(help="column with genres in anybody's words")] = "genres",
    canonical: Annotated[str, typer.Option(help="column with one genre of your own")] = "genre",
) -> None:
    """Compare the canonical genres of a catalogue with ours, the largest groups of disagreements first."""
    from covergen.catalog.agreement import agreement
    from covergen.sources.local.table import Columns, read_rows

    columns = Columns({"raw": raw, "canonical": canonical}, (), ())
    rows = [row for _, row in read_rows(table) if row is not None]
    if missing := [name for name in (raw, canonical) if not any(name in row for row in rows)]:
        there = ", ".join(dict.fromkeys(str(name) for row in rows for name in row)) or "none"
        problem = f"{table} has no column {missing[0]!r}; name yours with --raw and --canonical."
        raise ConfigError(f"{problem} Its columns: {there}.")
    found = agreement((columns.words(row, "raw"), columns.text(row, "canonical") or "") for row in rows)
    print(f"{found.agreed} of {found.albums} albums agree: {found.share:.2%}")
    for group in found.disagreements:
        print(f"{group.albums:>6}  {group.theirs} -> {group.ours or '?'}   {', '.join(group.words)}")


@app.command()
def verify(root: RootAddress) -> None:
    """Prove a root: no doubled keys, no lost rows, checksums, schemas. Exit code 1 if something is wrong."""
    from covergen import root_commands

    problems = root_commands.verify(root)
    for problem in problems:
        print(f"{problem.kind}: {problem.message}")
    if problems:
        print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in {root}.")
        raise typer.Exit(1)
    print(f"{root} is sound.")


@app.command()
def sweep(
    root: RootAddress,
    hours: Annotated[int, typer.Option(help="leave younger files to running jobs")] = 168,
    dry_run: Annotated[bool, typer.Option(help="count, remove nothing")] = False,
    upload_mb: Annotated[float | None, typer.Option(min=0, help="of a service: uploads kept of each")] = None,
    upload_days: Annotated[float | None, typer.Option(min=0, help="of a service: uploads are kept")] = None,
    cover_days: Annotated[float | None, typer.Option(min=0, help="of a service: covers are kept")] = None,
) -> None:
    """Remove files that no reader sees, such as those of a killed job or service."""
    from covergen import root_commands
    from covergen.serving.queue import Allowance

    limit = None if upload_mb is None else int(upload_mb * 2**20)
    kept = Allowance(upload_bytes=limit, upload_days=upload_days, cover_days=cover_days)
    counts = root_commands.sweep(root, hours=hours, dry_run=dry_run, allowance=kept)
    for table, files in counts.items():
        print(f"{table:<20} {files} files")
    print(f"{sum(counts.values())} files {'would be removed' if dry_run else 'removed'} from {root}.")


@app.command()
def compact(root: RootAddress) -> None:
    """Merge the small files of each table, and say how large its files are."""
    from covergen.storage import upkeep

    for table, merged in upkeep.compact(root).items():
        sizes = [size / 2**20 for size in merged.sizes]
        files = f"{merged.before} -> {len(sizes)} files"
        print(f"{table:<18} {files:<20} {_spread(sizes)}".rstrip())


def _spread(sizes: list[float]) -> str:
    """Return sizes in MB, smallest to largest, in words."""
    if len(sizes) < 2:
        return "".join(f"{size:.1f} MB" for size in sizes)
    return f"{sizes[0]:.1f} to {sizes[-1]:.1f} MB, half of them {sizes[len(sizes) // 2]:.1f} MB or more"


if __name__ == "__main__":
    main()
