from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.models import random_context, random_model
from helpers.pictures import noise_image
from lcomp.decoding.area import decode_tiles
from lcomp.encoding.streams import encode_tiles
from lcomp.entropy.tables import gaussian_tables
from lcomp.errors import ChecksumError, FormatError, ModelError
from lcomp.format.container import Coder
from lcomp.format.tiles import Grid
from lcomp.model.loaded import LoadedModel
from lcomp.networks.blocks import quality_weights
from lcomp.networks.config import ContextConfig
from lcomp.networks.context import Base, surprise
from lcomp.networks.exact.context import Places
from lcomp.networks.exact.hyper_synthesis import (
    ACTIVATION_BITS,
    LOG_BITS,
    LOG_SCALE_MIN,
    MEAN_BITS,
    OUTPUT_BITS,
    EntropyParameters,
    HyperOutput,
)
from lcomp.networks.passes import Pass, known_taps, part_numbers, passes
from lcomp.networks.rates import LOG_SCALE_FLOOR
from lcomp.pictures.reading import to_picture
from lcomp.training.export import export
from lcomp.zoo.registry import ModelInfo, read_model


@pytest.fixture(scope="module")
def codec(context_info: ModelInfo) -> LoadedModel:
    return LoadedModel(context_info, torch.device("cpu"))


def test_taps_meet_what_is_known() -> None:
    cross, corners = [(0, 1), (1, 0), (1, 2), (2, 1)], [(0, 0), (0, 2), (2, 0), (2, 2)]
    assert known_taps(2, 1) == cross
    assert known_taps(4, 1) == corners
    assert known_taps(4, 2) == cross
    assert known_taps(4, 3) == sorted(cross + corners)
    assert [known_taps(parts, 0) for parts in (1, 2, 4)] == [[], [], []]


def test_passes_cover_every_latent_once() -> None:
    config = ContextConfig(width=8, groups=(4, 8, 12), parts=(4, 2, 1), widest=6, hidden=4)
    rows, columns = 5, 6
    seen = np.zeros((24, rows, columns), int)
    for step in passes(config):
        seen[step.first : step.last] += (part_numbers(rows, columns, step.parts) == step.part).numpy()
    assert (seen == 1).all()
    assert len(list(passes(config))) == 7


def test_surprise_is_zero_where_the_energy_is_as_expected() -> None:
    log_scale = torch.tensor([0.0, 3.0]).view(1, 2, 1, 1)
    found = surprise(torch.tensor([-1.0, 8.0]).view(1, 2, 1, 1), log_scale).flatten()
    assert found.tolist() == pytest.approx([0, 0, -3, 3])
    louder = surprise(torch.full((1, 1, 1, 1), 16.0), torch.full((1, 1, 1, 1), 3.0))
    assert louder[0, 0].item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 40), (100, 90), (130, 64)])
def test_pictures_round_trip(codec: LoadedModel, width: int, height: int) -> None:
    pixels = to_picture(noise_image(width, height)).pixels
    for quality in (1000, 4321, 8000):
        grid = Grid(width, height)
        tiles = encode_tiles(codec, pixels, quality, grid, Coder.CONSTRICTION)
        # the decoder checks the symbols' checksum
        decoded = decode_tiles(codec, tiles, quality, grid, Coder.CONSTRICTION, grid.picture)
        assert decoded.pixels.shape == pixels.shape


def test_tiles_are_coded_one_by_one(codec: LoadedModel) -> None:
    pixels = to_picture(noise_image(150, 70)).pixels
    grid = Grid(150, 70, 64)
    tiles = encode_tiles(codec, pixels, 5000, grid, Coder.CONSTRICTION)
    assert len(tiles) == 6
    decoded = decode_tiles(codec, tiles, 5000, grid, Coder.CONSTRICTION, grid.picture)
    assert decoded.pixels.shape == pixels.shape


def test_the_context_reaches_the_stream(codec: LoadedModel, context_info: ModelInfo) -> None:
    assert context_info.backbone is not None
    alone = LoadedModel(context_info.backbone, torch.device("cpu"))
    pixels = to_picture(noise_image(100, 90)).pixels
    tiles = encode_tiles(codec, pixels, 4000, Grid(100, 90), Coder.CONSTRICTION)
    assert tiles != encode_tiles(alone, pixels, 4000, Grid(100, 90), Coder.CONSTRICTION)
    with pytest.raises((ChecksumError, FormatError)):
        alone.tile.decode(tiles[0], 4000, 90, 100, Coder.CONSTRICTION)


