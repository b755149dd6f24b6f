"""Genres in anybody's words to one canonical genre."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import yaml
from mutagen.id3 import TCON

# The canonical genres, and what else each of them is called in English. Data, no code.
#
# What they are called in other languages stands beside it, in `genre_names.yaml`.

# A leaf stands where its last word would mislead, or where it is one word that no other name holds whole.
# Case, accents, hyphens and the ways to write "and" do not count. A name may hold a slash or a comma.
FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "rock": (
        "folk rock", "blues rock", "country rock", "psych", "chamber psych", "alternative dance", "no wave",
        "nu gaze", "noise rock", "punk blues", "pub rock", "british invasion", "visual kei",
        "canterbury scene", "palm desert scene", "beatlesque", "neo progressive", "crank wave", "dreamo",
        "cosmic american", "jangle", "supergroup", "dunedin sound", "paisley underground",
        "industrial rock", "alternative", "indie", "grunge", "shoegaze", "rock and roll", "rockabilly",
        "new wave", "post punk", "krautrock", "madchester", "neo psychedelia", "psychedelic", "prog",
        "jam band", "surf", "emo", "screamo", "merseybeat", "math rock", "post rock", "noise", "slowcore",
        "gbvfi", "austindie", "j division", "bubblegrunge", "spacegrunge", "grungegaze", "countrygaze",
        "voidgaze", "popgaze", "dreamgaze", "psychobilly", "gothabilly", "steampunk", "poprock", "britrock",
        "post grunge", "protopunk", "gothic", "goth", "sadcore", "emocore", "coldwave",
        "neue deutsche welle", "deutschrock", "aor", "swancore",
    ),
    "pop": (
        "synth pop", "synthpop", "electropop", "bitpop", "futurepop", "indietronica", "britpop",
        "new romantic", "metropopolis", "indie poptimism", "freestyle", "shibuya kei", "alt z", "pop dance",
        "pop emo", "elephant 6", "vtuber", "dance pop", "power pop", "art pop", "dream pop", "chamber pop",
        "bedroom pop", "k pop", "j pop", "c pop", "cantopop", "mandopop", "europop", "boy band",
        "girl group", "adult standards", "easy listening", "vocal pop", "bubblegum", "schlager", "chanson",
        "operatic pop", "idol", "christmas", "children's music", "novelty", "strut", "talent show",
        "eurovision", "hyperpop", "telepop", "electropowerpop", "proto hyperpop", "etherpop", "scandipop",
        "transpop", "nederpop", "jpop", "kpop", "cpop", "dansband", "city pop", "eurobeat", "canzone",
        "children", "kids", "kids music", "nursery rhymes", "karaoke", "holiday", "teen pop",
    ),
    "electronic": (
        "intelligent dance music", "wonky", "moombahton", "complextro", "electroclash", "future garage",
        "braindance", "aggrotech", "deconstructed club", "rave", "uk funky", "nu skool breaks",
        "swedish synth", "electronica", "edm", "techno", "house", "trance", "dubstep", "drum and bass",
        "dnb", "jungle", "breakbeat", "big beat", "idm", "electro", "synthwave", "chiptune", "8 bit",
        "vaporwave", "trip hop", "downtempo", "chillwave", "garage house", "eurodance", "hardstyle",
        "gabber", "ebm", "glitch", "bass music", "future bass", "uk garage", "dance", "disco house",
        "industrial", "darkwave", "footwork", "italo disco", "hi nrg", "microhouse", "tropical house",
        "big room", "brostep", "filthstep", "chillstep", "grimewave", "folktronica", "jazztronica",
        "aussietronica", "livetronica", "funktronica", "breakcore", "speedcore", "frenchcore", "terrorcore",
        "happy hardcore", "hardcore techno", "trancecore", "noisecore", "psytrance", "goa", "goa trance",
        "cyberpunk", "minimal wave", "dark wave", "retrowave", "acid", "euro techno", "euro house",
        "club house", "nu breakz", "2 step", "witch house", "illbient", "eurotrance", "jumpstyle", "makina",
        "berlin school", "new beat", "balearic", "power electronics", "d and b", "glitch hop", "leftfield",
        "nitzhonot",
    ),
    "ambient": (
        "natural sounds", "hauntology", "psychill", "dark ambient", "drone", "new age", "chillout",
        "chill out", "meditation", "space music", "soundscape", "field recordings", "nature sounds",
        "sleep", "ambient techno", "lounge", "psybient", "space", "meditative", "ethereal wave",
        "dungeon synth",
    ),
    "hip hop": (
        "hiphop", "rap", "trap", "drill", "grime", "boom bap", "lo fi hip hop", "lo fi beats", "jazz rap",
        "crunk", "hyphy", "turntablism", "g funk", "conscious hip hop", "miami bass", "phonk", "cloud rap",
        "trap latino", "country rap", "emo rap", "pop rap", "chillhop", "nerdcore", "horrorcore",
        "nederhop", "trapcore", "plugg", "pluggnb", "beatboxing", "booty bass",
    ),
    "jazz": (
        "bebop", "hard bop", "swing", "big band", "dixieland", "ragtime", "fusion", "jazz fusion",
        "smooth jazz", "cool jazz", "free jazz", "jazz funk", "bossa nova jazz", "stride",
        "avant garde jazz", "soul jazz", "latin jazz", "electro swing", "jazz blues", "jazz rock",
        "jazz and funk", "post bop", "contemporary post bop", "free improvisation", "manouche",
        "gypsy jazz", "vocal jazz",
    ),
    "classical": (
        "baroque", "romantic", "renaissance", "opera", "orchestral", "orchestra", "symphony", "symphonic",
        "concerto", "chamber", "chamber music", "choral", "choir", "string quartet", "church organ",
        "impressionist", "minimalism", "contemporary classical", "modern classical", "neoclassical",
        "early music", "gregorian chant", "sacred", "hymn", "waltz", "march", "brass band", "wind band",
        "military band", "sonata", "lied", "oratorio", "parlor song", "impressionism", "serialism",
        "chorus", "symphonies", "operas", "concertos", "liturgical", "cantata", "requiem", "art song",
        "lieder", "mazurka", "nocturne",
    ),
    "folk": (
        "women's music", "new weird america", "american primitive", "indiecoustica", "cajun", "traditional",
        "bluegrass", "americana", "celtic", "sea shanty", "medieval", "neofolk", "freak folk", "indie folk",
        "anti folk", "stomp and holler", "old time", "scandinavian", "klezmer", "polka", "balkan",
        "folklore", "ballad", "troubadour", "skiffle", "ectofolk", "bardcore", "folk, world, & country",
        "zydeco", "morris dance", "kentucky roots", "sea shanties", "ballads", "pagan folk",
    ),
    "metal": (
        "deathrash", "usbm", "black 'n' roll", "shred", "nwothm", "slayer", "heavy metal", "thrash",
        "death", "doom", "nwobhm", "grindcore", "djent", "metalcore", "deathcore", "mathcore", "sludge",
        "speed metal", "folk metal", "industrial metal", "screamo metal", "power metal", "melodic death",
        "stoner metal", "neue deutsche harte", "deathgrind", "goregrind", "cybergrind", "voidgrind",
        "melodeath", "blackgaze", "doomgaze", "deathmetal", "blackmetal", "nu metal", "numetal",
        "nintendocore", "crabcore",
    ),
    "punk": (
        "nyhc", "powerviolence", "d beat", "skramz", "uk82", "c86", "punk rock", "hardcore",
        "hardcore punk", "pop punk", "skate punk", "ska punk", "oi", "crust", "riot grrrl", "post hardcore",
        "melodic hardcore", "queercore", "folk punk", "horror punk", "straight edge", "egg punk", "cowpunk",
        "easycore", "screamocore", "sasscore", "ramonescore", "orgcore", "crustcore", "thrashcore",
        "krishnacore", "beatdown", "streetpunk",
    ),
    "country": (
        "nashville", "honky tonk", "outlaw country", "alt country", "country pop", "country road",
        "western", "western swing", "red dirt", "bro country", "cowboy western", "truck driving", "redneck",
        "hillbilly", "bakersfield sound",
    ),
    "blues": (
        "delta blues", "chicago blues", "electric blues", "country blues", "boogie woogie", "jump blues",
        "harmonica blues", "modern blues",
    ),
    "soul": (
        "minneapolis sound", "trap soul", "r&b", "rnb", "funk", "motown", "neo soul", "disco", "gospel",
        "spiritual", "quiet storm", "new jack swing", "boogie", "contemporary r&b", "urban contemporary",
        "alternative r&b", "doo wop", "northern soul", "p funk", "go go", "philly soul", "rhythm and blues",
        "slow jam", "porn groove", "spirituals", "gospel and religious",
    ),
    "reggae": (
        "ska", "dub", "dancehall", "rocksteady", "roots reggae", "ragga", "lovers rock", "mento",
        "reggae fusion", "raggamuffin", "dance hall",
    ),
    "latin": (
        "salsa", "bachata", "merengue", "cumbia", "reggaeton", "tango", "bossa nova", "samba", "mpb",
        "mariachi", "ranchera", "bolero", "son cubano", "mambo", "tejano", "vallenato", "flamenco",
        "latin pop", "rock en espanol", "rumba", "forro", "fado", "corrido", "norteno", "banda",
        "urbano latino", "musica mexicana", "pagode", "sertanejo", "axe", "latino", "neoperreo", "timba",
        "trova",
    ),
    "world": (
        "afrobeat", "afrobeats", "afropop", "highlife", "soukous", "rai", "qawwali", "bollywood", "bhangra",
        "gamelan", "middle eastern", "arabic", "african", "indian", "native american", "raga",
        "world music", "worldbeat", "throat singing", "enka", "fuji", "mbalax", "desert blues", "gnawa",
        "taarab", "exotica", "calypso", "soca", "ethnic", "ethno", "global", "worldwide", "tribal", "morna",
        "laiko", "dangdut", "tuareg guitar", "gamelan music",
    ),
    "soundtrack": (
        "score", "show tunes", "movie tunes", "hollywood", "film score", "film music", "movie soundtrack",
        "ost", "video game music", "game", "vgm", "musical", "musicals", "broadway", "cinematic", "epic",
        "fantasy", "anime", "theme", "library music", "trailer music", "soundtracks", "showtunes",
        "trailer", "videogame", "stage and screen", "film", "original score",
    ),
    "spoken word": (
        "comedy", "audiobook", "podcast", "poetry", "stand up", "speech", "radio drama", "hoerspiel",
        "horspiel", "audiobooks", "podcasts", "audio theatre", "humour", "humor", "satire", "parody",
        "comic", "fairy tales", "sketch",
    ),
}  # fmt: skip
# What an album is played on, or made for, hints at a genre only where no genre is told.
HINTS: Final = {
    "piano": "classical",
    "organ": "classical",
    "strings": "classical",
    "harpsichord": "classical",
    "harmonium": "classical",
    "violin": "classical",
    "cello": "classical",
    "guitar": "folk",
    "acoustic guitar": "folk",
    "acoustic": "folk",
    "fiddle": "folk",
    "accordion": "folk",
    "harp": "folk",
    "synthesizer": "electronic",
    "saxophone": "jazz",
    "club": "electronic",
    "vocal": "pop",
    "a cappella": "pop",
    "a capella": "pop",
    "acappella": "pop",
    "acapella": "pop",
    "singer songwriter": "folk",
    "singer/songwriter": "folk",
    "lo fi": "hip hop",
    "lofi": "hip hop",
    "permanent wave": "rock",
    "mellow gold": "rock",
    "lilith": "folk",
    "neo mellow": "pop",
    "solo wave": "pop",
    "worship": "soul",
    "ccm": "soul",
    "contemporary christian": "soul",
    "christian music": "soul",
}
# Of one kin: they stand together against the rest before they part.
KIN: Final = {"metal": "rock", "punk": "rock", "ambient": "electronic"}
# Names so broad that any other genre with as many words stands before them.
BROAD: Final = frozenset({"rock"})
CANONICAL: Final = tuple(FAMILIES)
UNKNOWN: Final = "unknown"
# These tell what music is for rather than how it sounds: they count only where nothing else is told.
_PURPOSES: Final = frozenset({"soundtrack", "spoken word"})
_NAMES: Final = Path(__file__).parent / "genre_names.yaml"
_SEPARATORS: Final = re.compile(r"\s*[;,/|\\\0\n、，；／｜・·•]\s*")
_LONGEST_NAME: Final = 3  # parts between separators: "Folk, World, & Country"
_NUMBERED: Final = re.compile(r"\s*(?:\d{1,3}|(?:\(\d{1,3}\))+.*)\s*", re.DOTALL)
_NUMBERS: Final = tuple(TCON.GENRES)  # of ID3v1, by which old taggers write genres into any format
_APOSTROPHES: Final = str.maketrans(dict.fromkeys("‘’‛ʼ`´′", "'"))
_LETTERS: Final = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d"})  # what no decomposition parts
_MARKS: Final = re.compile(r"[\u0300-\u036f]")
_AND: Final = re.compile(r"\s*(?:[&+]|'n'|'n(?=\s)|(?<=\s)n'|(?<=\s)n(?=\s))\s*")
_SHORTEST: Final = 2  # letters of a word that is run together with another
_NEAR, _ALIKE = 3, 0.6


def split_genres(raw: Iterable[str]) -> list[str]:
    """Return single genres, each once, in the order and words given: "House/Electronic; R&B" holds three.

    A name that has a slash or comma of its own stays whole ("Singer/Songwriter"), and the numbers of ID3v1
    are words: "17" and "(17)" are "Rock", "17;8" is "Rock" and "Jazz".
    """
    single: dict[str, str] = {}
    for text in raw:
        for whole in _named(text):
            for part in (name for listed in _parts(whole) for name in _named(listed)):
                single.setdefault(part.casefold(), part)
    return list(single.values())


def _named(text: str) -> list[str]:
    """Return a text, or where it is written as ID3v1 numbers what they stand for."""
    if not _NUMBERED.fullmatch(text):
        return [text]
    bare = text.strip()
    numbers = re.findall(r"\((\d{1,3})\)", bare) if bare.startswith("(") else [bare]
    refined = re.sub(r"^(?:\(\d{1,3}\))+", "", bare) if bare.startswith("(") else ""
    known = [_NUMBERS[int(number)] for number in numbers if int(number) < len(_NUMBERS)]
    return [*known, *([refined] if refined else [])] or [text]


def _parts(text: str) -> Iterator[str]:
    """Yield what stands between separators; a name that has some of its own stays whole."""
    gaps = [(found.start(), found.end()) for found in _SEPARATORS.finditer(text)]
    starts, ends = [0, *(end for _, end in gaps)], [*(start for start, _ in gaps), len(text)]
    place = 0
    while place < len(starts):
        last = min(place + _LONGEST_NAME, len(starts)) - 1
        while last > place and not _is_name(text[starts[place] : ends[last]]):
            last -= 1
        if part := text[starts[place] : ends[last]].strip():
            yield part
        place = last + 1


def canonical_genre(raw: Iterable[str]) -> str | None:
    """Return the genre that most of an album's words belong to; None if none is known.

    Kin count together first: with two words of rock and two of metal, three of pop do not win. Of equals, any
    but rock, then the first. Instruments count where no genre is told, and what
    music is made for where nothing else is.
    """
    genres = split_genres(raw)
    families = [family for genre in genres if (family := family_of(genre)) is not None]
    sounds = [family for family in families if family not in _PURPOSES]
    votes = sounds or [hint for genre in genres if (hint := _hint(genre))] or families
    kin = _most([KIN.get(family, family) for family in votes])
    return _most([family for family in votes if KIN.get(family, family) == kin])


def genre_note(genre: str) -> str | None:
    """Return a sentence about a genre that a person wrote and the tree does not know; None where it does."""
    if not plain(genre) or plain(genre) == UNKNOWN or canonical_genre([genre]) is not None:
        return None
    near = [name if name in FAMILIES else f"{name} ({_leads_to(name)})" for name in near_genres(genre)]
    suggestion = f"Near: {', '.join(near)}." if near else f"Known: {', '.join(CANONICAL)}."
    return f"{genre.strip()} is unknown; painted as: {UNKNOWN}. {suggestion}"


def near_genres(genre: str) -> list[str]:
    """Return up to three names that are spelled much like a genre, the nearest first; English ones if any."""
    english = [name for family, leaves in FAMILIES.items() for name in (family, *leaves)]
    for names in ([*english, *HINTS], [other for other, _ in _translations()]):
        spelled = {plain(name): name for name in names}
        if found := difflib.get_close_matches(plain(genre), spelled, _NEAR, _ALIKE):
            return [spelled[name] for name in found]
    return []


def _leads_to(name: str) -> str | None:
    return family_of(name) or _hint(name)


def _most(votes: list[str]) -> str | None:
    counts = Counter(votes)
    return max(counts, key=lambda family: (counts[family], family not in BROAD), default=None)


def _hint(genre: str) -> str | None:
    words, hints = plain(genre).split(), _hints()
    bare = words[:-1] if words[-1:] == ["music"] else []  # "piano music" is of the piano
    ends = (" ".join(phrase[start:]) for phrase in (words, bare) for start in range(len(phrase)))
    return next((hints[end] for end in ends if end in hints), None)


@lru_cache(65_536)
def family_of(genre: str) -> str | None:
    """Return the canonical genre of a single one: by its whole name, else by the longest known end or part.

    Only whole words count: "Greek metal" is metal by its end, "metal from Athens" by a part, and "country
    rock" is rock by its name; "folkpunk" is punk, for it is nothing but two known words, and "bananacore" is
    unknown.
    """
    words = plain(genre).split()
    names = [" ".join(words[start:]) for start in range(len(words))]  # the whole, then its ends
    names += [
        " ".join(words[start : start + length])
        for length in range(len(words) - 1, 0, -1)
        for start in range(len(words) - length)
    ]
    if names and names[0] in _hints() and names[0] not in _leaves():
        return None  # its parts would say more than the whole does
    spaced = [" ".join([*words[:-1], *pair]) for pair in (_two_words(words[-1]) if words else ())]
    known = [
        *(table[name] for table in (_leaves(), _foreign()) for name in names[:1] if name in table),
        *(table[name] for table in (_leaves(), _foreign()) for name in names if name in table),
        *(family for name in spaced if (family := family_of(name))),
    ]
    return known[0] if known else None


def _two_words(word: str) -> list[tuple[str, str]]:
    """Return the two words that one is run together out of: a known name after any word of the tree."""
    halves = [(word[:place], word[place:]) for place in range(_SHORTEST, len(word) - _SHORTEST + 1)]
    return [(first, last) for first, last in halves if first in _vocabulary() and last in _leaves()]


def plain(genre: str) -> str:
    """Return a genre as names are compared: NFKC, case folded, no accents of letters, hyphens or quotes.

    All ways to write "and" are one ("R&B", "R & B", "R'n'B"), and so are all separators.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", genre).casefold())
    unmarked = _MARKS.sub("", unicodedata.normalize("NFD", folded.translate(_APOSTROPHES)))
    text = unicodedata.normalize("NFC", unmarked).translate(_LETTERS)
    text = _AND.sub(" and ", _SEPARATORS.sub("/", re.sub(r"[-‐-―_.\s]+", " ", text)))
    words = "".join(c for c in text if c in " /" or unicodedata.category(c)[0] in "LMN")
    return re.sub(r" */ *", "/", " ".join(words.split()))


def _is_name(genre: str) -> bool:
    name = plain(genre)
    return "/" in name and any(name in table for table in (_leaves(), _foreign(), _hints()))


@cache
def _translations() -> tuple[tuple[str, str], ...]:
    """Return pairs of a name in another language and the name of the tree that it stands for."""
    languages = yaml.safe_load(_NAMES.read_text(encoding="utf-8")).values()
    return tuple((other, name) for names in languages for name, others in names.items() for other in others)


@cache
def _leaves() -> dict[str, str]:
    return {plain(leaf): family for family, names in FAMILIES.items() for leaf in (family, *names)}


@cache
def _foreign() -> dict[str, str]:
    """Return names in other languages: they tell after English ones, "rap latina" is hip hop."""
    leaves, pairs = _leaves(), [(plain(other), plain(name)) for other, name in _translations()]
    return {other: leaves[name] for other, name in pairs if name in leaves}


@cache
def _hints() -> dict[str, str]:
    hints, pairs = {plain(k): v for k, v in HINTS.items()}, _translations()
    return hints | {plain(other): hints[plain(name)] for other, name in pairs if plain(name) in hints}


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(word for name in _leaves() for word in re.split("[ /]", name))
