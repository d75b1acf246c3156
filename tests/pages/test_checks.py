"""The Check view of the Data page, and what the Train page says of it, over reports made by hand."""

import re
import time

import numpy as np
import pytest

from core.checks import open_findings, store
from core.checks.registry import CHECKS
from core.checks.report import Case, CaseImage, CheckReport, Finding, Fix, SkippedCheck
from core.data import datasets, edits
from core.data.manifest import Dataset, Entry, Note
from core.jobs import service
from core.storage import workspace
from tests.pages.visitor import labelled, opened, press, says
from ui.data import check_view, finding_view

WORST, OTHER = list(CHECKS)[:2]


class Bench:
    """An engine without workers: a check that was asked for waits, until a test says what became of it."""

    def submit(self, kind, name):
        store.prepare(name).set_state("queued")

    def cancel(self, kind, name):
        store.job(name).set_state("cancelled")


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    monkeypatch.setattr(service, "engine", Bench)


def shown(entry: Entry) -> CaseImage:
    return CaseImage(entry.source, entry.label, entry.split, entry.image, entry.content)


def lone(entry: Entry) -> Case:
    return Case((shown(entry),), Note("brightness {value:.0%}", {"value": 0.03}), (Fix("exclude", (0,)),))


def pair(one: Entry, other: Entry) -> Case:
    fixes = (Fix("exclude", (1,)), Fix("move", (0, 1), "train"))
    return Case((shown(one), shown(other)), Note("the same pixels", {}), fixes)


def save(dataset: Dataset, *findings: Finding, left_out: tuple[SkippedCheck, ...] = ()) -> CheckReport:
    report = CheckReport(
        dataset.name, dataset.fingerprint, "photo", len(dataset.entries), findings, left_out, time.time(), 12.0
    )
    store.save(dataset.name, report)
    return report


@pytest.fixture
def report(pets) -> CheckReport:
    """Two pairs of cats and dogs, and three dark cats."""
    cats, dogs = pets.entries[:6], pets.entries[6:]
    pairs = Finding(WORST, "serious", (pair(cats[0], dogs[0]), pair(cats[1], dogs[1])))
    return save(pets, pairs, Finding(OTHER, "minor", tuple(map(lone, cats[2:5]))))


def opened_check(name: str = "pets"):
    return opened("1_Data", dataset=name, view="check")


def buttons(app) -> list[str]:
    return [button.label for button in app.button]


def heading(app, start: str):
    return next(button for button in app.button if button.label.startswith(start))


def opens(app, start: str):
    heading(app, start).click().run()
    assert not app.exception
    return app


def links(app) -> list[str]:
    return [link.proto.label for link in app.get("page_link")]


def test_the_view_is_chosen_and_the_address_knows_it(pets):
    app = opened("1_Data", dataset="pets")
    assert labelled(app.segmented_control, "View").value == "images"
    labelled(app.segmented_control, "View").set_value("check").run()
    assert app.query_params["view"] == "check"
    assert "Check this data set" in buttons(app)
    assert not app.metric


def test_a_first_visitor_is_told_what_it_is_and_what_to_press(pets):
    app = opened_check()
    assert says(app.markdown, "before you train")
    press(app, "Check this data set")
    assert store.status("pets").state == "queued"
    assert "Check this data set" not in buttons(app)


def test_an_empty_set_says_what_to_do_first():
    datasets.create("fresh")
    assert says(opened_check("fresh").info, "no images")


def test_progress_says_what_goes_on_how_far_and_how_long(pets):
    store.prepare("pets").set_state("running")
    store.job("pets").write_progress(store.Progress("measuring", 0.5, done=6, total=12))
    store_status = workspace.read_json(store.folder("pets") / "status.json")
    workspace.write_json(store.folder("pets") / "status.json", store_status | {"changed": time.time() - 10})
    app = opened_check()
    [bar] = app.get("progress")
    # Half of it took ten seconds and what the page itself takes to come.
    assert re.match("Measuring images · 6 of 12 images · about \\d+ seconds left", bar.proto.text)
    press(app, "Cancel")
    assert says(app.info, "cancelled")
    assert "Check this data set" in buttons(app)


def test_a_check_that_failed_says_why_and_can_be_asked_for_again(pets):
    message = "There is no data set '{name}'. Choose one of these: {names}."
    store.prepare("pets").set_state("failed", message=message, values={"name": "pets", "names": "-"})
    app = opened_check()
    assert says(app.error, "no data set 'pets'")
    assert "Check this data set" in buttons(app)


