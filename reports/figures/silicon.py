"""Area of the chip by block."""

from reports.derived import RunJson
from reports.figures.figure import BAR_WIDTH, COMPONENT_COLORS, Figure, color_of, names_axis, rows_height_px, with_room
from reports.units import digits, share

_COLORS = {**COMPONENT_COLORS, "dma and control": COMPONENT_COLORS["commands"]}


def area(run: RunJson) -> Figure:
    """Horizontal bars, largest first, mm2."""
    blocks = sorted(run["area_mm2"].items(), key=lambda item: (-item[1], item[0]))
    names, total = [name for name, _ in blocks], sum(value for _, value in blocks)
    technology = run["hardware"]["technology"]
    return Figure(
        id="area",
        title="Silicon area",
        reading=f"Estimated area by block at {technology['node_nm']} nm, {digits(total)} mm² together. Flash and"
        f" external RAM are not"
        " on the chip.",
        data=(
            {
                "type": "bar",
                "orientation": "h",
                "width": BAR_WIDTH,
                "y": list(range(len(blocks))),
                "x": [value for _, value in blocks],
                "marker": {"color": [color_of(name, names, _COLORS) for name in names]},
                "text": [f"{digits(value, 3)} mm² ({share(value, total)})" for _, value in blocks],
                "textposition": "outside",
                "cliponaxis": False,
                "showlegend": False,
                "customdata": names,
                "hovertemplate": "<b>%{customdata}</b><br>%{x:,.4g} mm²<extra></extra>",
            },
        ),
        layout={
            "height": max(330, rows_height_px(len(blocks))),
            "xaxis": {"title": {"text": "Area (mm²)"}, "range": with_room((value for _, value in blocks), 0.3)},
            "yaxis": names_axis(names),
        },
    )
