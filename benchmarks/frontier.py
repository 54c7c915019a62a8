"""Peak SRAM against computed MACs for the nine networks of the MCUNet zoo, and for every `.tflite` that is named.

    python benchmarks/frontier.py [MODEL.tflite ...] [--input rows] [--only NAME] [--json PATH] [--html PATH]

Topologies come from ../shared/models/mcunet_zoo_topologies.json (or $TFLM_MCUNET_MODELS) where that is present.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from tflm_mcunet.graph import Graph
from tflm_mcunet.report.frontier_svg import frontier_svg
from tflm_mcunet.report.memory_report import FrontierPoint
from tflm_mcunet.schedule.stages import frontier
from tflm_mcunet.tflite import read
from tflm_mcunet.transforms import canonical

ROOT = Path(__file__).resolve().parent.parent

ZOO = (
    "mcunet-vww0", "mcunet-vww1", "mcunet-vww2", "mcunet-in0", "mcunet-in1", "mcunet-in2", "mcunet-in3",
    "mbv2-w0.35", "proxyless-w0.3",
)  # fmt: skip


def graphs(files: list[str], only: str | None) -> list[tuple[str, Graph]]:
    """The networks to draw, with their names."""
    sys.path.insert(0, str(ROOT / "tests" / "schedule"))
    from stream_graphs import zoo_network

    found = [(Path(f).stem, canonical(read(f))[0]) for f in files]
    folder = Path(os.environ.get("TFLM_MCUNET_MODELS", ROOT.parent / "shared" / "models"))
    topologies = folder / "mcunet_zoo_topologies.json"
    if not topologies.exists():
        print(f"{topologies} is missing: the zoo is left out")
        return found
    names = [n for n in ZOO if only in (None, n)]
    return found + [(n, zoo_network(topologies, n, same_padding=n == "mbv2-w0.35")) for n in names]


STYLE = """
:root { --bar: #2b6cb0; --peak: #c05621; color-scheme: light }
body { font: 15px/1.5 sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em }
svg.frontier text { font-size: 11px; fill: #555 }
svg.frontier .grid { stroke: #ddd }
"""


def page(drawn: dict[str, list[FrontierPoint]]) -> str:
    """One self-contained page with a plot a network."""
    plots = "".join(f"<h2>{name}</h2>{frontier_svg(points)}" for name, points in drawn.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>SRAM against MACs</title>'
        f"<style>{STYLE}</style><h1>Peak SRAM against computed MACs</h1>"
        '<p><span style="color:var(--bar)">■</span> input resident, <span style="color:var(--peak)">■</span> '
        f"input fed by rows, anew for each patch.</p>{plots}</html>"
    )


def main() -> None:
    """Print a line a network and input: bytes @MAC factor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--input", choices=("resident", "rows"), action="append")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--json", metavar="PATH", type=Path)
    parser.add_argument("--html", metavar="PATH", type=Path)
    arguments = parser.parse_args()
    drawn: dict[str, list[FrontierPoint]] = {}
    for name, graph in graphs(arguments.files, arguments.only):
        for source in arguments.input or ("resident", "rows"):
            began = time.process_time()
            points = frontier(graph, input=source)
            taken = time.process_time() - began
            line = "  ".join(f"{size:,} @{factor:.3f}" for factor, size, _ in points)
            print(f"{name:16} {source:8} {line}  ({taken:.0f} s)", flush=True)
            found = [FrontierPoint(source, factor, size) for factor, size, _ in points]
            drawn.setdefault(name, []).extend(found)
    if arguments.json:
        rows = {
            name: [
                {"input": p.input, "mac_factor": p.mac_factor, "arena_bytes": p.arena_bytes} for p in points
            ]
            for name, points in drawn.items()
        }
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    if arguments.html:
        arguments.html.write_text(page(drawn))


if __name__ == "__main__":
    main()
