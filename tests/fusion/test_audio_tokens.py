"""Pseudo-words: with an open gate they are words, and what is trained is small."""

import pytest
import torch

from covergen.fusion import build
from covergen.fusion.audio_tokens import PseudoWordAttention

FEATURES = (2, 6, 10)


@pytest.fixture
def fusion(unet):
    fusion = build("audio_tokens", unet, FEATURES)
    fusion.attach(unet)
    return fusion


def open_gates(fusion):
    with torch.no_grad():
        for layer in fusion.attention:
            layer.share.fill_(1 / 60)  # counted in sixtieths


def predict(unet, inputs, conditioning):
    return unet(inputs[0], inputs[1], encoder_hidden_states=conditioning).sample


def test_with_open_gates_the_stock_unet_reads_the_tokens_as_more_words(fusion, unet, inputs):
    open_gates(fusion)
    heard = predict(unet, inputs, fusion.condition(inputs[2], inputs[3]))
    fusion.detach(unet)
    longer = torch.cat([inputs[2], fusion.audio_tokens(inputs[3])], dim=1)
    assert torch.allclose(heard, predict(unet, inputs, longer), atol=1e-5)
    assert not torch.allclose(heard, predict(unet, inputs, inputs[2]), atol=1e-3)


def test_heads_open_one_by_one(fusion, unet, inputs):
    quiet = predict(unet, inputs, fusion.words_only(inputs[2]))
    attention, layer = unet.mid_block.attentions[0].transformer_blocks[0].attn2, fusion.attention[-1]
    assert attention.processor is layer and layer.share.shape == (attention.heads,)
    query, text = torch.randn(3, 5, 32), inputs[2]
    music, scale = fusion.audio_tokens(inputs[3]), torch.ones(3, 1, 1)
    alone = layer.read(attention, query, text=text, music=music, scale=scale)
    with torch.no_grad():
        layer.share[1] = 1 / 60
    moved = (layer.read(attention, query, text=text, music=music, scale=scale) - alone).abs()
    heads = moved.unflatten(2, (attention.heads, -1)).amax(dim=(0, 1, 3))
    assert heads[1] > 1e-3 and heads.sum() == heads[1]
    assert not torch.equal(predict(unet, inputs, fusion.condition(inputs[2], inputs[3])), quiet)


def test_only_shares_are_trained_inside_the_unet(fusion):
    inside = {name for name in fusion.trained() if name.startswith("attention.")}
    assert inside == {f"attention.{k}.share" for k in range(len(fusion.attention))}
    assert all(isinstance(layer, PseudoWordAttention) for layer in fusion.attention)


def test_the_tokens_are_not_starved_by_their_gates(unet, inputs):
    """After one step of AdamW as much gradient reaches the resampler as in the default fusion, or more."""
    reached = {}
    for name in ("audio_tokens", "decoupled"):
        fusion = build(name, unet, FEATURES)
        fusion.attach(unet)
        optimizer = torch.optim.AdamW(fusion.trained().values(), lr=1e-3)
        for _ in range(2):
            optimizer.zero_grad()
            predict(unet, inputs, fusion.condition(inputs[2], inputs[3])).square().mean().backward()
            optimizer.step()
        reached[name] = fusion.resampler.proj_in.weight.grad.norm()
        fusion.detach(unet)
    assert reached["audio_tokens"] > 0.3 * reached["decoupled"] > 0
