"""A small learned parser: a question whose values are slots becomes the tokens of a grammar, with signals of trust.

pairs       what it learns from, and how pairs are held out
words       questions as words and pieces of words
grammar     the language of the tokens, a protocol
batches, network, learner, training, claiming     how it is made
decoding    beam search within the grammar
retelling   the other way: how likely an answer is put in the words of the question
signals     what speaks for and against a translation
translator  all of it at work; artefact keeps it on disk

It knows nothing of SQL: grammar and pairs come from the caller.
"""

from models.translator.artefact import load, save
from models.translator.decoding import Hypothesis
from models.translator.grammar import END, Grammar
from models.translator.pairs import Pair, held_out
from models.translator.retelling import Reteller, train_reteller
from models.translator.settings import TranslatorSettings, settings_from
from models.translator.signals import Signals
from models.translator.training import train, usable
from models.translator.translator import Translation, Translator

__all__ = [
    "END",
    "Grammar",
    "Hypothesis",
    "Pair",
    "Reteller",
    "Signals",
    "Translation",
    "Translator",
    "TranslatorSettings",
    "held_out",
    "load",
    "save",
    "settings_from",
    "train",
    "train_reteller",
    "usable",
]
