"""The data of the zoo: our generators and scikit-learn's own sets; all follows from a seed, nothing is downloaded."""
