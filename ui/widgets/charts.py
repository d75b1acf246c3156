"""The product's charts: pure functions from numbers to charts, nearly all Altair's, which fill their container's width.

A class has one colour everywhere, by its place in the alphabet. Text takes the page's own colour, light or dark.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import altair as alt
import pandas as pd  # noqa: F401  Altair peeks at it, and finds it half imported where another thread is just doing so

from core.i18n import N_
from ui.i18n import _, class_name, percent

# Okabe & Ito, Color Universal Design, 2008; their black became grey, which shows on dark backgrounds too.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C")
TEXT = "currentColor"  # what the page's style sheet says where the chart stands
TRAINING, VALIDATION = "#8C8C8C", "#4F7FD9"  # at least 3:1 on paper and on ink
CELL = "#0B5C94"
NO_CLASS = "#8C8C8C"  # of bars whose names are nobody's classes
SPLITS = {"train": N_("training"), "validation": N_("validation"), "test": N_("test")}
SHADES = (1.0, 0.6, 0.3)  # of a class's colour, by split
MANY = 12  # more classes than this are drawn smaller
MOST = 25  # classes in one chart


def class_color(classes: Iterable[str]) -> dict[str, str]:
    """Return {class: "#rrggbb"}. From the ninth class on the colours return, muted."""
    rounds = (OKABE_ITO, tuple(_muted(color) for color in OKABE_ITO))
    return {
        name: rounds[index // len(OKABE_ITO) % 2][index % len(OKABE_ITO)] for index, name in enumerate(sorted(classes))
    }


def probabilities(
    classes: Sequence[str], probabilities: Sequence[float], *, most: int | None = None, color: str = ""
) -> str:
    """Horizontal bars as HTML, the likeliest class first, on a scale that is always 0 to 100%.

    At most `most` of them, in their classes' colours, or all in one `color`.

    Not an Altair chart: these bars follow every stroke, and Vega takes longer to draw them anew than all the rest.
    """
    ranked = sorted(zip(classes, probabilities, strict=True), key=lambda pair: (-pair[1], pair[0]))[:most]
    colors = class_color(classes)
    rows = [
        f'<span style="overflow-wrap:anywhere">{escape(class_name(name))}</span>'
        '<span style="display:flex;align-items:center;gap:0.5rem">'
        f'<span style="width:calc({share:.4f} * (100% - 3.5rem));min-width:2px;height:1.4rem;border-radius:0 3px 3px 0;'
        f'background:{color or colors[name]}"></span><span>{share:.0%}</span></span>'
        for name, share in ranked
    ]
    grid = "display:grid;grid-template-columns:fit-content(40%) 1fr;gap:0.6rem 0.9rem;align-items:center"
    return f'<div style="{grid}">{"".join(rows)}</div>'


def curves(history: Mapping[str, Sequence[float]], epochs: int = 0) -> alt.VConcatChart:
    """Loss above accuracy, training dashed and validation solid, over the same epochs.

    `epochs` is how far the axis goes while training is under way, so that it does not jump as the lines grow.
    """
    last = max([2, epochs, *(len(values) for values in history.values())])
    training, validation = _("training"), _("validation")

    def panel(curve: str, title: str, y: alt.Y, x_title: str | None) -> alt.Chart:
        rows = [
            {"images": images, "epoch": epoch, "value": value}
            for key, images in ((curve, training), (f"val_{curve}", validation))
            for epoch, value in enumerate(history.get(key, ()), 1)
        ]
        names = [training, validation]
        return alt.Chart(alt.Data(values=rows), title=alt.Title(title, anchor="start"), height=150).mark_line(
            point=alt.OverlayMarkDef(size=18), strokeWidth=2
        ).encode(
            x=alt.X("epoch:Q", title=x_title, scale=alt.Scale(domain=[1, last], nice=False),
                    axis=alt.Axis(format="d", tickMinStep=1, grid=False)),
            y=y,
            color=alt.Color("images:N", scale=alt.Scale(domain=names, range=[TRAINING, VALIDATION]),
                            legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3)),
            strokeDash=alt.StrokeDash("images:N", scale=alt.Scale(domain=names, range=[[5, 4], [1, 0]]), legend=None),
            tooltip=["images:N", "epoch:Q", alt.Tooltip("value:Q", format=".4f")],
        )  # fmt: skip

    loss = alt.Y("value:Q", title=None, scale=alt.Scale(domainMin=0), axis=alt.Axis(tickCount=4, minExtent=44))
    accuracy = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1]),
                     axis=alt.Axis(tickCount=4, format="%", minExtent=44))  # fmt: skip
    upper = panel("loss", _("Loss (lower is better)"), loss, None)
    lower = panel("accuracy", _("Accuracy (higher is better)"), accuracy, _("epoch"))
    return _styled(alt.vconcat(upper, lower))


def counts(counts: Mapping[str, Mapping[str, int]]) -> alt.LayerChart:
    """Images per class as bars whose shades are the splits, the total at the end: {class: {split: images}}.

    Of more than MOST classes, those with the fewest images: there something is missing first.
    """
    names = [_(name) for name in SPLITS.values()]
    fewest = sorted(counts, key=lambda label: (sum(counts[label].values()), label))[:MOST]
    shown = {label: counts[label] for label in sorted(fewest)}
    rows = [
        {"class": class_name(label), "split": names[order], "order": order, "images": parts.get(split, 0)}
        for label, parts in shown.items() for order, split in enumerate(SPLITS)
    ]  # fmt: skip
    totals = [{"class": class_name(label), "images": sum(parts.values())} for label, parts in shown.items()]
    longest = max([1, *(row["images"] for row in totals)])
    x = alt.X("images:Q", scale=alt.Scale(domain=[0, 1.16 * longest], nice=False), axis=None)
    step, size = (20, 12) if len(shown) > MANY else (34, 14)
    y = alt.Y("class:N", sort=[class_name(label) for label in shown], title=None,
              axis=alt.Axis(labelLimit=140, labelFontSize=size, ticks=False, domain=False))  # fmt: skip
    bars = alt.Chart(alt.Data(values=rows)).mark_bar(height={"band": 0.62}).encode(
        x=x, y=y, color=_class_hue(counts, shown), order="order:O",
        opacity=alt.Opacity("split:N", scale=alt.Scale(domain=names, range=list(SHADES)),
                            legend=alt.Legend(title=None, orient="top", symbolType="square", symbolFillColor=TEXT,
                                              symbolStrokeWidth=0)),
    )  # fmt: skip
    values = alt.Chart(alt.Data(values=totals)).mark_text(align="left", dx=6, fontSize=size, color=TEXT).encode(
        x=x, y=y, text=alt.Text("images:Q", format=",")
    )  # fmt: skip
    return _styled((bars + values).properties(height=alt.Step(step)))


def confusion(
    matrix: Sequence[Sequence[int]], classes: Sequence[str], shown: Sequence[int] | None = None
) -> alt.LayerChart:
    """Heat map of `matrix` (rows: truth, columns: answer): the number of images, shaded by its share of the row.

    Of all classes, or of those whose indices are `shown`.
    """
    shown = range(len(classes)) if shown is None else shown
    classes = {index: class_name(classes[index]) for index in shown}
    totals = {index: max(1, sum(matrix[index])) for index in shown}
    rows = [
        {"truth": classes[truth], "answer": classes[answer], "images": int(matrix[truth][answer]),
         "share": matrix[truth][answer] / totals[truth]}
        for truth in shown for answer in shown
    ]  # fmt: skip
    classes = list(classes.values())
    many = len(classes) > MANY
    step, size, limit = (14, 8, 60) if many else (38, 15, 110)
    angle = -90 if many else -40 if max(map(len, classes)) * len(classes) > 30 else 0
    labels = {"labelLimit": limit, "labelFontSize": 9 if many else 11, "ticks": False, "labelOverlap": False}
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("answer:N", title=_("prediction"), sort=classes,
                axis=alt.Axis(orient="top", labelAngle=angle, **labels)),
        y=alt.Y("truth:N", title=_("true class"), sort=classes, axis=alt.Axis(**labels)),
        tooltip=["truth:N", "answer:N", "images:Q", alt.Tooltip("share:Q", format=".0%")],
    )  # fmt: skip
    cells = base.mark_rect(color=CELL, cornerRadius=2).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
    )
    numbers = (
        base.transform_filter("datum.images > 0")
        .mark_text(fontSize=size)
        .encode(text="images:Q", color=alt.condition("datum.share > 0.6", alt.value("#FFFFFF"), alt.value(TEXT)))
    )
    return _styled((cells + numbers).properties(height=alt.Step(step)))


def intervals(rows: Mapping[str, tuple[Sequence[float], float, float, float]]) -> alt.LayerChart:
    """Shares by name, {name: (single ones, mean, low, high)}: a dot for each, and the mean with its interval."""
    dots = [{"name": name, "share": share} for name, (shares, *_rest) in rows.items() for share in shares]
    means = [
        {"name": name, "mean": mean, "low": low, "high": high, "said": percent(mean)}
        for name, (_shares, mean, low, high) in rows.items()
    ]
    y = alt.Y("name:N", title=None, sort=list(rows), axis=alt.Axis(labelLimit=160, ticks=False, domain=False))
    axis = alt.Axis(format="%", tickCount=5)
    x = alt.X("low:Q", title=_("Accuracy"), axis=axis, scale=alt.Scale(zero=False, padding=14))
    base = alt.Chart(alt.Data(values=means))
    bars = base.mark_rule(strokeWidth=3, color=VALIDATION).encode(x=x, x2="high:Q", y=y)
    ticks = base.mark_tick(thickness=4, size=22, color=VALIDATION).encode(x="mean:Q", y=y)
    said = base.mark_text(dy=-18, fontSize=13, color=TEXT).encode(x="mean:Q", y=y, text="said:N")
    single = alt.Chart(alt.Data(values=dots)).mark_circle(size=60, color=TEXT, opacity=0.55).encode(x="share:Q", y=y)
    return _styled((bars + ticks + single + said).properties(height=alt.Step(56)))


def _styled(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    return chart.configure_axis(labelColor=TEXT, titleColor=TEXT).configure_legend(labelColor=TEXT)


def _muted(color: str) -> str:
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{(channel + 128) // 2:02X}" for channel in channels)


def _class_hue(classes: Iterable[str], shown: Iterable[str]) -> alt.Color:
    by_label = class_color(classes)
    colors = {class_name(label): by_label[label] for label in shown}
    return alt.Color("class:N", scale=alt.Scale(domain=list(colors), range=list(colors.values())), legend=None)
