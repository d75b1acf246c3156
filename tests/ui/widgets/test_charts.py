"""Charts are pure functions: what they hold, in which order, on which scale."""

import pytest

from ui.widgets import charts


def layers(chart) -> dict:
    return chart.to_dict()


def test_a_class_keeps_its_colour_whatever_the_order():
    assert charts.class_color(["b", "a"]) == charts.class_color(["a", "b"])
    assert charts.class_color(["a", "b"])["a"] == charts.OKABE_ITO[0]


def test_sixteen_classes_have_sixteen_colours():
    colors = charts.class_color([f"class {n:02}" for n in range(16)])
    assert len(set(colors.values())) == 16
    assert all(len(color) == 7 and color.startswith("#") for color in colors.values())


def test_probabilities_put_the_likeliest_first_on_a_fixed_scale():
    bars = charts.probabilities(["circle", "rectangle", "triangle"], [0.02, 0.03, 0.95])
    assert bars.index("triangle") < bars.index("rectangle") < bars.index("circle")
    assert "calc(0.9500 * (100% - 3.5rem))" in bars
    assert [share in bars for share in (">95%<", ">3%<", ">2%<")] == [True] * 3


def test_probabilities_and_counts_colour_a_class_alike():
    bars = charts.probabilities(["triangle", "circle"], [0.5, 0.5])
    counted = layers(charts.counts({"circle": {"train": 1}, "triangle": {"train": 2}}))["layer"][0]
    for name, color in zip(*counted["encoding"]["color"]["scale"].values(), strict=True):
        assert f"background:{color}" in bars[bars.index(f">{name}<") :].split("</span></span>")[0]


def test_a_class_name_is_text_and_not_markup():
    assert "<b>" not in charts.probabilities(["<b>bold</b>", "plain"], [0.5, 0.5])


def test_one_probability_for_each_class():
    with pytest.raises(ValueError, match="zip"):
        charts.probabilities(["a", "b"], [1.0])


def test_curves_keep_their_axes_while_they_grow():
    history = {"loss": [1.0], "val_loss": [1.1], "accuracy": [0.5], "val_accuracy": [0.4]}
    longer = {name: [*values, 0.3] for name, values in history.items()}
    for panel, later in zip(*(layers(charts.curves(h, 15))["vconcat"] for h in (history, longer)), strict=True):
        assert panel["encoding"]["x"]["scale"] == later["encoding"]["x"]["scale"]
        assert panel["encoding"]["x"]["scale"]["domain"] == [1, 15]
    accuracy = layers(charts.curves(longer))["vconcat"][1]
    assert accuracy["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert accuracy["encoding"]["x"]["scale"]["domain"] == [1, 2]
    assert [row["epoch"] for row in accuracy["data"]["values"]] == [1, 2, 1, 2]


def test_curves_need_no_validation():
    assert layers(charts.curves({"loss": [1.0], "accuracy": [0.5]}))["vconcat"]


def test_counts_end_with_the_total():
    spec = layers(charts.counts({"cats": {"train": 5, "validation": 2, "test": 1}, "dogs": {}}))
    bars, totals = spec["layer"]
    data = {row["class"]: row["images"] for row in totals["data"]["values"]}
    assert data == {"cats": 8, "dogs": 0}
    assert [row["images"] for row in bars["data"]["values"]] == [5, 2, 1, 0, 0, 0]


def test_confusion_shades_by_the_share_of_its_row():
    spec = layers(charts.confusion([[3, 1], [0, 0]], ["cats", "dogs"]))
    [values] = [spec["data"]["values"]]
    assert [row["share"] for row in values] == [0.75, 0.25, 0, 0]
    assert [(row["truth"], row["answer"]) for row in values[:2]] == [("cats", "cats"), ("cats", "dogs")]


def test_intervals_show_every_seed_and_each_mean():
    chart = charts.intervals({"with": ([0.9, 0.8, 0.85], 0.85, 0.7, 0.95), "without": ([0.6], 0.6, 0.4, 0.8)}).to_dict()
    text = str(chart)
    assert "85.0%" in text
    assert text.count("'share': 0.") == 4
