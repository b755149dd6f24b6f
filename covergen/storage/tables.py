"""Every table, declared once: name, key, columns. Arrow schemas that Delta Lake can hold.

Delta has no half floats and no fixed-size lists, so a tensor is a `binary` column of little-endian values
whose dtype and shape stand in the field's metadata. Filling and reading rows is left to `rows.py`, storing
and finding tables to `root.py`.
"""

import pyarrow as pa

from covergen.storage.columns import IDS, STRINGS, WORDS, Column, Table, count, number, tensor, text, time

CHECKSUM = Column("checksum", pa.binary(), "SHA-256 over all other columns of the row, in the table's order")
INPUT_DIGEST = text("input_digest", "digest of the input this row was made from; a new one means work")
_SOURCE = (
    text("source", "name of the source in the registry"),
    text("source_url", "where the row was read"),
    text("licence", "licence of the row's facts; training refuses those it may not use"),
)

ALBUMS = Table(
    "albums",
    ("album_id",),
    "Albums as the sources tell them, one row per album and source spelling.",
    (
        text("album_id", "SHA-256 of normalised artist, title and year, hexadecimal"),
        text("artist", "album artist; several are joined by '; '"),
        text("title", "album title as written"),
        text("kind", "album, ep, reissue, ... as the source marks it; null where it does not"),
        text("release_date", "ISO 8601 date as far as it is known: 1997, 1997-05 or 1997-05-21"),
        text("release_date_precision", "year, month or day; null where there is no date"),
        Column("genres", STRINGS, "genres in the source's own words"),
        text("label", "record label"),
        *_SOURCE,
        text("source_revision", "revision or version of the page, file or generator"),
        time("fetched_at", "when the row was read"),
        CHECKSUM,
    ),
)

TRACKS = Table(
    "tracks",
    ("track_id",),
    "Tracks as the sources tell them.",
    (
        text("track_id", "SHA-256 of album_id, disc, number and normalised title, hexadecimal"),
        text("album_id", "the album this track is on"),
        text("title", "track title as written"),
        text("artist", "track artist; several are joined by '; '"),
        count("disc", "disc number from 1"),
        count("number", "number on its disc from 1"),
        text("isrc", "International Standard Recording Code"),
        count("duration_ms", "length in milliseconds as the source tells it"),
        number("popularity", "0 to 100, the source's own scale"),
        count("views", "plays or views"),
        time("views_at", "when the views were counted"),
        text("preview_url", "where a clip can be fetched"),
        text("cover_url", "where the cover can be fetched"),
        text("lyrics", "words of the song, a line each, without time stamps; null where nobody tells them"),
        Column("external_ids", IDS, "ids elsewhere, by the name of the place"),
        *_SOURCE,
        CHECKSUM,
    ),
)

