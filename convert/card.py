"""The model card: README.md beside a packaged model, for whoever finds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.manifest import Manifest


def card(manifest: Manifest, size_bytes: int) -> str:
    """The text of README.md: what the model is, how well it does, where it came from."""
    shape = f"{manifest.input.height} x {manifest.input.width} RGB, 0..255, {manifest.input.dtype}"
    sections = [
        f"# {manifest.name} {manifest.version}",
        f"Says which of {len(manifest.labels)} kinds of waste is on a picture: {', '.join(manifest.labels)}.",
        _table(
            {
                "backbone": manifest.backbone,
                "input": shape,
                "file": f"{manifest.file}, {size_bytes / 1e6:.1f} MB, sha256 `{manifest.sha256}`",
                "temperature": f"{manifest.temperature:.3f}",
                "crop margin": f"{manifest.input.crop_margin:g} of the item's longer side",
                "made": manifest.created,
                "licence": manifest.licence,
            }
        ),
        "## Measured",
        _table(manifest.metrics) if manifest.metrics else "Nothing yet: `smartbin-convert verify` measures it.",
        "## Where it comes from",
        _list("Trained on", manifest.provenance.data),
        _list("Licences of the data and of the initial weights", manifest.provenance.licences),
        f"Made with\n\n    {manifest.provenance.command}" if manifest.provenance.command else "",
        "## Limits",
        "A model like this is sure of what looks like its training pictures and errs on what does not: crumpled film, "
        "labelled jars, other light, other angles. It always names one of its labels, also of a thing that is none of "
        "them. Let it sort with a threshold (`abstain_below`), and measure it on pictures of your own bin.",
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _table(rows: Mapping[str, object]) -> str:
    lines = [f"| {name} | {_figure(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _list(title: str, entries: Sequence[str]) -> str:
    return "\n".join([f"{title}:", "", *(f"- {entry}" for entry in entries)]) if entries else ""
