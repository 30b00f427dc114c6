"""One importer per source format; each reads files and stages events through `ehr.intake`."""
