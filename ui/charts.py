"""The product's charts: pure functions from numbers to Altair charts, as wide as their container.

A class has one colour everywhere, by its place in the alphabet. Text is a mid grey that reads on paper and on ink.
"""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt

# Okabe & Ito, Color Universal Design, 2008; black became grey, which reads on dark backgrounds too.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C")
INK = "#808080"


def class_color(classes: Iterable[str]) -> dict[str, str]:
    """Return {class: "#rrggbb"}. From the ninth class on the colours return, muted."""
    rounds = (OKABE_ITO, tuple(_muted(color) for color in OKABE_ITO))
    return {
        name: rounds[index // len(OKABE_ITO) % 2][index % len(OKABE_ITO)] for index, name in enumerate(sorted(classes))
    }


def _muted(color: str) -> str:
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{(channel + 128) // 2:02X}" for channel in channels)


def _class_scale(classes: Iterable[str]) -> alt.Scale:
    colors = class_color(classes)
    return alt.Scale(domain=list(colors), range=list(colors.values()))


def probabilities(classes: Sequence[str], probabilities: Sequence[float]) -> alt.Chart:
    """Horizontal bars, the likeliest class first, on a scale that is always 0 to 100 %."""
    rows = [{"class": c, "probability": float(p)} for c, p in zip(classes, probabilities, strict=True)]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("probability:Q", scale=alt.Scale(domain=[0, 1.14]),
                axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], title=None)),
        y=alt.Y("class:N", sort="-x", title=None, axis=alt.Axis(labelLimit=110, labelFontSize=14, ticks=False)),
    )  # fmt: skip
    bars = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.62}).encode(
        color=alt.Color("class:N", scale=_class_scale(classes), legend=None)
    )
    values = base.mark_text(align="left", dx=6, fontSize=14, color=INK).encode(
        text=alt.Text("probability:Q", format=".0%")
    )
    return (bars + values).properties(height=alt.Step(34))


def curves(history: Mapping[str, Sequence[float]], epochs: int = 0) -> alt.HConcatChart:
    """Loss and accuracy side by side, one line for training, one for validation; `epochs` is how far the x axis goes."""
    names = {"loss": "training", "val_loss": "validation", "accuracy": "training", "val_accuracy": "validation"}
    rows = [
        {"curve": key.removeprefix("val_"), "images": names[key], "epoch": epoch, "value": value}
        for key, values in history.items() if key in names for epoch, value in enumerate(values, 1)
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).mark_line(point=True)
    return alt.hconcat(
        *(
            base.transform_filter(alt.datum.curve == curve).encode(x="epoch:Q", y="value:Q", color="images:N")
            for curve in ("loss", "accuracy")
        )
    )


def counts(counts: Mapping[str, Mapping[str, int]]) -> alt.Chart:
    """Images per class as stacked bars, one part for each split: {class: {split: images}}."""
    rows = [{"class": c, "split": s, "images": n} for c, parts in counts.items() for s, n in parts.items()]
    return alt.Chart(alt.Data(values=rows)).mark_bar().encode(x="images:Q", y="class:N", color="split:N")


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> alt.Chart:
    """Heat map of `matrix` (rows: truth, columns: prediction)."""
    rows = [
        {"truth": t, "predicted": p, "images": int(n)}
        for t, row in zip(classes, matrix, strict=True) for p, n in zip(classes, row, strict=True)
    ]  # fmt: skip
    return alt.Chart(alt.Data(values=rows)).mark_rect().encode(x="predicted:N", y="truth:N", color="images:Q")
