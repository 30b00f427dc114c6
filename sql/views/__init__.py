"""SQL on FHIR v2: ViewDefinitions, compiled to one SELECT of DuckDB over FHIR's JSON.

`run.py` reads a definition and runs it, `definition.py` checks it. `parse.py` and `fhirpath.py` are FHIRPath's text
and tree; `compile.py` with paths, operators, functions and boundaries makes SQL of an expression, `columns.py` of a
column, `rows.py` of the whole; `macros.sql` holds what that SQL calls.
"""
