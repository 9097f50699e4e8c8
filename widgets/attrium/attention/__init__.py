"""The parts of AttentionExplorer: runs and their kinds of attention, measures, scales, differences, overviews."""
