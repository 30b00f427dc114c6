"""Parts of an evaluation: each looks at the compared rows in one way and returns plain values for metrics.json."""
