"""Writes the pages of the website that are made from the code: operators, comparison, API, and the plan's pictures.

.venv/bin/python scripts/docs_pages.py build/docs/pages
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import tflm_mcunet as mcu
from tflm_mcunet.bench import peers
from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.report.memory_report import Timeline
from tflm_mcunet.report.timeline_svg import AXIS_WIDTH, axis_svg, chart_svg
from tflm_mcunet.report.timelines import schedule_timeline, stock_timeline
from tflm_mcunet.tflm.memory import memory

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 860, 260
ENGINE = "qemu:cortex-m4"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns after the first are figures, at the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def example() -> Graph:
    """A network small enough to read in a picture: two branches of different width, then inverted bottlenecks."""
    b = GraphBuilder(6)
    x = b.conv_2d(b.input((1, 64, 64, 3)), 8, (3, 3), stride=(2, 2), activation="RELU6")
    branches = []
    for channels in (24, 4):
        y = b.conv_2d(x, channels, activation="RELU6")
        branches.append(b.conv_2d(b.depthwise_conv_2d(y, stride=(2, 2), activation="RELU6"), 8))
    x = b.binary("ADD", *branches)
    for kernel, stride, channels in ((3, 1, 8), (5, 2, 16)):
        y = b.conv_2d(x, 3 * b.tensors[x].shape[3], activation="RELU6")
        y = b.depthwise_conv_2d(y, (kernel, kernel), stride=(stride, stride), activation="RELU6")
        y = b.conv_2d(y, channels)
        x = b.binary("ADD", x, y) if stride == 1 else y
    return b.finish([b.softmax(b.fully_connected(b.mean(x, (1, 2)), 10))])


def picture(timeline: Timeline, scale_bytes: int) -> str:
    """A timeline as an SVG file of its own: axis, chart and the report's colours."""
    chart = chart_svg(timeline, WIDTH, HEIGHT, scale_bytes)
    placed = chart.replace("<svg ", f'<svg x="{AXIS_WIDTH}" ', 1)
    steps = max(len(timeline.steps), 1)
    width = max(WIDTH, 13 * steps) + AXIS_WIDTH
    style = resources.files("tflm_mcunet.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
        f'viewBox="0 0 {width} {HEIGHT}"><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="var(--card)"/>'
        f"{axis_svg(scale_bytes, HEIGHT)}{placed}</svg>\n"
    )


def memory_plan(folder: Path) -> None:
    """The pictures, and the table of what each plan needs, put into the page that was written by hand."""
    graph = example()
    plans = {
        name: mcu.convert(graph, schedule=schedule, input=source).schedule
        for name, schedule, source in (
            ("layer", "layer", "resident"),
            ("stream", "stream", "resident"),
            ("rows", "stream", "rows"),
        )
    }
    timelines = {"stock": stock_timeline(graph, memory(graph), "Stock TFLite Micro")}
    timelines |= {name: schedule_timeline(plan, name) for name, plan in plans.items()}
    scale = max(t.arena_bytes for t in timelines.values())
    (folder / "pictures").mkdir(exist_ok=True)
    for name, timeline in timelines.items():
        (folder / "pictures" / f"{name}.svg").write_text(picture(timeline, scale), encoding="utf-8")
    titles = {"stock": "stock", "layer": "layer", "stream": "stream", "rows": "stream, fed by rows"}
    rows = [
        [title, f"{timelines[name].arena_bytes:,}", f"{timelines[name].arena_bytes / scale:.0%}"]
        for name, title in titles.items()
    ]
    page = folder / "memory_plan.md"
    text = page.read_text(encoding="utf-8")
    table = markdown_table(["plan", "bytes for activations", "of stock"], rows)
    page.write_text(text.replace("PLAN_TABLE\n", table), encoding="utf-8")


