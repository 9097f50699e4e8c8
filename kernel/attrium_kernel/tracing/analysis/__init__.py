"""What a trace and its weights say: lenses, direct logit attribution, attention flow, head scores, composition."""
