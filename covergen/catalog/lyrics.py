"""What a song is about: themes of its lyrics, by words that speak of them, in six languages.

A word list, not a model: it names a theme only where several of its words stand in different lines, and says
nothing of languages and scripts that it does not know.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from covergen.sources.identity import normalise
from covergen.sources.matching.editions import fold

RUN: Final = 5  # words in a row that no prompt may share with the lyrics
FEWEST_WORDS: Final = 12  # of lyrics whose language can be told
STOP_SHARE: Final = 0.15  # of a text's words that are stop words of its language
LEAD: Final = 1.2  # times as many as of the next language
HITS: Final = 2  # lines that speak of a theme
STEM: Final = 4  # letters of the shortest stem

# Words by which lyrics tell their language and what they are about. Data, no code.
#
# All in the spelling of `editions.fold`: lower case, no accents, no apostrophes. A '*' ends a stem of four
# letters or more.

STOP_WORDS: Final = {
    "en": (
        "the and you i to a of in my me it is on your for with that be this but im we all are was dont no "
        "so when what they not from just like have if can youre do at will ill or there where now"
    ),
    "de": (
        "und ich du die der das nicht ist ein eine in zu mir mich dir dich es wir ihr sie mit auf auch "
        "wenn so wie was fur nur von dem den im noch kein mein meine dein bin bist hab habe sind war doch"
    ),
    "fr": (
        "je tu il elle nous vous le la les un une des de du et est que qui dans pour pas ne ce cest jai "
        "moi toi mon ma mes ton ta tes sur avec on quand comme plus sans au aux si y en mais"
    ),
    "es": (
        "yo tu el ella la los las un una de del y es que en por para no me te se mi mis con lo como "
        "cuando mas pero si sin al su hay esta estoy soy eres todo muy ya porque donde quiero"
    ),
    "pt": (
        "eu voce ele ela o a os as um uma de do da dos das e que em no na nos nas por pra para nao me te "
        "se meu minha seu sua com como quando mais mas sem ao esta estou sou tudo muito ja foi so isso"
    ),
    "it": (
        "io tu lui lei il lo la i gli le un una di del della e che in per non mi ti si mio mia tuo tua "
        "con come quando piu ma se senza al ce sono sei ho hai tutto questo nel nella dove cosa anche"
    ),
}
# A theme's name is what stands in the prompt; each language has the words that speak of it.
THEMES: Final = {
    "love": {
        "en": "love* lover* heart* kiss* darling* romance* sweetheart*",
        "de": "liebe liebst lieben geliebt* herz* kuss kusse kussen* verliebt*",
        "fr": "amour* aime aimes aimer coeur* embrass* baiser* amoureu*",
        "es": "amor amores amar amas corazon* beso besos besar* enamor*",
        "pt": "amor amores amar coracao* beijo* beijar* apaixon*",
        "it": "amore amori amare amar cuore cuori bacio baci baciar* innamor*",
    },
    "loss and longing": {
        "en": "goodbye* lonely* alone tears cry crying cried missing miss lost gone broken*",
        "de": "allein* einsam* trane* weine* weinen* vermiss* verlor* abschied* sehnsucht*",
        "fr": "adieu* seul* seule larme* pleur* perdu* manque* absence* chagrin*",
        "es": "adios solo sola soledad* lagrima* llor* perdid* extran* olvid*",
        "pt": "adeus sozinh* lagrima* chor* perdid* saudade* solidao*",
        "it": "addio solo sola solitudine* lacrim* piang* pianto perdut* perso manchi mancan*",
    },
    "night": {
        "en": "night* midnight* moon* star stars dark* shadow* dream* sleep*",
        "de": "nacht* nachte* mitternacht* mond* sterne* dunkel* schatten* traum* traume*",
        "fr": "nuit* minuit* lune* etoile* sombre* ombre* reve* dormir*",
        "es": "noche* medianoche* luna* estrella* oscur* sombra* sueno* dormir*",
        "pt": "noite* meianoite* lua luar estrela* escur* sombra* sonho* dormir*",
        "it": "notte notti mezzanotte* luna stella stelle buio oscur* ombra ombre sogno sogni dormir*",
    },
    "the sea": {
        "en": "ocean* sea seas wave waves shore* sail* harbour* harbor* tide* beach*",
        "de": "meer meere ozean* welle* wellen* strand* kuste* segel* hafen* flut",
        "fr": "mers ocean* vague* plage* rivage* voile* port maree* marin*",
        "es": "mar mares oceano* ola olas playa* orilla* puerto* marea* marin*",
        "pt": "mar mares oceano* onda* praia* areia* porto mare marinh*",
        "it": "mare mari oceano* onda onde spiaggia* riva porto marea* marin*",
    },
    "nature": {
        "en": "tree trees forest* river* mountain* flower* garden* bird* meadow* leaf leaves field fields",
        "de": "baum* baume* wald* walder* fluss* berg* blume* garten* vogel* wiese* blatter* feld felder",
        "fr": "arbre* foret* riviere* montagne* fleur* jardin* oiseau* prairie* feuille* champ champs",
        "es": "arbol* bosque* montana* flor flores jardin* pajaro* pradera* hoja hojas campo campos",
        "pt": "arvore* floresta* montanha* flor flores jardim* passaro* folha* campo campos",
        "it": (
            "albero* alberi* bosco boschi fiume* montagn* fiore fiori giardin* uccell* foglia foglie "
            "prato campo campi"
        ),
    },
    "sun and summer": {
        "en": "sun suns summer* sunshine* sunlight* morning* golden",
        "de": "sonne* sommer* sonnenlicht* morgen* golden*",
        "fr": "soleil* matin* aube doree* lumiere*",
        "es": "sol soles verano* manana* amanecer* dorad* luz",
        "pt": "verao* manha manhas amanhecer* dourad* sol luz",
        "it": "sole soli estate mattin* alba dorat* luce luci",
    },
    "rain and winter": {
        "en": "rain* winter* snow* storm* cold cloud* frost* thunder*",
        "de": "regen* winter* schnee* sturm* kalt* wolke* frost* donner*",
        "fr": "pluie* hiver* neige* orage* tempete* froid* nuage*",
        "es": "lluvia* invierno* nieve* tormenta* frio fria nube nubes",
        "pt": "chuva* inverno* neve tempestade* frio fria nuvem* nuvens*",
        "it": "pioggia* inverno* neve tempesta* freddo fredda nuvol*",
    },
    "freedom and the road": {
        "en": "road* highway* free freedom* travel* wander* wings fly flying run running horizon*",
        "de": "strasse* frei freiheit* reise* wander* flugel* fliege* horizont* weite*",
        "fr": "route* libre* liberte* voyage* chemin* ailes voler horizon*",
        "es": "camino* carretera* libre* libertad* viaj* alas volar horizonte*",
        "pt": "estrada* caminho* livre* liberdade* viag* asas voar horizonte*",
        "it": "strada strade liber* viagg* cammin* vola volare orizzont*",
    },
    "home and childhood": {
        "en": "home house mother* father* mama papa child* children* brother* sister* family* village*",
        "de": (
            "heimat* zuhause* haus mutter* vater* kind kinder* kindheit* bruder* schwester* familie* dorf"
        ),
        "fr": "maison* mere pere maman papa enfant* enfance* frere* soeur* famille* village*",
        "es": (
            "casa hogar madre* padre* mama papa nino ninos nina ninez* infancia* hermano* familia* pueblo*"
        ),
        "pt": "casa* mae pai crianca* infancia* irmao* irma familia* aldeia*",
        "it": "casa madre padre mamma bambin* infanzia* fratell* sorell* famiglia* paese paesi",
    },
    "the city": {
        "en": "city cities street* downtown* neon* traffic* subway* skyline* train trains",
        "de": "stadt stadte* gasse* neon* verkehr* bahnhof* hauser* asphalt* grossstadt*",
        "fr": "ville* rues boulevard* metro trottoir* neon* gare gares beton",
        "es": "ciudad* calle* barrio* metro asfalto* neon* avenida*",
        "pt": "cidade* ruas bairro* metro asfalto* neon* avenida*",
        "it": "citta vicol* quartier* metro asfalto* neon* viale piazza*",
    },
    "dance and celebration": {
        "en": "dance* dancing* party* celebrat* music* rhythm* sing singing song songs groove*",
        "de": "tanz* tanze* feier* musik* rhythmus* singen* lied lieder* party*",
        "fr": "danse* fete* musique* rythme* chante* chanter* chanson* celebr*",
        "es": "baila* bailar* baile* fiesta* musica* ritmo* canta cantar* cancion*",
        "pt": "danca* dancar* festa* musica* ritmo* canta cantar* cancao* samba*",
        "it": "balla ballare* ballo danza* festa feste musica* ritmo* canta cantare* canzon*",
    },
    "faith and hope": {
        "en": "god lord heaven* pray* angel* hope* soul* faith* holy bless* glory*",
        "de": "gott himmel* beten* gebet* engel* hoffnung* seele* glaube* heilig* segen*",
        "fr": "dieu ciel cieux priere* prier ange anges espoir* ames foi sacre*",
        "es": "dios cielo* rezar* oracion* angel* esperanza* alma almas bendi* santo santa",
        "pt": "deus ceus rezar* oracao* anjo* esperanca* alma almas bendi* santo santa gloria*",
        "it": "dio cielo cieli pregar* preghier* angelo angeli speranz* anima anime fede santo santa",
    },
    "war and struggle": {
        "en": "war wars battle* soldier* fight* blood gun guns weapon* fallen enemy* enemies*",
        "de": "krieg* schlacht* soldat* kampf* kampfe* blut waffe* feind* gefallen*",
        "fr": "guerre* bataille* soldat* combat* sang arme armes ennemi*",
        "es": "guerra* batalla* soldado* lucha* sangre* arma armas enemig*",
        "pt": "guerra* batalha* soldado* luta* sangue* arma armas inimig*",
        "it": "guerra* guerre* battagli* soldat* lotta lotte sangue* arma armi nemic*",
    },
    "time and memory": {
        "en": "time times memory* memories* remember* yesterday* years clock* forever* past",
        "de": "zeit zeiten erinner* gestern* jahre* fruher* vergangen* ewig* stunde*",
        "fr": "temps souvenir* souviens* hier annee* passe jadis toujours* heure*",
        "es": "tiempo* recuerdo* recordar* ayer pasado* anos siempre* reloj*",
        "pt": "tempo* lembr* memoria* ontem passado* anos sempre* relogio*",
        "it": "tempo tempi ricord* ieri passato anni sempre* orologi* memoria*",
    },
}
# Lines with such words tell no theme, titles with them stand in no prompt of the style.
EXPLICIT: Final = {
    "en": (
        "fuck fucks fucking fucked fucker motherfucker motherfucking shit bullshit bitch bitches cunt "
        "dick pussy cock whore slut nigga niggas nigger asshole"
    ),
    "de": "fick ficken fickt gefickt scheisse arschloch fotze hure schlampe wichser nutte",
    "fr": "putain merde salope connard connasse encule enculer pute putes bite nique niquer",
    "es": "puta puto putas mierda joder cono polla follar cabron pendejo verga chingar",
    "pt": "caralho porra foder fodase buceta merda puta viado",
    "it": "cazzo stronzo stronza puttana troia vaffanculo scopare coglione minchia merda",
}


def themes(lyrics: str, count: int) -> tuple[str, ...]:
    """Return up to `count` themes in our own words, the most frequent first; none where none is sure.

    A line counts once however often it is sung, and a line with an explicit word does not count.
    """
    lines = [
        words for words in dict.fromkeys(tuple(fold(line).split()) for line in lyrics.splitlines()) if words
    ]
    if (language := language_of([word for line in lines for word in line])) is None:
        return ()
    hits: Counter[str] = Counter()
    for line in lines:
        if not _explicit(line, language):
            hits.update({theme for word in line for theme in _themes_of(word, language)})
    sure = [theme for theme in THEMES if hits[theme] >= HITS]
    return tuple(sorted(sure, key=lambda theme: -hits[theme])[:count])


def language_of(words: list[str]) -> str | None:
    """Return en, de, fr, es, pt or it, by the share of stop words among folded words; None if unsure."""
    if len(words) < FEWEST_WORDS:
        return None
    counts = Counter(words)
    shares = {
        language: sum(counts[word] for word in stops.split()) / len(words)
        for language, stops in STOP_WORDS.items()
    }
    best, second = sorted(shares, key=lambda language: -shares[language])[:2]
    sure = shares[best] >= STOP_SHARE and shares[best] >= LEAD * shares[second]
    return best if sure else None


def is_explicit(title: str, lyrics: str) -> bool:
    """Say whether a title has an explicit word of English or its lyrics' language; of any where unsure."""
    return _explicit(tuple(fold(title).split()), language_of(fold(lyrics).split()))


def quotes(text: str, lyrics: str) -> bool:
    """Say whether a text shares a run of five words with lyrics, case and punctuation aside."""
    return not set(_runs(text)).isdisjoint(_runs(lyrics))


def _explicit(words: tuple[str, ...], language: str | None) -> bool:
    languages = ("en", language) if language else tuple(EXPLICIT)
    return any(word in EXPLICIT[known].split() for known in languages for word in words)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = normalise(text).split()
    return (tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1))


def _themes_of(word: str, language: str) -> set[str]:
    whole, stems = _lists(language)
    found = set(whole.get(word, ()))
    for end in range(STEM, len(word) + 1):
        found |= stems.get(word[:end], set())
    return found


@cache
def _lists(language: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return (whole words, stems) of a language with the themes they speak of; stems end in '*'."""
    whole: dict[str, set[str]] = defaultdict(set)
    stems: dict[str, set[str]] = defaultdict(set)
    for theme, by_language in THEMES.items():
        for word in by_language[language].split():
            (stems if word.endswith("*") else whole)[word.removesuffix("*")].add(theme)
    return dict(whole), dict(stems)
