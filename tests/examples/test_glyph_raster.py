"""The glyph example runs, and has the bugs of its report."""

import math
from types import SimpleNamespace

import pytest

from .programs import NO_TORCH, copy_example, importable, numbers_after, run_program

torch = pytest.importorskip("torch", reason=NO_TORCH)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def glyphs(tmp_path_factory):
    """The example's modules, a small training set, its loader and an untrained model."""
    root = copy_example("glyph_raster", tmp_path_factory.mktemp("glyphs"))
    with importable(root):
        from raster import config, dataset, engine, levit, losses, model

        torch.manual_seed(0)
        data_cfg = config.RasterConfig(num_classes=12, styles_per_class=6)
        train_set, val_set, _ = dataset.build_datasets(data_cfg)
        yield SimpleNamespace(
            config=config,
            engine=engine,
            levit=levit,
            losses=losses,
            train_set=train_set,
            val_set=val_set,
            loader=torch.utils.data.DataLoader(train_set, batch_size=16, shuffle=True),
            model=model.GlyphNet(config.LevitConfig(num_classes=12)),
        )


def test_two_epochs_end_well_and_stay_in_the_folder(tmp_path):
    done = run_program(copy_example("glyph_raster", tmp_path), "--epochs", "2")
    assert done.code == 0, done.err
    for name in ("ce", "loss", "grad_norm", "val_loss", "val_acc", "top10"):
        values = numbers_after(name, done.out)
        assert len(values) == 2, name
        assert all(map(math.isfinite, values)), name
    first, second = numbers_after("loss", done.out)
    assert second < first
    assert done.inside == {"runs/glyph_levit.pt"}
    assert not done.outside


def test_no_loss_reaches_the_embedding_head(glyphs):
    cfg = glyphs.config.TrainConfig()
    optimizer = torch.optim.AdamW(glyphs.model.param_groups(cfg), weight_decay=cfg.weight_decay)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in glyphs.model.parameters()}
    before = {name: p.detach().clone() for name, p in glyphs.model.named_parameters()}
    for batch in glyphs.loader:
        out = glyphs.model(batch["image"])
        optimizer.zero_grad()
        glyphs.engine.compute_loss(glyphs.model, out, batch["label"], cfg)["loss"].backward()
        optimizer.step()
    without = {name for name, p in glyphs.model.named_parameters() if p.grad is None}
    unmoved = {name for name, p in glyphs.model.named_parameters() if torch.equal(p, before[name])}
    head = {f"embed.{name}" for name, _ in glyphs.model.embed.named_parameters()}
    assert len(head) == 4
    assert without == head
    assert unmoved == head


def test_the_embedding_is_what_retrieval_uses(glyphs):
    glyphs.model.eval()
    with torch.no_grad():
        out = glyphs.model(next(iter(glyphs.loader))["image"])
    assert set(out) == {"logits", "embedding"}
    assert out["embedding"].shape == (16, 128)
    torch.testing.assert_close(out["embedding"].norm(dim=1), torch.ones(16))


def test_a_glyph_has_the_same_augmented_view_in_every_epoch(glyphs):
    def views():
        return {int(g): x for batch in glyphs.loader for g, x in zip(batch["glyph_id"], batch["image"], strict=True)}

    first, second = views(), views()
    assert len(first) == len(glyphs.train_set)
    assert all(torch.equal(first[glyph], second[glyph]) for glyph in first)


def test_augmentation_changes_training_glyphs_only(glyphs):
    train, val = glyphs.train_set, glyphs.val_set
    assert not any(torch.equal(train[i]["image"], train.images[i]) for i in range(len(train)))
    assert all(torch.equal(val[i]["image"], val.images[i]) for i in range(len(val)))


def test_logits_depend_on_the_rest_of_the_batch_through_the_head(glyphs):
    head = glyphs.levit.LeViT(glyphs.config.LevitConfig(num_classes=12)).head.train()
    assert [type(layer) for layer in head] == [torch.nn.BatchNorm1d, torch.nn.Linear]
    features = torch.randn(32, head.bn.num_features, generator=torch.Generator().manual_seed(0))
    alone, among_others = head(features[:4])[0], head(features)[0]
    assert not torch.allclose(alone, among_others, rtol=0.05)
    head.eval()
    torch.testing.assert_close(head(features[:4])[0], head(features)[0])


def test_a_backbone_without_classes_has_no_head(glyphs):
    bare = glyphs.levit.LeViT(glyphs.config.LevitConfig(num_classes=0))
    assert isinstance(bare.head, torch.nn.Identity)
    assert bare.eval()(torch.zeros(2, 1, 32, 32)).shape == (2, bare.num_features)


def test_the_contrastive_loss_has_a_value_but_no_backward(glyphs):
    features = torch.randn(16, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = glyphs.losses.supervised_contrastive(features, torch.arange(16) % 4, temperature=0.1)
    assert math.isfinite(loss.item())
    assert loss.item() > 0
    with pytest.raises(RuntimeError, match="inplace operation"):
        loss.backward()


def test_the_program_fails_with_the_contrastive_loss_switched_on(tmp_path):
    root = copy_example("glyph_raster", tmp_path)
    done = run_program(root, "--epochs", "1", "--classes", "40", "--supcon-weight", "0.3")
    assert done.code == 1
    assert "inplace operation" in done.err
