"""The Data page as a visitor meets it: what it shows, edits and their undo, what it says when something is wrong."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data import datasets, edits
from core.data.manifest import Dataset
from tests.pages.visitor import labelled, opened, press, says


def dialog(verb: str, *about: Dataset) -> AppTest:
    """A dialog's content as a page of its own: AppTest reruns whole pages, which closes dialogs."""

    def script(verb, about):
        from ui.data import upload
        from ui.widgets import dataset_picker

        ask = {"new": upload.ask_new, "copy": dataset_picker.ask_copy, "delete": dataset_picker.ask_delete}[verb]
        ask(*about)

    return AppTest.from_function(script, args=(verb, about), default_timeout=30).run()


def test_a_built_in_set_can_be_looked_at_and_copied_but_not_changed():
    app = opened("1_Data")
    assert labelled(app.metric, "Images").value == "18"
    labels = [button.label for button in app.button]
    assert "Make an editable copy" in labels
    assert "Delete data set" not in labels
    assert not app.checkbox


def test_copy_makes_an_editable_set():
    app = dialog("copy", datasets.load("shapes"))
    press(app, "Copy")
    assert app.session_state["dataset_wish"] == "my shapes"
    assert datasets.load("my shapes").read_only is False


def test_numbers_and_gallery_of_a_set(pets):
    app = opened("1_Data", dataset="pets")
    assert labelled(app.metric, "Images").value == "12"
    assert labelled(app.metric, "Classes").value == "2"
    assert labelled(app.metric, "Longer side, median").value == "64 px"
    assert len(app.checkbox) == 6  # of the first class


def test_ticked_images_are_deleted_and_come_back(pets):
    app = opened("1_Data", dataset="pets")
    app.checkbox[0].check()
    app.checkbox[1].check().run()
    press(app, "Delete images")
    assert says(app.toast, "Deleted 2 images")
    assert len(datasets.load("pets").entries) == 10
    press(app, "Undo: deleted 2 images")
    assert datasets.load("pets").entries == pets.entries


def test_an_image_that_was_left_out_is_seen_and_taken_back(pets):
    assert labelled(opened("1_Data", dataset="pets").button_group, "Show").options[-1] == "test"
    edits.exclude_images("pets", [pets.entries[7]])
    app = opened("1_Data", dataset="pets")
    labelled(app.button_group, "Show").set_value("excluded").run()
    [box] = app.checkbox
    assert box.label == ":material/block: dogs"
    box.check().run()
    press(app, "Include again")
    assert datasets.load("pets").entries == pets.entries
    assert says(app.toast, "Included an image again")
    assert len(app.checkbox) == 6  # of the first class, as before


def test_a_class_is_renamed(pets):
    app = opened("1_Data", dataset="pets")
    labelled(app.text_input, "New name").input("kittens")
    press(app, "Rename")
    assert datasets.load("pets").classes == ("dogs", "kittens")
    boxes = [box for box in app.selectbox if box.label.startswith("Class (choose")]
    assert [box.options for box in boxes] == [["dogs", "kittens"]] * 2
    assert {box.value for box in boxes} <= {"dogs", "kittens"}


def test_a_class_stays_chosen_while_images_are_added(pets, photo, encoded):
    app = opened("1_Data", dataset="pets")
    labelled(app.selectbox, "Class (choose or type a new name)").set_value("dogs").run()
    labelled(app.file_uploader, "Images of this class").set_value([("new.png", encoded(photo(999)), "image/png")]).run()
    press(app, "Add images")
    assert labelled(app.selectbox, "Class (choose or type a new name)").value == "dogs"


def test_deleting_all_classes_but_one_leaves_a_page_that_works(pets):
    edits.delete_class("pets", "dogs")
    app = opened("1_Data", dataset="pets")
    assert "Move to class" not in [button.label for button in app.button]


def test_switching_the_kind_is_an_edit(pets):
    app = opened("1_Data", dataset="pets")
    labelled(app.segmented_control, "Image type").set_value("drawing").run()
    assert datasets.load("pets").kind == "drawing"


