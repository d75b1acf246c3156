"""Mends are one edit, undone by one undo; what is fine stays fine."""

import numpy as np
import pytest

from core.checks import check, fixes, store
from core.checks.report import Case, CaseImage, CheckReport, Fix, Note
from core.checks.sources import of_dataset
from core.data import datasets, edits, history, importing
from core.errors import UserError


@pytest.fixture
def pets(clean, scene):
    """A data set with an image in two classes and a near copy in two splits."""
    image = scene(0)
    image.save(clean / "train/dogs/wrong.jpg", quality=90)
    scene(2).save(clean / "test/cats/smaller.jpg", quality=40)
    importing.import_source(clean, "pets")
    return "pets"


@pytest.fixture
def reported(finding):
    "reported(name, check) -> the finding in a data set original now."

    def make(name, wanted):
        image_checks = check.check_images(of_dataset(datasets.load(name)), {}, lambda *progress: None)
        return finding(image_checks.report, wanted)

    return make


def entries(name):
    return sorted((e.label, e.content, e.split, e.excluded) for e in datasets.load(name).entries)


@pytest.mark.parametrize(
    ("wanted", "action"),
    [("two_labels", "exclude"), ("leaks", "exclude"), ("leaks", "move")],
)
def test_each_mend_ends_its_finding_and_can_be_undone(pets, reported, wanted, action):
    before = entries(pets)
    found = reported(pets, wanted)
    assert action in fixes.offered(found.cases)
    fixes.apply(pets, found.cases, action)
    assert entries(pets) != before
    assert reported(pets, wanted) is None
    history.undo(pets)
    assert entries(pets) == before


def test_merging_classes(pets):
    edits.add_class(pets, "dog")
    edits.move_images(pets, [datasets.load(pets).live("train")[0].image], "dog")
    before = entries(pets)
    fixes.apply(pets, [Case((), Note("", {}), (Fix("merge", (), "dogs", "dog"),), about="dog")], "merge")
    assert datasets.load(pets).classes == ("cats", "dogs")
    history.undo(pets)
    assert entries(pets) == before


def test_classes_that_merge_one_into_the_next_end_in_the_last(pets):
    for label, place in (("dog", 0), ("doggo", 1)):
        edits.add_class(pets, label)
        edits.move_images(pets, [datasets.load(pets).live("train")[place].image], label)
    chain = [
        Case((), Note("", {}), (Fix("merge", (), to, label),)) for label, to in (("doggo", "dog"), ("dog", "dogs"))
    ]
    after = fixes.apply(pets, chain, "merge")
    assert after.classes == ("cats", "dogs")
    assert {entry.label for entry in after.entries} == {"cats", "dogs"}


def test_where_a_case_leaves_a_choice_only_a_person_chooses(pets, reported):
    [case] = reported(pets, "two_labels").cases
    before = entries(pets)
    with pytest.raises(UserError, match="one by one"):
        fixes.apply(pets, [case], "relabel")
    assert entries(pets) == before
    fixes.apply_each(pets, [(case, Fix("relabel", (0, 1), "dogs"))])
    assert reported(pets, "two_labels") is None
    history.undo(pets)
    assert entries(pets) == before


def test_a_class_that_is_gone_says_so(pets, reported):
    [case] = reported(pets, "two_labels").cases
    before = entries(pets)
    for fix in (Fix("relabel", (0, 1), "wolves"), Fix("merge", (), "wolves", "dogs")):
        with pytest.raises(UserError, match="no longer has the class 'wolves'"):
            fixes.apply_each(pets, [(case, fix)])
    assert entries(pets) == before


def test_a_case_that_is_no_longer_there_says_so(pets, reported):
    found = reported(pets, "leaks")
    edits.delete_images(pets, [found.cases[0].images[1].file])
    with pytest.raises(UserError, match="It was changed in the meantime"):
        fixes.apply(pets, found.cases, "exclude")
    with pytest.raises(UserError, match="nothing that can be fixed"):
        fixes.apply(pets, [], "exclude")


def test_fine_is_remembered_by_contents_and_can_be_taken_back(pets, reported):
    found = reported(pets, "leaks")
    report = CheckReport("pets", "", "photo", 1, (found,))
    store.folder(pets).mkdir()
    store.set_fine(pets, found.keys())
    edits.exclude_images(pets, [datasets.load(pets).live("test")[0].image])  # other changes do not matter
    assert report.without(store.fine(pets)).findings == ()
    assert reported(pets, "leaks").keys() == found.keys()
    store.set_fine(pets, found.keys(), is_fine=False)
    assert report.without(store.fine(pets)) == report


def test_kept_measures_and_report_are_read_back(pets):
    source = of_dataset(datasets.load(pets))
    measured = {}
    image_checks = check.check_images(source, measured, lambda *progress: None)
    store.folder(pets).mkdir()
    store.save(pets, image_checks.report)
    store.save_measures(pets, source, measured)
    assert store.latest(datasets.load(pets)) == image_checks.report
    known = store.measures(pets, source.kind)
    again = check.check_images(source, known, lambda *progress: None)
    assert np.array_equal(again.evidence.rows, image_checks.evidence.rows)
    assert store.measures(pets, "drawing") == {}
    edits.exclude_images(pets, [source.items[0].entry.image])
    assert store.latest(datasets.load(pets)) is None


def test_a_key_names_a_case_by_contents_or_by_what_it_is_about():
    one = Case((CaseImage("a.jpg", "cats", "train", "", "1"),), Note("x", {}))
    renamed = Case((CaseImage("b.jpg", "cats", "train", "", "1"),), Note("y", {}))
    assert one.key("dark") == renamed.key("dark") != one.key("blurry")
    assert Case(one.images, one.note, about="cats").key("dark") == Case((), one.note, about="cats").key("dark")


def test_any_of_a_group_of_copies_may_be_the_one_to_keep():
    images = tuple(CaseImage(f"{n}.jpg", "cats", "train", "", str(n)) for n in range(4))
    case = Case(images, Note("x", {}), (Fix("exclude", (1, 2, 3)), Fix("move", (1,), "train")))
    assert [fix.places for fix in fixes.ways(case, 3)] == [(1, 2, 3), (0, 2, 3), (0, 1, 3), (1,)]
    assert len(fixes.clear([case], "exclude")) == 1
    both = Case(images[:2], Note("x", {}), (Fix("exclude", (0, 1)), Fix("relabel", (0, 1), "dogs")))
    assert fixes.ways(both, 8) == [*both.fixes]
