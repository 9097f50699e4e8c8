"""All of `attrium_kernel.rasp`: programs over sequences, evaluated and compiled into transformers.

Also the export to GPT-2, and compression into fewer dimensions (`superposition`).
"""

from attrium_kernel.rasp import *  # noqa: F403
from attrium_kernel.rasp import __all__ as __all__
from attrium_kernel.rasp import superposition as superposition
from attrium_kernel.rasp.gpt2 import ExportError as ExportError
from attrium_kernel.rasp.gpt2 import to_gpt2 as to_gpt2
