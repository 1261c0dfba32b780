"""A tiny network as Hugging Face keeps them: random weights, a tokenizer of a few words. Made by the real library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = (
    "the day was and it felt so in our town again today sunny bright warm lovely pleasant rainy dark cold awful dreary"
)
_MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_bert(folder: Path, *, width: int = 16, seed: int = 0, **changes: Any) -> Path:
    """A folder of a BERT with two small layers, as a user has downloaded one; `changes` are of its configuration."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    words = [*_MARKS, *WORDS.split(), ".", *(f"##{digit}" for digit in range(10)), *map(str, range(10))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=48,
        **changes,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, **changes}), encoding="utf-8")
