"""The words a tagger chooses among: the tags of MTG-Jamendo (Bogdanov et al. 2019), run-together ones opened.

Those of its public splits: 56 moods and themes, 87 genres, 40 instruments.
"""

from typing import Final

_MOODS = """
action, adventure, advertising, background, ballad, calm, children, christmas, commercial, cool, corporate,
dark, deep, documentary, drama, dramatic, dream, emotional, energetic, epic, fast, film, fun, funny, game,
groovy, happy, heavy, holiday, hopeful, inspiring, love, meditative, melancholic, melodic, motivational,
movie, nature, party, positive, powerful, relaxing, retro, romantic, sad, sexy, slow, soft, soundscape,
space, sport, summer, trailer, travel, upbeat, uplifting
"""
_GENRES = """
60s, 70s, 80s, 90s, acid jazz, alternative, alternative rock, ambient, atmospheric, blues, blues rock, bossa
nova, breakbeat, celtic, chanson, chillout, choir, classical, classic rock, club, contemporary, country,
dance, dark ambient, darkwave, deep house, disco, downtempo, drum and bass, dub, dubstep, easy listening,
edm, electronic, electronica, electropop, ethno, eurodance, experimental, folk, funk, fusion, groove,
grunge, hard, hard rock, hip hop, house, idm, improvisation, indie, industrial, instrumental pop,
instrumental rock, jazz, jazz fusion, latin, lounge, medieval, metal, minimal, new age, new wave,
orchestral, pop, pop folk, pop rock, post rock, progressive, psychedelic, punk rock, rap, reggae, r&b, rock,
rock and roll, singer-songwriter, soul, soundtrack, swing, symphonic, synth pop, techno, trance, trip hop,
world, world fusion
"""
_INSTRUMENTS = """
accordion, acoustic bass guitar, acoustic guitar, bass, beat, bell, bongo, brass, cello, clarinet, classical
guitar, computer, double bass, drum machine, drums, electric guitar, electric piano, flute, guitar,
harmonica, harp, horn, keyboard, oboe, orchestra, organ, pad, percussion, piano, pipe organ, rhodes,
sampler, saxophone, strings, synthesizer, trombone, trumpet, viola, violin, voice
"""


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.replace("\n", " ").split(","))


WORDS: Final = {"mood": _split(_MOODS), "genre": _split(_GENRES), "instrument": _split(_INSTRUMENTS)}
"""Words by the column of `tags` they fill."""

TEMPLATES: Final = {
    "mood": (
        "{} music",
        "this audio is a {} song",
        "a piece of music with a {} mood",
        "music for a {} scene",
    ),
    "genre": ("{} music", "this audio is a {} song", "a {} track", "music of the genre {}"),
    "instrument": ("music with {}", "the sound of {}", "this audio is a song with {}", "a recording of {}"),
}
"""Sentences that each word is put into; a word counts by the average of its sentences."""
