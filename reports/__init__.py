"""Reports: a run's JSON becomes a terminal table, one self-contained HTML page and a Perfetto trace."""
