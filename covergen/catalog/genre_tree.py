"""The canonical genres, and what else each of them is called in English. Data, no code.

What they are called in other languages stands beside it, in `genre_names.yaml`.
"""

from typing import Final

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
