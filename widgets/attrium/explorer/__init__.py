"""What TransformerExplorer shows: the model, the flow of a block, readings of a position, tensors, interventions."""
