"""Results put together from those of several runs: speeds measured apart, and models that have newer weights."""

from dataclasses import replace

from lcomp.errors import LcompError
from lcomp.evaluation.intervals import metric_rates
from lcomp.evaluation.results import CodecSummary, Rate, Results
from lcomp.evaluation.standing import metrics_of


def with_speeds(results: Results, timed: Results) -> Results:
    """Results with the speeds of another run, which measured the same codecs in one process.

    Raises LcompError where it did not.
    """
    speeds = {(codec.name, codec.version): codec for codec in timed.codecs}
    wanted = [speeds.get((codec.name, codec.version)) for codec in results.codecs]
    if any(codec is None or codec.encode_mp_s is None for codec in wanted):
        raise LcompError("the speeds are not of the same codecs in one process")

    def fast(codec: CodecSummary) -> CodecSummary:
        its = speeds[codec.name, codec.version]
        return replace(codec, encode_mp_s=its.encode_mp_s, decode_mp_s=its.decode_mp_s)

    codecs = {codec.name: fast(codec) for codec in results.codecs}
    lossless = (
        replace(mean, encode_mp_s=codecs[mean.codec].encode_mp_s, decode_mp_s=codecs[mean.codec].decode_mp_s)
        for mean in results.lossless
    )
    return replace(
        results, codecs=tuple(codecs.values()), lossless=tuple(lossless), machine=timed.machine, timed=timed.common
    )


def onto(published: Results, results: Results) -> Results:
    """What was published, with the figures of `results` for its models; BD-rates of these follow from the means.

    Speeds stay: other weights take the same time. A note says how these were measured.
    Raises LcompError for models that were not published.
    """
    new = {codec.name: codec for codec in results.lossy}
    if not new or not new.keys() <= {codec.name for codec in published.lossy}:
        raise LcompError("only models that were published can be replaced")

    def current(codec: CodecSummary) -> CodecSummary:
        latest = new.get(codec.name, codec)
        return replace(latest, encode_mp_s=codec.encode_mp_s, decode_mp_s=codec.decode_mp_s)

    def kept(rate: Rate) -> bool:
        return rate.codec not in new and rate.anchor not in new

    sources = {codec.name: results if codec.name in new else published for codec in published.lossy}
    means = {name: source.means_of(name) for name, source in sources.items()}
    rates = [rate for rate in published.rates if kept(rate)]
    for metric in metrics_of(published):
        rates += [rate for rate in metric_rates(metric, means, {}, {}) if not kept(rate)]
    note = f"{', '.join(new)} alone: {results.command} ({results.date}, {results.machine})"
    return replace(
        published,
        notes=(*published.notes, note),
        codecs=tuple(map(current, published.codecs)),
        means=tuple(mean for its in means.values() for mean in its),
        rates=(*rates, *(rate for rate in results.rates if rate.published)),
    )
