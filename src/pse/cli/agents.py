"""Commands about language models and what they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pse.cli.frame import LOOK, group, module, mount
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

models = group("models", LOOK, "Language models: what there is, and what they are good for.")


@mount(models, "list")
def models_list(context: Context, config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """Models of models.yaml: provider, key, price, and the chains that ask them."""
    return module("models").run_list(context.asking(config=config, overrides=tuple(sets or ())))
