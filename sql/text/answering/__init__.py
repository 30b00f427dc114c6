"""Answering questions about records over a foreign schema: from the words to rows, or to an honest refusal.

    question ──► link ──► parser ──► fill ──► compile ──► guard and run ──► confidence ──► Answer
                 (linking)  (handed in)  (records)          (database)

`ground` is what is asked, `database` opens it; `attempts` takes a question as far as it goes and gathers signals of
trust, `confidence` weighs them, `answering` answers or refuses. To learn: `examples` reads questions with their SQL,
`composing` and `unanswerable` make more, `folds` and `material` keep some apart, `outcomes` and `judging` fit the
confidence on those. `parser` says what a parser must do; it comes from outside.
"""
