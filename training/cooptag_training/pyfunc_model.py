"""The tagger as an MLflow model from code: `tracking.py` logs this file as it is, and MLflow runs it to load the model.

It needs cooptag and mlflow, not torch. Nothing else imports it.
"""

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from cooptag import Tagger


class TaggerModel(PythonModel):
    """Tags each text of a table, without splitting it into sentences."""

    # MLflow passes the argument by its name, which must be `context`.
    def load_context(self, context: Any) -> None:
        """Loads the model folder; every file's digest is checked first.

        :raises cooptag.ModelError: if the folder is damaged.
        """
        self.tagger = Tagger.load(context.artifacts["model"])

    # The hint is the one kind that MLflow leaves alone: it refuses unions, and warns without a hint.
    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row for each text: `areas` with their `scores`, highest first, the text's `lang`, and whether it was `truncated`.

        :param model_input: a DataFrame with a column "text", or a list of str (from Python only: a loaded
            model checks its signature first, which wants the column). :param params: `lang`, "" to detect it.
        :raises cooptag.UsageError: if a text is not a string.
        """
        texts = model_input["text"] if isinstance(model_input, pd.DataFrame) else model_input
        tagged = self.tagger.tag(list(texts), (params or {}).get("lang") or None)
        rows = [([a.id for a in t.areas], [a.score for a in t.areas], t.lang, t.truncated) for t in tagged]
        return pd.DataFrame(rows, columns=["areas", "scores", "lang", "truncated"])


set_model(TaggerModel())
