"""``palisade models export``: weights that were published for torch, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.errors import ExportError
from terminal import err, out


def export(
    name: Annotated[
        Literal["deepfake", "retinaface"], typer.Argument(help="Which model it becomes.")
    ],
    checkpoint: Annotated[
        Path, typer.Argument(help="A state dict of torch, alone or as `model_state_dict`.")
    ],
) -> None:
    """Turn a checkpoint of torch into a model of this machine's store, as ONNX.

    Needs `pip install 'palisade[cpu,train]'`; what is exported is served without it. Names and
    shapes of the weights are checked, nothing in the file is run, and the exported model is held
    against the checkpoint before it takes the place of the one before.

    Example: `palisade models export deepfake pytorch_model.bin`
    """
    from models import deepfake, retinaface

    exporters = {"deepfake": deepfake.export, "retinaface": retinaface.export}
    try:
        with err.status(f"Exporting {name} …"):
            made = exporters[name](checkpoint)
    except OSError as error:
        raise ExportError(f"{name} could not be written: {error.strerror or error}") from error
    out.print(f"{name}: {made.path}", soft_wrap=True)
    out.print(
        f"sha256 {made.card.sha256[:12]}…, made with {made.card.made_with}; differs from torch by "
        f"{made.card.parity:.1e} at most",
        soft_wrap=True,
    )