def test_the_report_begins_with_its_health_and_the_worst_finding_is_open(report):
    app = opened_check()
    assert app.subheader[0].value == "1 problem to fix before training"
    assert heading(app, f"**{CHECKS[WORST].title}** · 2")
    assert heading(app, f"**{CHECKS[OTHER].title}** · 3")
    assert says(app.markdown, CHECKS[WORST].why)
    assert not says(app.markdown, CHECKS[OTHER].why)
    assert says(app.markdown, "the same pixels")
    assert len([html for html in app.get("html") if "data:image/webp" in html.proto.body]) == 2
    assert "Check again" not in buttons(app)


def test_one_case_is_mended_the_others_still_stand_and_undo_brings_it_back(report, pets):
    app = opened_check()
    press(app, "Keep only 1")
    assert len(datasets.load("pets").live()) == 11
    assert says(app.info, "has changed since this check")
    assert buttons(app).count("Keep only 1") == 1
    assert labelled(app.button, "Check again").proto.type == "primary"
    press(app, "Keep only 1")  # the next one, without a check in between
    assert len(datasets.load("pets").live()) == 10
    assert not [label for label in buttons(app) if CHECKS[WORST].title in label]
    assert says(app.markdown, CHECKS[OTHER].why)  # what is the worst now opens by itself
    press(app, "Undo: fixed by leaving out images: 1")
    press(app, "Undo: fixed by leaving out images: 1")
    assert datasets.load("pets").fingerprint == pets.fingerprint
    assert not says(app.info, "has changed")
    assert buttons(app).count("Keep only 1") == 2


def test_the_other_copy_may_be_the_one_to_keep_and_a_heading_says_whether_it_is_open(report, pets):
    app = opened_check()
    assert heading(app, f"**{CHECKS[WORST].title}**").label.endswith("Hide]")
    assert heading(app, f"**{CHECKS[OTHER].title}**").label.endswith("Show]")
    press(app, "Keep only 2")
    kept = {entry.image for entry in datasets.load("pets").live()}
    assert pets.entries[0].image not in kept
    assert pets.entries[6].image in kept


def test_all_of_a_finding_are_mended_at_once(report):
    app = opens(opened_check(), f"**{CHECKS[OTHER].title}**")
    press(app, "Leave out: all 3")
    assert len(datasets.load("pets").live()) == 9
    press(app, "Undo: fixed by leaving out images: 3")
    assert len(datasets.load("pets").live()) == 12


def test_a_case_without_that_mend_is_counted_out(pets):
    cats = pets.entries[:6]
    save(pets, Finding(WORST, "serious", (lone(cats[0]), Case((shown(cats[1]),), Note("odd", {})))))
    assert "Leave out: all 1" in buttons(opened_check())


def test_where_a_case_leaves_a_choice_nobody_chooses_for_all(pets):
    fixes = (Fix("exclude", (0, 1)), Fix("relabel", (0, 1), "cats"), Fix("relabel", (0, 1), "dogs"))
    pairs = [(shown(pets.entries[n]), shown(pets.entries[6 + n])) for n in range(2)]
    save(pets, Finding(WORST, "serious", tuple(Case(pair, Note("alike", {}), fixes) for pair in pairs)))
    labels = buttons(opened_check())
    assert [label for label in labels if ": all " in label] == ["Leave out: all 2"]
    assert labels.count("Label all as “dogs”") == 2


def test_what_was_found_fine_is_remembered_shown_and_taken_back(report):
    app = opened_check()
    press(app, "Mark as OK")
    app = opened_check()  # another day
    assert buttons(app).count("Keep only 1") == 1
    opens(app, "Marked as OK · 1")
    press(app, "Reopen")
    assert buttons(app).count("Keep only 1") == 2


def test_a_finding_can_be_fine_as_a_whole(report):
    app = opened_check()
    press(app, "Mark all 2 as OK")
    assert app.subheader[0].value == "No problems to fix before training"
    assert store.fine("pets") == {*report.findings[0].keys()}


def test_a_long_finding_comes_in_pages(pets, photo):
    edits.add_images("pets", "cats", [(f"more {n}", photo(500 + n)) for n in range(20)])
    pets = datasets.load("pets")
    save(pets, Finding(WORST, "serious", tuple(map(lone, pets.entries))))
    app = opened_check()
    pictures = len([html for html in app.get("html") if "<figure" in html.proto.body])
    assert pictures == finding_view.PAGE_OF_SINGLES < len(pets.entries)
    assert app.get("pagination")


