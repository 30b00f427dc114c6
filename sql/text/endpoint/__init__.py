"""A language model in place of the grammar, at any endpoint that speaks the protocol of OpenAI's chat completions.

    question ──► refuse ──► linking ──► prompt ──► wire ──► reply ──► checks ──► Query ──► as with the grammar
                               │       names of concepts,             │
                         no, when a phrase      never rows       SQL, where allowed ──► guard, labelled as such
                         is unclear or absent

What comes back is taken for a proposal: it is read strictly, checked against the words of the question, compiled or
guarded as any other, and refused with a reason when it fails.
"""

from sql.text.endpoint.settings import Endpoint, read_endpoint
from sql.text.endpoint.translate import LanguageModel

__all__ = ["Endpoint", "LanguageModel", "read_endpoint"]
