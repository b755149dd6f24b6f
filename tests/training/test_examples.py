import torch


def test_between_is_a_view(examples):
    part = examples.between(2, 5)
    assert part.album_ids == ("album 2", "album 3", "album 4")
    assert part.frames.data_ptr() == examples.frames[2].data_ptr()
    assert len(examples.between(2, 2)) == 0


def test_take_keeps_rows_together(examples):
    part = examples.take([5, 2])
    assert part.album_ids == ("album 5", "album 2")
    assert torch.equal(part.frames[0], examples.frames[5])
    assert torch.equal(part.latent_means[1], examples.latent_means[2])
