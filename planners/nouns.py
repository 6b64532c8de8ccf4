"""English nouns, one and several: `benches` ↔ `bench`. Rules of spelling, and the words that keep none."""

from __future__ import annotations

_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "policeman": "policemen",
    "fireman": "firemen",
    "fisherman": "fishermen",
    "snowman": "snowmen",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "tooth": "teeth",
    "foot": "feet",
    "ox": "oxen",
    "die": "dice",
    "cactus": "cacti",
    "taxi": "taxis",
    "kiwi": "kiwis",
    "broccoli": "broccolis",
    "axe": "axes",
    "canvas": "canvases",
    "lens": "lenses",
    "gas": "gases",
}
_SINGULAR = {many: one for one, many in _IRREGULAR.items()}
_F = {"knives": "knife", "loaves": "loaf", "leaves": "leaf", "wolves": "wolf", "shelves": "shelf", "scarves": "scarf"}
_F |= {"calves": "calf", "halves": "half", "elves": "elf", "hooves": "hoof", "thieves": "thief", "wives": "wife"}
_ES = ("ch", "sh", "ss", "x", "zz", "us")
"""Endings after which a plural is written with 'es'."""
_O = {"potato", "tomato", "mango", "hero", "echo", "volcano", "tornado", "domino", "buffalo", "mosquito"}
_IE = {"tie", "pie", "cookie", "movie", "zombie", "hoodie", "smoothie", "brownie", "birdie", "beanie", "selfie", "die"}
_SAME = {
    "sheep",
    "deer",
    "fish",
    "bison",
    "aircraft",
    "spacecraft",
    "series",
    "scissors",
    "skis",
    "pants",
    "jeans",
    "shorts",
    "trousers",
    "glasses",
    "sunglasses",
    "goggles",
    "binoculars",
    "headphones",
    "pliers",
    "pajamas",
    "tongs",
    "stairs",
    "clothes",
}
_NO_PLURAL = ("ss", "us", "is")


def plural(noun: str) -> str:
    """Return several of a noun, of which the last word changes: 'wine glass' → 'wine glasses'."""
    *first, last = noun.split(" ")
    return " ".join([*first, _plural(last)])


def _plural(word: str) -> str:
    if word in _SAME:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for many, one in _F.items():
        if word.endswith(one):
            return word.removesuffix(one) + many
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    if word.endswith(_ES) or word in _O:
        return word + "es"
    return word + "s"


def singulars(word: str) -> tuple[str, ...]:
    """Return what one of `word` may be called, the likeliest first; the word itself where it is no plural.

    'glasses' may be several of a glass or one pair.
    """
    return tuple(dict.fromkeys(_singulars(word)))


def _singulars(word: str) -> list[str]:
    if word == "glasses":
        return ["glass", word]
    if word in _SAME or word in _IRREGULAR:
        return [word]
    if word in _SINGULAR:
        return [_SINGULAR[word]]
    for several, one in _F.items():
        if word.endswith(several):
            return [word.removesuffix(several) + one]
    if not word.endswith("s") or word.endswith(_NO_PLURAL) or len(word) < 3:
        return [word]
    if word.endswith("ies") and len(word) > 4:
        return [word[:-1] if word[:-1] in _IE else word[:-3] + "y"]
    stem = word[:-2]
    if word.endswith("es") and (stem.endswith(_ES) or stem in _O) and not word.endswith("ouses"):
        return [stem, word[:-1]]
    return [word[:-1], word]
