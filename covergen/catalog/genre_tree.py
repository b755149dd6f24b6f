"""The canonical genres, and what else each of them is called. Data, no code."""

from typing import Final

# Leaves in normalised spelling (lower case, no hyphens). A leaf stands where its last word would mislead.
FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "rock": (
        "folk rock", "blues rock", "country rock", "psych", "chamber psych", "alternative dance", "no wave",
        "nu gaze", "noise rock", "punk blues", "pub rock", "british invasion", "visual kei",
        "canterbury scene", "palm desert scene", "beatlesque", "neo progressive", "crank wave", "dreamo",
        "cosmic american", "jangle", "supergroup", "dunedin sound", "paisley underground",
        "industrial rock", "alternative", "indie", "grunge", "shoegaze", "rock and roll", "rock n roll",
        "rock & roll", "rockabilly", "new wave", "post punk", "krautrock", "madchester", "neo psychedelia",
        "psychedelic", "prog", "jam band", "surf", "emo", "screamo", "merseybeat", "math rock", "post rock",
        "noise", "slowcore",
    ),
    "pop": (
        "synth pop", "synthpop", "electropop", "bitpop", "futurepop", "indietronica", "britpop",
        "new romantic", "metropopolis", "indie poptimism", "freestyle", "shibuya kei", "alt z", "pop dance",
        "pop emo", "elephant 6", "vtuber", "dance pop", "power pop", "art pop", "chamber pop",
        "bedroom pop", "k pop", "j pop", "c pop", "cantopop", "mandopop", "europop", "boy band",
        "girl group", "adult standards", "easy listening", "vocal pop", "bubblegum", "schlager", "chanson",
        "operatic pop", "idol", "christmas", "children's music", "novelty", "strut", "talent show",
        "eurovision",
    ),
    "electronic": (
        "intelligent dance music", "wonky", "moombahton", "complextro", "electroclash", "future garage",
        "braindance", "aggrotech", "deconstructed club", "rave", "uk funky", "nu skool breaks",
        "swedish synth", "electronica", "edm", "techno", "house", "trance", "dubstep", "drum and bass",
        "drum & bass", "dnb", "jungle", "breakbeat", "big beat", "idm", "electro", "synthwave", "chiptune",
        "8 bit", "vaporwave", "trip hop", "downtempo", "chillwave", "garage house", "eurodance",
        "hardstyle", "gabber", "ebm", "glitch", "bass music", "future bass", "uk garage", "dance",
        "disco house", "industrial", "darkwave", "footwork", "italo disco", "hi nrg", "microhouse",
        "tropical house", "big room",
    ),
    "ambient": (
        "natural sounds", "hauntology", "psychill", "dark ambient", "drone", "new age", "chillout",
        "chill out", "meditation", "space music", "soundscape", "field recordings", "nature sounds",
        "sleep", "ambient techno", "lounge",
    ),
    "hip hop": (
        "hiphop", "rap", "trap", "drill", "grime", "boom bap", "lo fi hip hop", "lofi hip hop",
        "lo fi beats", "lofi", "jazz rap", "crunk", "hyphy", "turntablism", "g funk", "conscious hip hop",
        "miami bass", "phonk", "cloud rap", "trap latino", "country rap", "emo rap", "pop rap",
    ),
    "jazz": (
        "bebop", "hard bop", "swing", "big band", "dixieland", "ragtime", "fusion", "jazz fusion",
        "smooth jazz", "cool jazz", "free jazz", "jazz funk", "bossa nova jazz", "stride",
        "avant garde jazz", "soul jazz", "latin jazz", "electro swing", "jazz blues", "jazz rock",
    ),
    "classical": (
        "baroque", "romantic", "renaissance", "opera", "orchestral", "orchestra", "symphony", "symphonic",
        "concerto", "chamber", "chamber music", "choral", "choir", "string quartet", "church organ",
        "impressionist", "minimalism", "contemporary classical", "modern classical", "neoclassical",
        "early music", "gregorian chant", "sacred", "hymn", "waltz", "march", "brass band", "wind band",
        "military band", "sonata", "lied", "oratorio", "parlor song", "impressionism", "serialism",
    ),
    "folk": (
        "women's music", "new weird america", "american primitive", "indiecoustica", "cajun", "traditional",
        "bluegrass", "americana", "celtic", "sea shanty", "medieval", "neofolk", "freak folk", "indie folk",
        "anti folk", "stomp and holler", "old time", "scandinavian", "klezmer", "polka", "balkan",
        "folklore", "ballad", "troubadour", "skiffle",
    ),
    "metal": (
        "deathrash", "usbm", "black 'n' roll", "shred", "nwothm", "slayer", "heavy metal", "thrash",
        "death", "doom", "nwobhm", "grindcore", "djent", "metalcore", "deathcore", "mathcore", "sludge",
        "speed metal", "folk metal", "industrial metal", "screamo metal", "power metal", "melodic death",
        "stoner metal", "neue deutsche harte",
    ),
    "punk": (
        "nyhc", "powerviolence", "d beat", "skramz", "uk82", "c86", "punk rock", "hardcore",
        "hardcore punk", "pop punk", "skate punk", "ska punk", "oi", "crust", "riot grrrl", "post hardcore",
        "melodic hardcore", "queercore", "folk punk", "horror punk", "straight edge", "egg punk",
    ),
    "country": (
        "nashville", "honky tonk", "outlaw country", "alt country", "country pop", "country road",
        "western", "western swing", "red dirt", "bro country", "cowboy western", "truck driving",
    ),
    "blues": (
        "delta blues", "chicago blues", "electric blues", "country blues", "boogie woogie",
        "rhythm and blues", "jump blues", "harmonica blues", "modern blues",
    ),
    "soul": (
        "minneapolis sound", "trap soul", "r&b", "rnb", "r and b", "rhythm & blues", "funk", "motown",
        "neo soul", "disco", "gospel", "spiritual", "quiet storm", "new jack swing", "boogie",
        "contemporary r&b", "urban contemporary", "alternative r&b", "doo wop", "northern soul", "p funk",
        "go go", "philly soul",
    ),
    "reggae": (
        "ska", "dub", "dancehall", "rocksteady", "roots reggae", "ragga", "lovers rock", "mento",
        "reggae fusion",
    ),
    "latin": (
        "salsa", "bachata", "merengue", "cumbia", "reggaeton", "tango", "bossa nova", "samba", "mpb",
        "mariachi", "ranchera", "bolero", "son cubano", "mambo", "tejano", "vallenato", "flamenco",
        "latin pop", "rock en espanol", "rumba", "forro", "fado", "corrido", "norteno", "banda",
        "urbano latino", "musica mexicana", "pagode",
    ),
    "world": (
        "afrobeat", "afrobeats", "afropop", "highlife", "soukous", "rai", "qawwali", "bollywood", "bhangra",
        "gamelan", "middle eastern", "arabic", "african", "indian", "native american", "raga",
        "world music", "worldbeat", "throat singing", "enka", "fuji", "mbalax", "desert blues", "gnawa",
        "taarab", "exotica", "calypso", "soca",
    ),
    "soundtrack": (
        "score", "show tunes", "movie tunes", "hollywood", "film score", "film music", "movie soundtrack",
        "ost", "video game music", "game", "vgm", "musical", "musicals", "broadway", "cinematic", "epic",
        "fantasy", "anime", "theme", "library music", "trailer music",
    ),
    "spoken word": (
        "comedy", "audiobook", "podcast", "poetry", "stand up", "speech", "radio drama", "hoerspiel",
        "horspiel",
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
    "vocal": "pop",
    "singer songwriter": "folk",
    "permanent wave": "rock",
    "mellow gold": "rock",
    "lo fi": "rock",
    "lilith": "folk",
    "neo mellow": "pop",
    "solo wave": "pop",
    "worship": "soul",
    "ccm": "soul",
    "christian music": "soul",
}

# Of one kin: they stand together against the rest before they part.
KIN: Final = {"metal": "rock", "punk": "rock", "ambient": "electronic"}

# Names so broad that any other genre with as many words stands before them.
BROAD: Final = frozenset({"rock"})

# How words end that were made up of a genre: ectofolk, indietronica, bubblegrunge.
ENDINGS: Final = {
    "tronica": "electronic",
    "step": "electronic",
    "wave": "electronic",
    "trance": "electronic",
    "grunge": "rock",
    "gaze": "rock",
    "billy": "rock",
    "death": "metal",
    "grind": "metal",
    "core": "punk",
    "rap": "hip hop",
    "hop": "hip hop",
}
