"""Pixels to entropy-coded latents and back, for one model on one device."""

import logging
import time
import zlib
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lcomp.container import QUALITY_STEPS, Coder
from lcomp.entropy.backend import Backend
from lcomp.entropy.latents import MAX_SYMBOL, Indexes, LatentCoder, Symbols, coder_tables
from lcomp.entropy.range_coder import RangeCoder
from lcomp.errors import ChecksumError
from lcomp.networks.blocks import lmbda, quality_weights
from lcomp.networks.config import HYPER_STRIDE, STRIDE
from lcomp.networks.context import Pass
from lcomp.networks.integer import MEAN_BITS, EntropyParameters, HyperOutput
from lcomp.networks.integer_context import CodePass, Places
from lcomp.rounding import Rounding
from lcomp.weights import load_weights
from lcomp.zoo import ModelInfo

log = logging.getLogger("lcomp")

Pixels = NDArray[np.uint8]
"""RGB picture [H, W, 3]."""


class Encoded(NamedTuple):
    """Entropy-coded latents."""

    stream: bytes
    symbols_crc: int


class Stopwatch:
    """Logs the seconds of each stage at debug level."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Log the time since the last lap."""
        if log.isEnabledFor(logging.DEBUG):
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            now = time.perf_counter()
            log.debug("  %s %.3f s", stage, now - self.last)
            self.last = now


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of x [B, C, H, W] up to a multiple."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of y."""
    return -(-height // STRIDE), -(-width // STRIDE)


def symbols_crc(z: Symbols, y: Symbols) -> int:
    """CRC-32 of all symbols as little-endian int16, z before y."""
    return zlib.crc32(y.astype("<i2").tobytes(), zlib.crc32(z.astype("<i2").tobytes()))


def prefers_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # where an older torch cannot say, fp32 is right
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def flat_symbols(rounded: Tensor) -> Symbols:
    """Rounded latents in row-major order, clamped to what a symbol can be."""
    values = rounded.clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int16).contiguous().flatten()
    return np.asarray(values.cpu())


def flat_indexes(index: Tensor) -> Indexes:
    """Scale indexes (uint8) in row-major order."""
    return np.asarray(index.contiguous().flatten().cpu())


