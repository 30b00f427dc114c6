"""Questions about records, as hospital staff ask them, over any schema that a catalogue file describes.

    linear tokens ──► RecordsQuery ──► compile (with a Catalogue) ──► SQL tree for DuckDB ──► SQLite text
                           └─────────► reading, in plain English

`query` holds the types, `linear` their short form as tokens for a learned parser, `grammar` what may follow what,
`catalogue` (read by `schema`) what a file says of a schema, `compile` the SQL, `reading` the English; `lift` reads
the SQL of the EHRSQL questions back into the types.
"""
