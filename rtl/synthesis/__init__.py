"""Gate counts of the RTL by synthesis, and the fits to them that the area model reads."""
