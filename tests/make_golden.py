"""Write the golden files that are not there yet: `python tests/make_golden.py`. What is there is never written again.

Each NAME.lic comes with NAME.json: the picture it was made from, the SHA-256 of its exact latents (float32, [M, h, w],
tile after tile) unless it is lossless, the PSNR of its decoded colours, and its metadata in hexadecimal digits. Alpha
is the picture's. `SHA256SUMS` has the digests of all files and pictures; a new one's is added with it.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

import lcomp
from helpers.coded import coded
from helpers.deep import deep_samples
from helpers.golden import METADATA, colours_psnr, latents_sha256
from helpers.lossless import coded_losslessly
from helpers.paths import DATA, GOLDEN
from helpers.profiles import SRGB
from lcomp.options import Region
from lcomp.pictures.deep_arrays import DecodedSamples
from lcomp.pictures.deep_writing import save_picture
from lcomp.pictures.reading import open_image

LONG = 16400
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + 9 * b"<rdf:li>words that come again</rdf:li>" + b"</x:xmpmeta>"


def is_there(name: str) -> bool:
    """Whether a golden file was written once."""
    return (GOLDEN / f"{name}.lic").exists()


def put(image: Image.Image, original: str) -> None:
    """Write a picture that golden files are made from, if it is not there."""
    if not (GOLDEN / original).exists():
        image.save(GOLDEN / original)


def write(
    name: str,
    original: str,
    image: Image.Image,
    quality: float,
    coder: str,
    model: str = "hyperprior",
    roi: Sequence[Region] = (),
    wraps: bool = False,
) -> None:
    """One golden file that is coded by a model, and its description."""
    if is_there(name):
        return
    file = coded(image, quality, model, coder, roi=roi, wraps=wraps)
    keep(name, original, image, file.data, {"model": model, "latents_sha256": latents_sha256(file, model)})


def store(name: str, original: str, image: Image.Image) -> None:
    """One golden file that is stored losslessly, and its description."""
    if not is_there(name):
        keep(name, original, image, lcomp.encode(image, lossless=True), {})


def code(name: str, original: str, image: Image.Image, max_error: int = 0) -> None:
    """One golden file that is coded losslessly, or nearly so, and its description."""
    if is_there(name):
        return
    data = coded_losslessly(image, max_error).data
    digest = hashlib.sha256(lcomp.decode(data, device="cpu").tobytes()).hexdigest()
    keep(
        name,
        original,
        image,
        data,
        {"model": "lossless", "pixels_sha256": digest} if max_error else {"model": "lossless"},
    )


def deepen(name: str, original: str, samples: NDArray[np.uint16], info: dict[str, bytes]) -> None:
    """One golden file of 16 bits per sample, its original and its description."""
    if is_there(name):
        return
    high = Image.fromarray((samples >> 8).astype(np.uint8))
    high.info |= info
    with (GOLDEN / original).open("wb") as stream:
        save_picture(DecodedSamples(high, samples), stream, "PNG")
    image = open_image((GOLDEN / original).read_bytes())
    (GOLDEN / f"{name}.lic").write_bytes(lcomp.encode(image, device="cpu", lossless=True))
    description = {"original": original, "metadata": {name: payload.hex() for name, payload in info.items()}}
    (GOLDEN / f"{name}.json").write_text(json.dumps(description, indent=1) + "\n")


def keep(name: str, original: str, image: Image.Image, data: bytes, more: dict[str, str]) -> None:
    """Write a golden file and its description."""
    (GOLDEN / f"{name}.lic").write_bytes(data)
    decoded = lcomp.decode(data, device="cpu", decoder="mse" if lcomp.info(data).half else None)
    description = {
        "original": original,
        **more,
        "psnr": round(colours_psnr(decoded, image), 4),
        "metadata": {name: decoded.info[name].hex() for name in METADATA if name in decoded.info},
    }
    (GOLDEN / f"{name}.json").write_text(json.dumps(description, indent=1) + "\n")


def main() -> None:
    """Write all golden files that are missing, and the pictures they are made from."""
    with Image.open(DATA / "kodim23.png") as photo:
        colour = photo.crop((300, 100, 437, 197))
    put(colour, "colour.png")
    grey = colour.convert("L")
    put(grey, "grey.png")
    grey.info["icc_profile"] = b"not a real profile, kept as it is"
    for name, quality in (("q1", 1.0), ("q4", 4.0), ("q6_283", 6.283), ("q8", 8.0)):
        write(name, "colour.png", colour, quality, "constriction")
    write("context", "colour.png", colour, 4.0, "constriction", "autoregressive")
    write("sr", "colour.png", colour, 2.0, "constriction", "sr")
    write("gan", "colour.png", colour, 2.0, "constriction", "gan")
    write("fast", "colour.png", colour, 2.0, "constriction", "fast")
    write("fast_visual", "colour.png", colour, 2.0, "constriction", "fast-visual")
    write("visual", "colour.png", colour, 4.0, "constriction", "visual")
    write("visual_hyperprior", "colour.png", colour, 4.0, "constriction", "hyperprior-visual")
    write("half", "colour.png", colour, 0.2, "constriction", "autoregressive")
    write("torchac", "colour.png", colour, 4.0, "torchac")
    write("grey", "grey.png", grey, 3.5, "constriction")
    wide = colour.resize((1100, 20))
    wide.putalpha(Image.linear_gradient("L").resize(wide.size))
    exif = Image.Exif()
    exif[Base.ImageDescription] = "kept"
    wide.info = {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"}
    put(wide, "wide.png")
    write("tiles_alpha", "wide.png", wide, 3.0, "constriction", "autoregressive")
    write("tiles_torchac", "wide.png", wide, 3.0, "torchac", "autoregressive")
    write("regions", "colour.png", colour, 3.0, "constriction", "autoregressive", [Region(40, 10, 50, 60)])
    spots = [Region(0, 0, 100, 20, -1.5), Region(500, 0, 300, 20, 3.0)]
    write("regions_tiles", "wide.png", wide, 2.5, "constriction", "hyperprior", spots)
    write("regions_half", "colour.png", colour, 0.2, "constriction", "visual", [Region(0, 0, 60, 97, 0.5)])
    around = colour.resize((160, 80))
    put(around, "around.png")
    write("around", "around.png", around, 2.0, "constriction", "autoregressive", wraps=True)
    long = wide.resize((LONG, 2))  # too long for an alpha plane in WebP
    put(long, "long.png")
    write("long_alpha", "long.png", long, 2.0, "constriction")
    board = Image.fromarray((np.indices((48, 64)).sum(0) % 2 * 255).astype(np.uint8))  # full of escapes
    put(board, "board.png")
    write("escapes", "board.png", board, 8.0, "constriction", "autoregressive")
    store("stored_grey", "board.png", board)
    few = colour.quantize(8)
    few.putpalette(few.getpalette()[:24], "RGB")
    few = few.convert("RGBA")
    few.putalpha(grey)
    few.info = {"icc_profile": b"not a real profile, kept as it is"}
    put(few, "few.png")
    store("stored_alpha", "few.png", few)
    store("stored_long", "long.png", long)
    with Image.open(DATA / "kodim05.png") as photo:
        strip = photo.resize((1040, 20), box=(0, 200, 768, 214))
    strip.putalpha(Image.linear_gradient("L").resize(strip.size))
    strip.info = {"exif": exif.tobytes()}
    put(strip, "strip.png")
    code("lossless_tiles", "strip.png", strip)
    fitted = Image.open(DATA / "kodim23.png").convert("L").crop((300, 100, 484, 280))
    put(fitted, "fitted.png")
    code("lossless_grey", "fitted.png", fitted)
    code("lossless_near_grey", "fitted.png", fitted, max_error=1)
    code("lossless_near_tiles", "strip.png", strip, max_error=2)
    repeated = deep_samples(60, 41, 4) >> 4
    deepen("lossless_deep_rgba", "deep_rgba.png", repeated << 4 | repeated >> 8, {"icc_profile": SRGB})
    twelve = deep_samples(96, 64, 1) & 0xFFF0  # of 12 bits, as many cameras have
    deepen("lossless_deep_grey", "deep_grey.png", twelve, {"exif": exif.tobytes()})
    widened = 257 * np.asarray(few.convert("LA")).astype(np.uint16)
    deepen("lossless_deep_widened", "deep_widened.png", widened, {})
    described = colour.crop((0, 0, 40, 24))
    put(described, "described.png")
    exif[Base.ImageDescription] = "deflated, where that is smaller: " + 20 * "again "
    described.info = {"icc_profile": SRGB, "exif": exif.tobytes(), "xmp": XMP}
    write("deflated", "described.png", described, 4.0, "constriction")
    put(colour.crop((0, 0, 1, 1)), "dot.png")
    write("dot", "dot.png", colour.crop((0, 0, 1, 1)), 5.0, "constriction")
    write("visual_torchac", "colour.png", colour, 4.0, "torchac", "visual")
    veiled = grey.convert("LA")
    veiled.putalpha(Image.linear_gradient("L").resize(grey.size))
    put(veiled, "veiled.png")
    write("grey_alpha", "veiled.png", veiled, 3.0, "constriction", "autoregressive")
    write("around_half", "around.png", around, 0.2, "constriction", "visual", wraps=True)


if __name__ == "__main__":
    main()