def test_many_images_of_one_case_are_not_all_shown(pets):
    entries = pets.entries
    save(pets, Finding(WORST, "serious", (Case(tuple(map(shown, entries)), Note("the same", {})),)))
    app = opened_check()
    [body] = [html.proto.body for html in app.get("html") if "<figure" in html.proto.body]
    assert body.count("<figure") == finding_view.GROUP
    assert says(app.caption, f"and {len(entries) - finding_view.GROUP} more")


def test_names_that_came_with_the_data_cannot_become_markup(pets):
    image = shown(pets.entries[0])._replace(name="<script>.png", file="gone.png")
    note = Note("looks like {name}", {"name": "![x](http://elsewhere)"})
    save(pets, Finding(WORST, "serious", (Case((image,), note),)))
    app = opened_check()
    [body] = [html.proto.body for html in app.get("html") if "<figure" in html.proto.body]
    assert "<script>" not in body
    assert "cannot be shown" in body
    assert says(app.markdown, r"\!\[x\]")


def test_a_built_in_set_offers_a_copy_instead_of_mends():
    shapes = datasets.load("shapes")
    save(shapes, Finding(WORST, "serious", (pair(*shapes.entries[:2]), pair(*shapes.entries[2:4]))))
    app = opened_check("shapes")
    assert buttons(app).count("Make an editable copy") == 2
    assert not [label for label in buttons(app) if label.startswith(("Keep", "Leave", "Use"))]
    assert "Mark all 2 as OK" in buttons(app)


def test_a_clean_set_leads_to_training_and_tells_what_was_not_checked(pets):
    save(pets, left_out=(SkippedCheck(OTHER, Note("too few images", {})),))
    app = opened_check()
    assert app.subheader[0].value == "No problems to fix before training"
    assert "Train on this data set" in links(app)
    assert "Check again" in buttons(app)
    assert says(app.markdown, "too few images")


def test_the_report_can_be_downloaded(report, pets):
    assert [button.proto.label for button in opened_check().get("download_button")][-3:] == ["HTML", "CSV", "JSON"]
    assert check_view.page_with_pictures(report, pets).count(b"<img") == 7


def test_a_case_about_a_class_outlives_its_examples_until_the_class_is_gone(pets):
    merge = Case((shown(pets.entries[0]),), Note("alike", {}), (Fix("merge", (), "dogs", "cats"),), "cats, dogs")
    save(pets, Finding(WORST, "serious", (merge,)))
    edits.exclude_images("pets", [pets.entries[1]])
    assert open_findings.of(datasets.load("pets")).report.findings[0].cases == (merge,)
    edits.rename_class("pets", "dogs", "hounds")
    known = open_findings.of(datasets.load("pets"))
    assert (known.report.findings, known.touched) == ((), 1)


def test_a_class_that_is_gone_is_no_place_to_move_to(pets):
    case = Case((shown(pets.entries[0]),), Note("a dog", {}), (Fix("relabel", (0,), "dogs"), Fix("exclude", (0,))))
    save(pets, Finding(WORST, "serious", (case,)))
    edits.rename_class("pets", "dogs", "hounds")
    [left] = open_findings.of(datasets.load("pets")).report.findings[0].cases
    assert [fix.action for fix in left.fixes] == ["exclude"]


@pytest.mark.parametrize("name", ["pets", "shapes"])
def test_training_unchecked_images_is_met_with_a_quiet_invitation(name, pets):
    assert ("Not checked yet" in links(opened("2_Train", dataset=name))) is (name == "pets")


def test_the_train_page_shows_the_health_line_which_leads_to_the_check(report):
    app = opened("2_Train", dataset="pets")
    [link] = [link.proto for link in app.get("page_link") if link.proto.label == "1 problem to fix before training"]
    assert "view=check" in link.query_string


def test_a_line_of_pixels_can_be_shown(pets):
    edits.add_images("pets", "cats", [("line", np.zeros((1, 1000, 3), np.uint8))])
    pets = datasets.load("pets")
    save(pets, Finding(OTHER, "minor", (lone(pets.entries[-1]),)))
    page = opened_check()
    assert "data:image/webp" in page.get("html")[-1].proto.body


def test_while_a_check_goes_on_its_health_is_not_the_last_word(pets):
    save(pets)
    store.prepare("pets").set_state("queued")
    assert says(opened_check().subheader, "before training (so far)")


def test_without_images_there_is_nothing_to_check_and_a_way_to_add_some():
    datasets.create("empty")
    page = opened_check("empty")
    assert says(page.info, "no images in this data set yet")
    assert "Add images" in [link.proto.label for link in page.get("page_link")]
    assert "checked" not in str([link.proto.label for link in opened("2_Train", dataset="empty").get("page_link")])
