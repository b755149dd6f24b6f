import torch

from covergen.training.batches import BatchPlan, DropRates, generator_of, spans


def test_a_batch_depends_on_seed_and_step_alone(examples):
    plan = BatchPlan(8, 1000, seed=1)
    first, again, other = plan.draw(examples, 5), plan.draw(examples, 5), plan.draw(examples, 6)
    assert torch.equal(first.noise, again.noise)
    assert torch.equal(first.frames, again.frames)
    assert not torch.equal(first.noise, other.noise)
    assert not torch.equal(first.noise, BatchPlan(8, 1000, seed=2).draw(examples, 5).noise)


def test_the_parts_are_the_batch(examples):
    batch = BatchPlan(8, 1000).draw(examples, 0)
    joined = torch.cat([batch.part(i, 4).noise for i in range(4)])
    assert torch.equal(joined, batch.noise)
    assert [len(batch.part(i, 4)) for i in range(4)] == [2, 2, 2, 2]


def test_an_epoch_sees_every_row_once_also_across_batches(examples):
    plan = BatchPlan(20, 1000)
    seen = torch.cat([plan.indices(48, step) for step in range(12)])  # five epochs
    for epoch in range(5):
        assert seen[epoch * 48 : (epoch + 1) * 48].sort().values.tolist() == list(range(48))
    assert seen[:48].tolist() != seen[48:96].tolist()


def test_timesteps_differ_within_a_batch(examples):
    assert BatchPlan(32, 1000).draw(examples, 0).timesteps.unique().numel() > 20


def test_dropped_words_are_the_null_states_and_the_rest_is_kept(examples):
    batch = BatchPlan(48, 1000, drop_rates=DropRates(0.0, 0.4, 0.0)).draw(examples, 0)
    null = (batch.states == 0).all(dim=2).all(dim=1)
    assert 10 < int(null.sum()) < 30
    assert batch.audio_mask.all()


def test_all_variants_of_the_prompt_are_drawn(examples):
    plan = BatchPlan(48, 1000, drop_rates=DropRates(0, 0, 0))
    batch, chosen = plan.draw(examples, 0), plan.indices(48, 0)
    drawn = {
        next(v for v in range(3) if torch.equal(s, examples.states[i, v]))
        for s, i in zip(batch.states, chosen, strict=False)
    }
    assert drawn == {0, 1, 2}


def test_generators_and_spans():
    assert generator_of(0, "a", 1).initial_seed() != generator_of(0, "b", 1).initial_seed()
    assert list(spans(5, 2)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