def operators() -> str:
    """What `tflm-mcunet ops` says."""
    command = [sys.executable, "-m", "tflm_mcunet", "ops", "--json", "-"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    def said(is_true: bool) -> str:
        return "yes" if is_true else "–"

    rows = [
        [
            f"`{op['type']}`",
            said(op["macs"]),
            said(op["row_window"]),
            ", ".join(map(str, op["in_place"])) or "–",
            said(op["planner"]),
            said(op["cpp"]),
        ]
        for op in json.loads(ran.stdout)["ops"]
    ]
    head = ["operator", "MACs counted", "rows", "in place", "planner", "C++ program"]
    return f"""# Operators

Made by `tflm-mcunet ops` from the tables that the planner and the code generator use.

{markdown_table(head, rows)}
*Rows*: an output row needs only a window of input rows where the shapes allow it, so the operator can be streamed.
*In place*: operands whose bytes the output may take. *Planner*: shapes are known; any other operator is planned as the
file states its tensors. *C++ program*: engines host and qemu, int8; what it cannot compute exactly is refused, with the
operator's index, type and tensors. The real TFLite Micro (`--on tflm`) runs every operator that it has.

`SPLIT_V` into equal parts is turned into `SPLIT`. Resource variables (`VAR_HANDLE`, `READ_VARIABLE`, `ASSIGN_VARIABLE`,
`CALL_ONCE`) become inputs and outputs by `tflm_mcunet.transforms.explicit_state`, and
`tflm_mcunet.codegen.stream_state.stream_files` writes the functions that carry them from call to call.
"""


def comparison() -> str:
    """Ours from benchmarks/baseline.json, others' from tflm_mcunet/bench/peers.toml."""
    stored = json.loads((ROOT / "benchmarks" / "baseline.json").read_text(encoding="utf-8"))
    counts = stored["counts"]
    models = [key.split(" ")[0] for key in counts if f" {ENGINE} layer " in key]
    labels = ["TFLM + CMSIS-NN", "TinyEngine, inexact", "TinyEngine, integer"]
    rows = []
    for model in models:
        figures = peers.model_figures(model)
        if not figures:
            continue
        ours = {plan: counts[f"{model} {ENGINE} {plan} resident"] for plan in ("layer speed", "stream sram")}
        theirs = peers.peer_instructions(model, ENGINE)
        rows.append(
            [
                model,
                *(f"{entry['instructions'] / 1e6:.2f}" for entry in ours.values()),
                *(f"{theirs[label] / 1e6:.2f}" if label in theirs else "–" for label in labels),
                f"{figures['tflm_reference_m4'] / 1e6:.1f}",
                *(f"{entry['SRAM']:,}" for entry in ours.values()),
            ]
        )
    head = ["model", "ours, layer", "ours, stream", *labels, "TFLM reference", "SRAM, layer", "SRAM, stream"]
    notes = "".join(
        f"- {m}: {peers.model_figures(m)['note']}\n" for m in models if "note" in peers.model_figures(m)
    )
    compilers = ", ".join(f"{name} {version}" for name, version in stored["compilers"].items())
    return f"""# Comparison with other engines

Millions of instructions for one inference on an emulated Cortex-M4, and bytes of SRAM of our programs, all of it:
activations, scratch, static data and stack.

{markdown_table(head, rows)}
Our columns are those of `benchmarks/baseline.json` ({compilers}). This command counts them anew, and fails where one
grew by more than 1 %:

```
TFLM_MCUNET_MODELS=FOLDER .venv/bin/python benchmarks/baseline.py
```

One model, with each class of operator beside what others need for it:

```
tflm-mcunet bench MODEL --on {ENGINE}
```

Others' columns are data of the package, `tflm_mcunet/bench/peers.toml`: {peers.source()}

{notes}
Instructions are no cycles: flash wait states, caches and dual issue are not in them. What stock TFLite
Micro needs of SRAM for a model is in `tflm-mcunet analyze MODEL`.
"""


def api() -> str:
    """The public names, each documented by its docstring."""
    names = {name: getattr(mcu, name) for name in mcu.__all__}
    errors = {
        name for name, value in names.items() if isinstance(value, type) and issubclass(value, Exception)
    }
    ordered = [n for n in names if n not in errors] + [n for n in names if n in errors]
    paths = [f"{names[name].__module__}.{names[name].__qualname__}" for name in ordered]
    head = (
        "# API\n\n`import tflm_mcunet as mcu` has these names; they are loaded when they are first used.\n\n"
    )
    return head + "".join(f"::: {path}\n\n" for path in paths)


def main() -> int:
    """Writes all of them."""
    folder = Path(sys.argv[1])
    memory_plan(folder)
    for name, make in (("operators", operators), ("comparison", comparison), ("api", api)):
        (folder / f"{name}.md").write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
