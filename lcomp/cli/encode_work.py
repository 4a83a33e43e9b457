"""The encoding of one input of `lcomp encode`."""

import logging
import time
from dataclasses import dataclass

from lcomp.cli.batch import LOADED, READ, coding, tell
from lcomp.cli.files import libraries_muted, read_input, shown
from lcomp.cli.placing import Placing
from lcomp.cli.reports import EncodeReport
from lcomp.format.container import Mode
from lcomp.options import LOSSLESS, EncodeOptions
from lcomp.pictures.reading import decode_pixels, open_image
from lcomp.types import QUALITY_STEPS, Progress

logger = logging.getLogger("lcomp")


@dataclass(frozen=True)
class EncodeWork:
    """Encodes one picture; picklable, for worker processes."""

    model: str
    device: str
    precision: str
    coder: str
    options: EncodeOptions
    placing: Placing
    verbose: bool
    threads: int | None

    def __call__(self, source: str, output: str, progress: Progress) -> EncodeReport:
        """Write the file and report on it."""
        destination = self.placing.destination(output, source)
        picture = read_input(source, self.options.max_pixels)
        started = time.perf_counter()  # reading is not timed: a pipe may be slow
        with libraries_muted():
            image = open_image(picture, self.options.max_pixels)
            decode_pixels(image, self.options.frame, self.options.max_pixels, self.options.lossless)
        logger.debug("  reading the picture %.3f s", time.perf_counter() - started)
        tell(progress, READ)
        importing = time.perf_counter()
        from lcomp import Codec  # torch, for nothing but pictures that can be read

        logger.debug("  loading torch %.3f s", time.perf_counter() - importing)
        tell(progress, LOADED)
        codec = Codec(self.model, self.device, self.coder, self.precision, self.threads)
        file = codec.encode_file(image, self.options, coding(progress))
        self.placing.write(destination, file.data)
        header, options = file.header, self.options
        seconds = time.perf_counter() - started
        pixels = header.width * header.height
        samples = pixels * ((1 if header.mode is Mode.L else 3) + (file.alpha is not None)) * (2 if file.deep else 1)
        known = options.has_target and not header.lossless
        return EncodeReport(
            input=shown(source),
            output=str(destination),
            input_bytes=len(picture),
            output_bytes=len(file),
            width=header.width,
            height=header.height,
            bpp=8 * len(file) / pixels,
            ratio=samples / len(file),
            quality=None if header.lossless else header.quality / QUALITY_STEPS,
            lossless=header.lossless,
            max_error=header.max_error,
            half=header.half,
            psnr=codec.psnr(image, file, options) if known else None,
            model=codec.model.name if codec.model.lossless == header.lossless else LOSSLESS,
            device=str(codec.device),
            seconds=seconds,
            searched=options.has_target,
            verbose=self.verbose,
        )
