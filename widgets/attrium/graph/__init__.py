"""What RaspGraph answers from: programs, their values, their weights, and what depends on what."""
