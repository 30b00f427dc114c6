"""One module per family of commands: `register` adds its parsers, each `run` function does one command."""
