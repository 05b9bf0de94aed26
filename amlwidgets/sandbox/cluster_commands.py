"""``amlwidgets sandbox cluster``: the clusters that scripts attach, with declared nodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from amlwidgets.sandbox import client

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("name", nargs="?", help="make this cluster, or give it other nodes; without it, list them all")
    parser.add_argument("--nodes", type=int, default=3, help="number of nodes (default: 3)")
    parser.add_argument("--size", default="Standard_D3_v2", help="size of a node (default: Standard_D3_v2)")
    parser.add_argument("--group", help="its resource group (default: that of the sandbox's workspace)")
    parser.add_argument(
        "--taint", action="append", metavar="'KEY: VALUE'", help="a taint of every node; may be repeated"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: argparse.Namespace) -> int:
    """List clusters, or make one."""
    running = client.need(options.home)
    if options.name:
        wanted = {"name": options.name, "nodes": options.nodes, "size": options.size}
        made = running.make_cluster(**wanted, group=options.group, taints=options.taint or [])
        found = [made]
    else:
        found = running.clusters()
    print(json.dumps({"clusters": found}, indent=2) if options.format == "json" else _describe(found))
    return 0


def _describe(clusters: list[dict[str, Any]]) -> str:
    return "\n".join(line for cluster in clusters for line in _lines(cluster))


def _lines(cluster: dict[str, Any]) -> list[str]:
    attached = ", ".join(cluster["computes"]) or "not attached"
    head = f"{cluster['name']} ({cluster['group']}): {cluster['count']} nodes {cluster['size']}, {attached}"
    nodes = [
        f"  {node['name']}  {node['cpu']:g} cores, {node['memory_gib']:g} GiB"
        + (f", {node['gpu']} GPU" if node["gpu"] else "")
        + f"  pods: {', '.join(node['pods']) or 'none'}"
        for node in cluster["nodes"]
    ]
    return [head, *(f"  taint {taint}" for taint in cluster["taints"]), *nodes]