MEDIA = Table(
    "media",
    ("owner_id", "kind"),
    "Audio and covers: where they lie and what they are.",
    (
        text("owner_id", "track_id of audio, album_id of a cover"),
        text("kind", "audio or cover"),
        text("uri", "file, https or s3 address; '#embedded' ends that of a picture inside an audio file"),
        text("sha256", "digest of the bytes, hexadecimal"),
        text("mime", "media type by content"),
        count("size_bytes", "length in bytes"),
        number("seconds", "length of audio"),
        count("width", "pixels"),
        count("height", "pixels"),
        *_SOURCE,
        Column(
            "bytes", pa.binary(), "the file itself where it was fetched or made; null for one's own files"
        ),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

ANSWERS = Table(
    "answers",
    ("source", "url"),
    "What sources on the web answered: nothing finished is asked again, and all can be parsed anew.",
    (
        text("source", "name of the source in the registry"),
        text("url", "what was asked"),
        text("final_url", "where the answer came from, after redirects"),
        Column("headers", IDS, "headers of the answer, names in lower case"),
        Column("body", pa.binary(), "the answer as it came"),
        time("fetched_at", "when"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

TAGS = Table(
    "tags",
    ("track_id", "tagger"),
    "What a tagger heard in a track. Null: it does not judge this; words that are empty: it is unsure.",
    (
        text("track_id", "the track"),
        text("tagger", "name of the tagger in the registry"),
        text("basis", "heuristic or model: rules of thumb over measurements, or a trained model"),
        Column("mood", WORDS, "mood words with scores 0 to 1, the best first; empty where none stands out"),
        Column("genre", WORDS, "genre words with scores 0 to 1, likewise"),
        Column("instrument", WORDS, "instrument words with scores 0 to 1, likewise"),
        number("tempo", "beats per minute; null too where no beat repeats"),
        text("key", "tonic, such as F#"),
        text("mode", "major or minor"),
        number("energy", "0 to 1"),
        number("brightness", "0 to 1"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

CATALOG = Table(
    "catalog",
    ("album_id",),
    "One clean row per album: what every later job reads.",
    (
        text("album_id", "the album"),
        text("artist", "album artist"),
        text("title", "album title"),
        text("year", "year of release"),
        text("track_id", "the album's most popular track that has audio"),
        text("track_title", "title of that track"),
        text("genre", "canonical genre"),
        text("genre_source", "where the genre came from: album, artist, tags, default"),
        Column("genres", STRINGS, "genres in the source's own words"),
        number("popularity", "0 to 100"),
        text("split", "train, validation or test; by artist, so no artist is in two"),
        text("licence", "licence of the row's facts"),
        text("cover_sha256", "digest of the album's own cover; null where there is none"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

PROMPTS = Table(
    "prompts",
    ("prompt_id",),
    "What is said to the text encoder.",
    (
        text("prompt_id", "SHA-256 of album_id, style and variant, hexadecimal"),
        text("album_id", "the album"),
        text("style", "name of the prompt style in the registry"),
        text("variant", "full, untitled or genre: training draws among them, generation takes full"),
        text("text", "the prompt"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

AUDIO_EMBEDDINGS = Table(
    "audio_embeddings",
    ("track_id",),
    "What a frozen encoder heard.",
    (
        text("track_id", "the track"),
        tensor("frames", "features [layers, frames, width], windows joined in time"),
        number("seconds", "seconds of music that were heard"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

TEXT_EMBEDDINGS = Table(
    "text_embeddings",
    ("prompt_id",),
    "What the frozen CLIP text encoder made of a prompt.",
    (
        text("prompt_id", "the prompt"),
        text("album_id", "the album"),
        text("variant", "the prompt's variant"),
        tensor("states", "last hidden states [tokens, width]"),
        tensor("pooled", "pooled vector [width]"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

IMAGE_EMBEDDINGS = Table(
    "image_embeddings",
    ("album_id",),
    "What the frozen image encoder made of a cover.",
    (
        text("album_id", "the album"),
        tensor("pooled", "pooled vector [width]"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

LATENTS = Table(
    "latents",
    ("album_id",),
    "Covers through the frozen VAE's encoder, not yet times its scaling factor.",
    (
        text("album_id", "the album"),
        tensor("mean", "mean of the latent distribution [channels, height, width]"),
        tensor("std", "standard deviation of the latent distribution [channels, height, width]"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

GENERATED = Table(
    "generated",
    ("album_id", "system", "variant"),
    "Painted covers, with everything needed to paint them again.",
    (
        text("album_id", "the album"),
        text("system", "whose sound was heard: audio, shuffled, prompt_only"),
        count("variant", "0, 1, ... : several covers of one album"),
        Column("image", pa.binary(), "the picture as PNG"),
        text("prompt", "the words"),
        text("track_id", "the track that was heard; null for prompt_only"),
        text("seed", "seed of all noise, 0 to 2^64 - 1, as decimal digits"),
        count("steps", "sampler steps"),
        number("guidance_scale", "guidance by the words"),
        number("audio_guidance_scale", "guidance by the sound"),
        number("audio_scale", "weight of the audio layers, 0 to 1"),
        text("noise_scheduler", "ddim, pndm, ddpm or dpm++"),
        count("width", "pixels"),
        count("height", "pixels"),
        text("base_digest", "digest of the Stable Diffusion parts"),
        text("fusion_digest", "digest of the fusion checkpoint"),
        number("seconds", "time for this cover, its share of the batch"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

REJECTS = Table(
    "rejects",
    ("stage", "key", "attempt"),
    "Rows that could not be used. The latest attempt of a key counts; a later success clears it.",
    (
        text("stage", "table or job that refused the row"),
        text("key", "key of the row, its parts joined by '/'"),
        count("attempt", "1, 2, ..."),
        text("code", "a `RejectCode`"),
        text("reason", "one sentence for a person"),
        Column("retriable", pa.bool_(), "whether the same input may succeed later"),
        time("rejected_at", "when"),
        time("next_retry_at", "not before this; null where a retry needs a person"),
        text("generation", "generation it was refused from; another may take the row; null: from any"),
        INPUT_DIGEST,
        CHECKSUM,
    ),
)

TABLES = {
    table.name: table
    for table in (
        ALBUMS, TRACKS, ANSWERS, MEDIA, TAGS, CATALOG, PROMPTS, AUDIO_EMBEDDINGS, TEXT_EMBEDDINGS,
        IMAGE_EMBEDDINGS, LATENTS, GENERATED, REJECTS,
    )
}  # fmt: skip