def test_image_files_come_into_a_class_once(pets, photo, encoded):
    app = opened("1_Data", dataset="pets")
    uploader = labelled(app.file_uploader, "Images of this class")
    uploader.set_value([("new.png", encoded(photo(999)), "image/png"), ("bad.png", b"text", "image/png")]).run()
    press(app, "Add images")
    assert len(datasets.load("pets").entries) == 13
    assert says(app.warning, "Could not be used: 1")
    assert says(app.text, "bad.png")
    assert "Add images" not in [button.label for button in app.button]


@pytest.mark.parametrize("name", ["photo.jfif", "photo.JPE", "photo.mpo", "phone.heic", "phone.HEIF"])
def test_a_jpeg_comes_in_under_any_of_its_names(pets, photo, encoded, name):
    app = opened("1_Data", dataset="pets")
    uploader = labelled(app.file_uploader, "Images of this class")
    assert Path(name).suffix.lower() in uploader.allowed_type
    uploader.set_value([(name, encoded(photo(999), "JPEG"), "image/jpeg")]).run()
    press(app, "Add images")
    assert len(datasets.load("pets").entries) == 13


def test_a_real_heic_photo_is_refused_by_what_it_is(pets):
    app = opened("1_Data", dataset="pets")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)
    labelled(app.file_uploader, "Images of this class").set_value([("phone.heic", heic, "image/heic")]).run()
    press(app, "Add images")
    assert says(app.text, "phone.heic: HEIC photos cannot be read. Save them as JPEG first.")


def test_a_new_set_is_empty_and_says_what_to_do_next():
    app = dialog("new")
    labelled(app.text_input, "Name").input("fresh").run()
    press(app, "Create")
    assert datasets.load("fresh").entries == ()
    assert says(opened("1_Data", dataset="fresh").info, "empty")


def test_a_taken_name_is_refused_in_words(pets):
    app = dialog("new")
    labelled(app.text_input, "Name").input("pets").run()
    press(app, "Create")
    assert says(app.error, "already a data set 'pets'")


def test_an_import_that_fails_leaves_words_and_no_progress_behind(class_files, zipped):
    app = dialog("new")
    path = zipped(class_files({"cats": 6}), "cats.zip")
    app.file_uploader[0].set_value([("cats.zip", path.read_bytes(), "application/zip")]).run()
    press(app, "Create")
    assert says(app.error, "There is only one class, 'cats'")
    assert not app.get("progress")


def test_a_zip_becomes_a_set(class_files, zipped):
    app = dialog("new")
    path = zipped(class_files({"cats": 6, "dogs": 6}), "animals.zip")
    app.file_uploader[0].set_value([("animals.zip", path.read_bytes(), "application/zip")]).run()
    press(app, "Create")
    assert app.session_state["dataset_wish"] == "animals"
    assert len(datasets.load("animals").entries) == 12


def test_a_deleted_set_is_restored(pets):
    app = dialog("delete", pets)
    press(app, "Delete")
    assert datasets.list_deleted() == ["pets"]
    app = opened("1_Data", dataset="pets")
    assert app.selectbox(key="dataset").value == "shapes"
    labelled(app.menu_button, "Restore").click("pets").run()
    assert app.selectbox(key="dataset").value == "pets"
    assert datasets.load("pets").entries == pets.entries


def test_a_link_to_a_set_that_is_gone_shows_the_first():
    assert opened("1_Data", dataset="gone").selectbox(key="dataset").value == "shapes"


def test_a_damaged_set_is_named_and_can_be_undone_or_deleted(pets):
    manifest = pets.folder / "manifest.json"
    for verb, images in (("Undo", 6), ("Delete data set", None)):
        manifest.unlink()
        manifest.write_bytes(b"")
        app = opened("1_Data", dataset="pets")
        assert says(app.error, "'pets' cannot be read: 'data/pets/manifest.json' is damaged")
        press(app, verb)
        assert not app.error
        if images is None:
            assert "pets" not in datasets.list_names()
        else:
            assert len(datasets.load("pets").entries) == images


def test_a_page_opens_and_says_what_is_wrong_with_the_home(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for home, words in (("", "HANDFUL_HOME is empty"), (str(tmp_path / "file"), "HANDFUL_HOME names a file")):
        monkeypatch.setenv("HANDFUL_HOME", home)
        for page in ("1_Data", "3_Predict"):
            app = opened(page)
            assert [title.value for title in app.title] == [page[2:]]
            assert says(app.error, words)
