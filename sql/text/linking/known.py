"""Other names of drugs and measurements that the tables of `sql.text` know: brand names, abbreviations."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from sql.text.linking.words import key_of
from sql.text.medications import INGREDIENT_OF
from sql.text.observations import OBSERVATIONS


@lru_cache(maxsize=1)
def known_synonyms() -> Mapping[str, tuple[str, ...]]:
    """Return, by the key of a drug's or measurement's own name, what else it is called."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for brand, ingredient in INGREDIENT_OF.items():
        found[key_of(ingredient)][brand] = None
    for analyte in OBSERVATIONS:
        for title in (*analyte.titles, *analyte.names):
            found[key_of(title)].update(dict.fromkeys((*analyte.names, *analyte.titles)))
    return {key: tuple(names) for key, names in found.items()}
