"""Reports made by hand: the views are tested apart from the planners."""

from __future__ import annotations

from tflm_mcunet.report.memory_report import Arena, MemoryReport, OpRow, Peak, Span, Timeline

HOSTILE = (
    '"><script>document.documentElement.dataset.owned="1"</script><img src=x onerror="document.title=1">'
)


def made_report(
    name: str = "model.tflite", tensor: str = "map", op: str = "CONV_2D", ops: int = 4
) -> MemoryReport:
    """A chain of `ops` operators; one tensor's, one operator's and the model's name can be set."""
    steps = tuple(f"{i} {op}" for i in range(ops))
    spans = [Span("image", "1×32×32×3 int8", "input", 3072, 8192, 0, 0)]
    spans += [Span(tensor, "1×32×32×8 int8", "tensor", 8192, 0, i, i) for i in range(ops - 1)]
    spans += [Span(f"scratch of op {ops - 1}", "scratch", "scratch", 64, 16, ops - 1, ops - 1)]
    spans += [Span("scores", "1×10 int8", "output", 10, 0, ops - 1, ops - 1)]
    before = Timeline("Stock TFLite Micro", steps, tuple(spans), 11_264)
    rolling = (
        Span("image", "1×32×32×3 int8", "input", 3072, 0, 0, ops - 1),
        Span(tensor, "1×32×32×8 int8, 3 rows", "rows", 768, 3072, 0, ops - 1),
    )
    after = Timeline("Streamed", steps, rolling, 3840, (("stream", 0, ops - 1),))
    live = before.live_bytes()
    rows = tuple(OpRow(i, op, "1×32×32×8 int8", 1000 * i, live[i], 216) for i in range(ops))
    return MemoryReport(
        name=name,
        macs=sum(row.macs for row in rows),
        ops=rows,
        peak=Peak(11_264, 11_264, 3840, 768),
        tflm=Arena(11_264, 2_000, 32, "modelled"),
        tflm_host=Arena(11_264, 3_000, 64, "exact"),
        planned_head=10_240,
        model_bytes=9_000,
        target=None,
        peak_ops=(0,),
        before=before,
        after=after,
        advice=("op 1 PAD copies 100 bytes; fold it: `tflm-mcunet convert`",),
        notes=("stack and code come on top",),
    )