class ModelCodec:
    """A loaded model that turns pictures into streams and back."""

    def __init__(self, model: ModelInfo, device: torch.device) -> None:
        self.model, self.device = model, device
        self.networks, self.h_s, self.context, self.tables = load_weights(model, device)
        self.coders: dict[Coder, LatentCoder] = {}
        self.bf16 = prefers_bf16(device)
        self.rounding = Rounding(self.tables, device)

    def coder(self, kind: Coder) -> LatentCoder:
        """The entropy layer with a given backend, built once."""
        if kind not in self.coders:
            tables = coder_tables(self.tables)
            backend: Backend
            if kind is Coder.TORCHAC:
                from lcomp.entropy.torchac_coder import TorchacCoder

                backend = TorchacCoder(tables)
            else:
                backend = RangeCoder(tables)
            self.coders[kind] = LatentCoder(self.tables, backend)
        return self.coders[kind]

    def autocast(self) -> torch.autocast:
        """Context in which the convolutions of the float networks run in bf16 where that is faster."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def quality_weights(self, quality: int) -> Tensor:
        """Interpolation weights [1, 8] of a quality in thousandths."""
        return quality_weights(torch.tensor([quality / QUALITY_STEPS], dtype=torch.float32, device=self.device))

    def z_scales(self, quality: int, rows: int, columns: int) -> Indexes:
        """Flat scale indexes of z for a latent size."""
        area = -(-rows // HYPER_STRIDE) * -(-columns // HYPER_STRIDE)
        return np.repeat(self.h_s.z_scales(quality), area)

    def hyper(self, z: Symbols, quality: int, rows: int, columns: int) -> HyperOutput:
        """What h_s says about y [1, M, rows, columns] for flat symbols of z."""
        shape = (1, -1, -(-rows // HYPER_STRIDE), -(-columns // HYPER_STRIDE))
        z_hat = torch.from_numpy(z.astype(np.float64)).view(shape).to(self.device)
        return HyperOutput(*(tensor[..., :rows, :columns] for tensor in self.h_s(z_hat, quality)))

    def run_passes(self, hyper: HyperOutput, quality: int, code: CodePass) -> EntropyParameters:
        """Code all of y by way of `code`: in context passes where the model has them, else at once."""
        if self.context is not None:
            return self.context(hyper, quality, code)
        parameters = hyper.entropy_parameters()
        flat = EntropyParameters(*(tensor.flatten(2) for tensor in parameters))
        code(Pass(0, 0, flat.mean.shape[1], None), slice(None), flat)
        return parameters

    @torch.inference_mode()
    def encode(self, pixels: Pixels, quality: int, coder: Coder) -> Encoded:
        """Encode a picture [H, W, 3] at a quality in thousandths."""
        watch = Stopwatch(self.device)
        x = torch.from_numpy(pixels).to(self.device).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = pad_to(x, STRIDE).contiguous(memory_format=torch.channels_last)
        rows, columns = latent_size(*pixels.shape[:2])
        w = self.quality_weights(quality)
        with self.autocast():
            y = self.networks.g_a(x, w, self.networks.scale)
            z = self.networks.h_a(pad_to(y, HYPER_STRIDE), w, self.networks.scale)
        watch.lap("analysis")

        z_scales = self.z_scales(quality, rows, columns)
        z_symbols = flat_symbols(torch.round(z))
        z_symbols[z_scales == 0] = 0
        groups = [(z_symbols, z_scales)]
        trade_off = lmbda(torch.tensor(quality / QUALITY_STEPS)).item()
        gain, flat = self.networks.scale.gain(w)[..., 0], y.flatten(2)
        symbols = torch.empty_like(flat, dtype=torch.int16)

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            channels = slice(step.first, step.last)
            residual = flat[:, channels, places] - parameters.mean * 2.0**-MEAN_BITS
            chosen = self.rounding(residual.float(), parameters.scales, gain[:, channels], trade_off)
            symbols[:, channels, places] = chosen.to(torch.int16)
            groups.append((flat_symbols(chosen), flat_indexes(parameters.scales)))
            return chosen

        self.run_passes(self.hyper(z_symbols, quality, rows, columns), quality, code)
        watch.lap("entropy model")

        stream = self.coder(coder).encode(groups)
        watch.lap("entropy coding")
        return Encoded(stream, symbols_crc(z_symbols, flat_symbols(symbols)))

    @torch.inference_mode()
    def decode_latents(self, encoded: Encoded, quality: int, height: int, width: int, coder: Coder) -> Tensor:
        """Exact y_hat [1, M, rows, columns] (float32) of a picture of the given size.

        Raises FormatError for impossible data and ChecksumError where the symbols are not the encoder's.
        """
        watch = Stopwatch(self.device)
        rows, columns = latent_size(height, width)
        decoder = self.coder(coder).decoder(encoded.stream)
        z_symbols = decoder.decode(self.z_scales(quality, rows, columns))
        hyper = self.hyper(z_symbols, quality, rows, columns)
        symbols = torch.empty(hyper.mean.flatten(2).shape, dtype=torch.int16, device=self.device)
        watch.lap("hyperprior")

        def code(step: Pass, places: Places, parameters: EntropyParameters) -> Tensor:
            decoded = torch.from_numpy(decoder.decode(flat_indexes(parameters.scales))).to(self.device)
            decoded = decoded.view(parameters.scales.shape)
            symbols[:, step.first : step.last, places] = decoded
            return decoded

        mean = self.run_passes(hyper, quality, code).mean
        decoder.finish()
        watch.lap("entropy decoding")
        if symbols_crc(z_symbols, flat_symbols(symbols)) != encoded.symbols_crc:
            raise ChecksumError("decoded latents do not match the encoder's: wrong or damaged decoder")
        return (symbols.view(mean.shape) + mean * 2.0**-MEAN_BITS).float()

    @torch.inference_mode()
    def synthesize(self, y_hat: Tensor, quality: int, height: int, width: int) -> Pixels:
        """Picture [height, width, 3] of latents y_hat [1, M, rows, columns]."""
        watch = Stopwatch(self.device)
        y_hat = y_hat.contiguous(memory_format=torch.channels_last)
        with self.autocast():
            x_hat = self.networks.g_s(y_hat, self.quality_weights(quality), self.networks.scale)
        pixels = torch.round(x_hat[0, :, :height, :width] * 127.5 + 127.5).clamp(0, 255).to(torch.uint8)
        watch.lap("synthesis")
        return np.asarray(pixels.permute(1, 2, 0).contiguous().cpu())

    def decode(self, encoded: Encoded, quality: int, height: int, width: int, coder: Coder) -> Pixels:
        """Decode a picture [height, width, 3]; raises as `decode_latents` does."""
        return self.synthesize(self.decode_latents(encoded, quality, height, width, coder), quality, height, width)
