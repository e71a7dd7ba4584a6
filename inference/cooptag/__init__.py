"""cooptag tags each sentence of diplomatic news with the cooperation areas that it names.

Importing the package loads neither the runtime nor a model: `Tagger.load()` does, on first use.
"""

from cooptag.errors import CooptagError, InputError, ModelError, UsageError
from cooptag.tagger import Tagger
from cooptag.types import Area, AreaScore, TaggedSentence

__all__ = ["Area", "AreaScore", "CooptagError", "InputError", "ModelError", "TaggedSentence", "Tagger", "UsageError"]
__version__ = "0.1.0"
