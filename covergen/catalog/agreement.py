"""How far our canonical genres agree with those that a catalogue already has."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from covergen.catalog.genres import KIN, canonical_genre, split_genres

WORDS_SHOWN = 6  # words that a group of disagreements is described by


@dataclass(frozen=True)
class Disagreement:
    """Albums that they file under `theirs` and we under `ours`; None: the word leads us nowhere."""

    theirs: str
    ours: str | None
    albums: int
    words: tuple[str, ...]  # the commonest genre words of these albums


@dataclass(frozen=True)
class Agreement:
    """Over all albums that have a canonical genre of theirs; `disagreements` has the largest group first."""

    albums: int
    agreed: int
    disagreements: tuple[Disagreement, ...]

    @property
    def share(self) -> float:
        """Share of albums on which both agree; 1 where there is nothing to compare."""
        return self.agreed / self.albums if self.albums else 1.0


def agreement(albums: Iterable[tuple[Sequence[str], str]]) -> Agreement:
    """Return how (raw genres, canonical genre of theirs) agree with ours.

    Their word is read by our own tree: "Hip-Hop" is hip hop, "R&B", "Funk" and "Gospel" are soul,
    "Alternative" is rock. A narrower genre of ours agrees with their wider one (metal and punk with "Rock",
    ambient with "Electronic"), never the other way round. Albums without a genre of theirs do not count.
    """
    count = agreed = 0
    words: dict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    groups: Counter[tuple[str, str | None]] = Counter()
    for raw, theirs in albums:
        if not theirs.strip():
            continue
        count += 1
        ours = canonical_genre(raw)
        if names_the_same(theirs, ours):
            agreed += 1
            continue
        groups[theirs, ours] += 1
        words[theirs, ours].update(genre.casefold() for genre in split_genres(raw))
    found = sorted(groups.items(), key=lambda item: (-item[1], str(item[0])))
    return Agreement(
        count,
        agreed,
        tuple(
            Disagreement(
                *pair, albums=n, words=tuple(word for word, _ in words[pair].most_common(WORDS_SHOWN))
            )
            for pair, n in found
        ),
    )


def names_the_same(theirs: str, ours: str | None) -> bool:
    """Say whether their word names our canonical genre or a wider one that holds it."""
    known = canonical_genre([theirs])
    return known is not None and ours is not None and known in {ours, KIN.get(ours)}
