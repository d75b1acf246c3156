"""A data set's check from its folder to its folder."""

import errno
import time

import numpy as np
import pytest

from core.catalog import weights
from core.checks import sources, store
from core.data import datasets, importing
from core.errors import UserError
from core.jobs import runner
from core.jobs.runner import Cancelled
from core.learn import check_job


@pytest.fixture
def pets(zipped, class_files):
    importing.import_source(zipped(class_files({"cats": 12, "dogs": 12})), "pets")
    return "pets"


@pytest.mark.slow
def test_a_check_is_kept_until_the_data_set_changes(pets):
    check_job.check_dataset(pets)
    report = store.latest(datasets.load(pets))
    assert store.status(pets).state == "done"
    assert report.images == 24
    assert report.left_out == ()
    check_job.check_dataset(pets)
    assert store.latest(datasets.load(pets)) == report


def test_a_wish_to_cancel_is_noticed(pets):
    store.folder(pets).mkdir()
    store.job(pets).request_cancel()
    check_job.check_dataset(pets)
    assert store.status(pets).state == "cancelled"
    assert store.latest(datasets.load(pets)) is None


def test_what_was_measured_before_a_cancel_is_kept(pets):
    def stop(stage, share, done, total):
        if done == 5:
            raise Cancelled

    source = sources.of_dataset(datasets.load(pets))
    store.folder(pets).mkdir()
    for _ in range(2):  # a second one, stopped as early, loses nothing
        with pytest.raises(Cancelled):
            check_job.check_source(source, stop)
        assert {*store.measures(pets, source.kind)} == {item.entry.content for item in source.items[:5]}


def test_the_time_of_a_check_is_all_of_its_time(pets, monkeypatch):
    def slowly(image_checks, on_progress):
        time.sleep(0.3)
        return np.random.default_rng(0).normal(size=(24, 8)).astype(np.float16)

    monkeypatch.setattr(check_job, "extract_features", slowly)
    report = check_job.check_source(sources.of_dataset(datasets.load(pets)), lambda *progress: None)
    assert 0.3 < report.seconds <= time.time() - report.created


def test_without_weights_the_label_check_says_why_it_was_left_out(pets, monkeypatch):
    def missing(name):
        raise UserError("The ImageNet weights of {name} are missing.", name=name)

    monkeypatch.setattr(weights, "find", missing)
    report = check_job.check_source(sources.of_dataset(datasets.load(pets)), lambda *progress: None)
    assert {one.check for one in report.left_out} == {"labels", "outliers"}
    assert all("efficientnet_lite0 are missing" in str(one.note) for one in report.left_out)


def test_images_damaged_on_disk_are_told(pets):
    for entry in datasets.load(pets).entries:
        datasets.load(pets).image_path(entry).write_bytes(b"")
    check_job.check_dataset(pets)
    [finding] = [f for f in store.latest(datasets.load(pets)).findings if f.check == "unreadable"]
    assert len(finding.cases) == 24


def test_a_data_set_deleted_while_it_is_checked_stays_deleted(pets, monkeypatch):
    def deleted(image_checks, on_progress):
        datasets.delete(pets)
        on_progress("describing", 0.5, 1, 24)
        pytest.fail("goes on")

    monkeypatch.setattr(check_job, "extract_features", deleted)
    monkeypatch.setattr(runner, "REPORT_EVERY_S", 0)
    check_job.check_dataset(pets)
    assert not store.folder(pets).parent.exists()
    check_job.check_dataset(pets)  # nor does a check that comes too late make it
    assert not store.folder(pets).parent.exists()


def test_the_check_of_a_deleted_data_set_ends_when_another_has_its_name(pets, zipped, class_files, monkeypatch):
    def replaced(image_checks, on_progress):
        datasets.delete(pets)
        importing.import_source(zipped(class_files({"cats": 5, "dogs": 5})), pets)
        on_progress("describing", 0.5, 1, 24)
        pytest.fail("goes on")

    monkeypatch.setattr(check_job, "extract_features", replaced)
    monkeypatch.setattr(runner, "REPORT_EVERY_S", 0)
    check_job.check_dataset(pets)
    assert datasets.load(pets).n_images == 10
    assert not store.folder(pets).exists()


def test_a_full_disk_ends_a_check_with_one_sentence(pets, monkeypatch):
    def full(image_checks, on_progress):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(check_job, "extract_features", full)
    check_job.check_dataset(pets)
    status = store.status(pets)
    assert status.state == "failed"
    assert "The disk is full" in status.message
