"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from __main__ import as_it_is, best, explorer, misled, page, row, tokenizer, whole, without_head

# what stands in the matrix
assert row[1] > 0.95 and explorer.tokens[1]["text"] == " Mary"

# an experiment for the class
assert as_it_is["Mary"] > 0.99
assert without_head["Mary"] < 0.1 and without_head["Paul"] < 0.1
name = tokenizer.decode([best])
assert name.startswith(" ") and name[1].isupper() and name not in (" Mary", " Paul"), "a name, but neither of the two"
assert whole == " was" and misled == [(3, 0)]

# a tour of your own: head 1.2 is the answer to its task
twice = explorer.trace.read("blocks.1.attn.pattern", batch=0, query=-1)
assert [head for head in range(4) if twice[head].argmax().item() == 9 and twice[head].max() > 0.5] == [2]

# the widget did it all
explorer.wait()
assert explorer.last_error is None
assert (
    explorer.tour["title"] == "Who gets the drink?"
    and len(next(iter(explorer.tour["languages"].values()))["steps"]) == 2
)
assert page.stat().st_size < 12e6
