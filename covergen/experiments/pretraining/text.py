"""The tiny text encoder, taught to tell what a caption names before the U-Net ever sees it.

Its last states then hold genre, motif and colours in separable form, so cross-attention learns from the
first step; afterwards it stays frozen. B batch, T tokens, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from covergen.experiments.pretraining.language import CLASS_COUNTS, POSITIONS, Caption, vary_caption
from covergen.experiments.pretraining.loop import Phase, train, warm_then_decay
from covergen.procedural.factors import draw_album

WIDTH = 128


class CaptionClassifier(nn.Module):
    """A text encoder with one linear head for each thing that a caption may name."""

    def __init__(self, tokenizer: CLIPTokenizer, width: int = WIDTH):
        super().__init__()
        self.encoder = build_text_encoder(tokenizer, width)
        self.heads = nn.ModuleList(nn.Linear(width, count) for count in CLASS_COUNTS)

    def forward(self, ids: Tensor, places: Tensor) -> list[Tensor]:
        """Return one (B, classes) for each head, read at token `places` (B,) of captions (B, T)."""
        states = self.encoder(input_ids=ids).last_hidden_state  # (B, T, W)
        summary = states[torch.arange(len(ids)), places]  # (B, W)
        return [head(summary) for head in self.heads]


def build_text_encoder(tokenizer: CLIPTokenizer, width: int = WIDTH) -> CLIPTextModel:
    """Return a new text encoder of two layers."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=POSITIONS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def token_ids(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """Return ids (B, 77), padded and truncated."""
    encoded = tokenizer(list(texts), padding="max_length", max_length=POSITIONS, truncation=True)
    return torch.tensor(encoded["input_ids"])


def train_text(rank: int, folder: Path, minutes: float, tokenizer_folder: Path, batch: int = 48) -> None:
    """Train one worker's share of the caption classifier."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
    model = CaptionClassifier(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    phase = Phase("text", model, [optimizer], warm_then_decay(0.3, 0.05), minutes, folder, ema_decay=0.98)
    rng = np.random.default_rng([phase.step, rank])

    def loss_of() -> tuple[Tensor, str]:
        albums = [draw_album(int(seed), "train") for seed in rng.integers(1_000_000, size=batch)]
        return text_loss(model, tokenizer, [vary_caption(album, rng) for album in albums])

    train(phase, loss_of)


def text_loss(
    model: CaptionClassifier, tokenizer: CLIPTokenizer, captions: Sequence[Caption]
) -> tuple[Tensor, str]:
    """Return the cross entropy of all heads, read at a random padding position, and a line for the log."""
    ids = token_ids(tokenizer, [caption.text for caption in captions])
    ends = (ids == tokenizer.eos_token_id).int().argmax(dim=1)  # first end token, (B,)
    places = ends + (torch.rand(len(ids)) * (POSITIONS - ends)).long()
    targets = torch.tensor([caption.classes for caption in captions])  # (B, heads)
    scores = model(ids, places)
    losses = [functional.cross_entropy(score, targets[:, head]) for head, score in enumerate(scores)]
    right = [float((score.argmax(1) == targets[:, head]).float().mean()) for head, score in enumerate(scores)]
    return torch.stack(losses).sum(), "right " + " ".join(f"{share:.2f}" for share in right)
