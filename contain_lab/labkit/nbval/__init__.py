"""nbval 0.11.0, repaired for these labs; run a notebook and compare what it says."""