def test_the_exact_passes_follow_the_float_network(codec: LoadedModel, context_info: ModelInfo) -> None:
    """The integer network predicts what the trained one does, given the same symbols."""
    network = random_context(context_info)
    quality, shape = 3700, (7, 6)
    z = torch.randint(-5, 6, (1, context_info.architecture.hyper_latents, 2, 2)).double()
    hyper = HyperOutput(*(tensor[..., : shape[0], : shape[1]] for tensor in codec.tile.h_s(64 * z, quality)))
    symbols = torch.round(torch.randn(hyper.mean.shape, dtype=torch.float64) * 4)
    flat = symbols.flatten(2)

    def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
        return flat[:, step.first : step.last, places]

    exact = codec.tile.run_passes(hyper, quality, code)
    # the latents whose symbols these are: the float network finds the same ones
    y = symbols + exact.mean * 2.0**-MEAN_BITS
    log_scale = hyper.log_scale * 2.0**-OUTPUT_BITS + LOG_SCALE_MIN * 2.0**-LOG_BITS
    base = Base((hyper.features() * 2.0**-ACTIVATION_BITS).float(), (y - hyper.mean / 64).float(), log_scale.float())
    weight = torch.full((1, 24, 1, 1), 1e9)  # plain rounding
    with torch.no_grad():
        expected = network.refine(base, quality_weights(torch.tensor([quality / 1000])), weight)
    index = torch.round((expected.log_scale - LOG_SCALE_FLOOR) * 6).clamp(0, 63)
    coded = exact.scales > 0
    assert coded.double().mean() > 0.5
    off = (expected.residual - symbols).abs() / (1 + expected.log_scale.exp2())
    assert off[coded].max() < 0.05
    assert ((index - exact.scales.double()).abs() <= 1).double().mean() > 0.99


def test_a_damaged_stream_is_noticed(codec: LoadedModel) -> None:
    pixels = to_picture(noise_image(64, 64)).pixels
    [encoded] = encode_tiles(codec, pixels, 4000, Grid(64, 64), Coder.CONSTRICTION)
    for place in range(0, len(encoded.stream), 7):
        stream = bytearray(encoded.stream)
        stream[place] ^= 4
        with pytest.raises((ChecksumError, FormatError)):
            codec.tile.decode(encoded._replace(stream=bytes(stream)), 4000, 64, 64, Coder.CONSTRICTION)


def test_a_context_model_needs_its_own_backbone(context_info: ModelInfo, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "zoo"
    shutil.copytree(context_info.source.parent.parent, root)
    backbone = read_model(root / "models" / "tiny.toml")
    other = random_model(backbone)
    torch.nn.init.normal_(other.h_s.leave.weight)
    export(other, backbone, {}, gaussian_tables())
    with pytest.raises(ModelError, match="fingerprint"):
        LoadedModel(read_model(root / "models" / "context.toml"), torch.device("cpu"))


def test_scales_stay_within_the_tables() -> None:
    log_scale = torch.tensor([-90.0, -3.0, 0.0, 7.0, 90.0])[None, :, None, None]
    base = Base(torch.zeros(1, 1, 1, 1), torch.ones_like(log_scale), log_scale)
    shifts = torch.zeros(1, 10, 1, 1, requires_grad=True)
    refined = base.refine(shifts)
    index = ((refined.log_scale - LOG_SCALE_FLOOR) * 6).flatten().tolist()
    assert index[1:4] == pytest.approx([(value - LOG_SCALE_FLOOR) * 6 for value in (-3.0, 0.0, 7.0)], abs=1e-4)
    assert -20 < index[0] < 0
    assert 63 < index[4] < 80
    assert refined.residual.flatten().tolist() == [1.0] * 5
    # beyond the bounds there still is a gradient
    refined.log_scale.sum().backward()
    assert shifts.grad is not None
    assert (shifts.grad[0, 5:] > 0.02).all()
