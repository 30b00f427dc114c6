"""Code hierarchies: what lies above a code, by its structure and by edges that were loaded.

names      how a concept is written: ICD10//E119 for DIAGNOSIS//ICD//10//E119 and CONDITION//ICD10//E11.9
structure  what lies above a concept by its text: prefixes, and the chapters and blocks of groups.csv
levels     the few levels above a code that are worth a token each
closure    tables code_ancestor and code.parents, kept in step by every import
codebook   the same tables for events that are in no store
search     which concepts a store knows, what is near to an unknown one, and the tree around one
"""

from ehr.hierarchy.closure import JOINT, codings_key, refresh_ancestors
from ehr.hierarchy.codebook import has_codebook, make_codebook
from ehr.hierarchy.levels import LEVEL_SYSTEMS, levels_above, system_of
from ehr.hierarchy.names import concept_of, read_concept
from ehr.hierarchy.search import TreeRow, concept_tree, has_joint_codes, known_concepts
from ehr.hierarchy.structure import ancestors, has_structure, parents, title_of

__all__ = [
    "JOINT",
    "LEVEL_SYSTEMS",
    "TreeRow",
    "ancestors",
    "codings_key",
    "concept_of",
    "concept_tree",
    "has_codebook",
    "has_joint_codes",
    "has_structure",
    "known_concepts",
    "levels_above",
    "make_codebook",
    "parents",
    "read_concept",
    "refresh_ancestors",
    "system_of",
    "title_of",
]
