"""Train one run in its folder: start, resume, report, cancel, evaluate, publish.

After each epoch `checkpoint/` holds the whole model with its optimizer, so that killing a worker or a server costs at
most the epoch under way.
"""

import os
import shutil
import time
from contextlib import suppress

import keras
import numpy as np
import tensorflow as tf

from core.catalog.versions import INPUT_VERSION, RECIPE_VERSION
from core.config import TrainConfig
from core.errors import UserError
from core.jobs.runner import Reporter, run_job
from core.learn import checkpoints, devices, predict, recipes
from core.learn.batches import Batches
from core.learn.checkpoints import best_epoch
from core.results import material, metrics, runs
from core.storage.job_folder import Gone

EVALUATING_SHARE = 0.97  # of the whole job is done when evaluation begins


def train(key: str) -> None:
    """Train a run until it is done, cancelled or failed, which its status says. A run that is done stays so.

    Only one process trains a run at a time; a second one waits for the first and then finds its result. A run that is
    deleted meanwhile just ends.
    """
    job = runs.job(key)
    with suppress(Gone), job.alone():
        run = runs.find(key)
        if run.state != "done":
            devices.free_memory()  # a worker trains one run after another
            report = Reporter(job, runs.Progress(stage="starting", epochs=run.config.epochs, process=os.getpid()))
            run_job(job, lambda: _train(run, report), run.seconds)
        if runs.find(key).state == "done":
            for unneeded in (run.folder / "checkpoint", run.folder / "images", *run.folder.glob(".writing-*")):
                shutil.rmtree(unneeded, ignore_errors=True)


def _train(run: runs.Run, report: Reporter) -> dict:
    """Train a run and publish its model.

    Returns:
        The fields that the status "done" has besides.
    """
    config, dataset = run.config, runs.dataset_of(run)
    report.stage("starting")
    _check_versions(config)
    material.check(dataset)
    report.stage("reading", device=devices.device())
    recipe = recipes.make_recipe(config, len(run.classes), dataset, report.update)
    train, validation = recipe.data("train"), recipe.data("validation")
    report.stage("training", dtype=recipe.dtype, step=0, steps=0, eta_s=None, images_per_second=None)

    with devices.scope():
        batches = Batches(train.load, train.labels, config.batch_size, config.seed, recipe.rounds, recipe.resized)
        held_out = Batches(validation.load, validation.labels, predict.BATCH)
        model, history, epoch = _start_or_resume(run, recipe, len(batches))
        if not _is_finished(history, config):
            model.fit(
                batches.dataset(epoch),
                steps_per_epoch=len(batches),
                validation_data=held_out.once(),
                validation_steps=len(held_out),
                initial_epoch=epoch,
                epochs=config.epochs,
                callbacks=[TrainingCallback(run, report, history, batches)],
                shuffle=False,
                verbose=0,
            )
    return _publish(run, report, recipe, validation, checkpoints.load_best(run, history))


def _check_versions(config: TrainConfig) -> None:
    """Refuse a run that would give another result than its key says."""
    if (config.input_version, config.recipe_version) != (INPUT_VERSION, RECIPE_VERSION):
        raise UserError(
            "This run was queued by another version of Handful, which trains differently. Press Train again to use "
            "this version."
        )


def _start_or_resume(
    run: runs.Run, recipe: recipes.Recipe, steps: int
) -> tuple[keras.Model, dict[str, list[float]], int]:
    """Load the last checkpoint, or build the model.

    Returns:
        The model, the curves so far, and the number of finished epochs.
    """
    model, history = checkpoints.load(run) or (None, {})
    runs.job(run.key).write_json("history.json", history)  # after a kill it may lag behind the checkpoint
    if model is not None:
        return model, history, len(history["val_loss"])
    keras.utils.set_random_seed(run.config.seed)
    return recipes.compile_model(recipe.build(), run.config, steps), {}, 0


def _is_finished(history: dict[str, list[float]], config: TrainConfig) -> bool:
    epochs = len(history.get("val_loss", ()))
    if epochs == 0:
        return False
    # Patience counts epochs at full size only.
    return epochs >= config.epochs or epochs - 1 - max(best_epoch(history), config.small_epochs - 1) >= config.patience


def _cost(config: TrainConfig, epochs: float) -> float:
    """Estimate the time of so many epochs, in units of one pixel of the images' width.

    Time grows more slowly than the area, because the validation images keep their size.
    """
    small = min(epochs, config.small_epochs)
    return small * config.shown_size(0) + (epochs - small) * config.image_size


class TrainingCallback(keras.callbacks.Callback):
    """Reports each step, saves each epoch, and stops the training when patience runs out."""

    def __init__(self, run: runs.Run, report: Reporter, history: dict[str, list[float]], batches: Batches):
        super().__init__()
        self.run, self.report, self.history = run, report, history
        self.steps, self.images = len(batches), batches.images
        self.share = report.progress.share  # of the whole job that was done before the training
        self.clock: tuple[float, float] | None = None  # (time, epochs done) from which speed is measured

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.epoch_began = epoch, time.time()
        if epoch == self.run.config.small_epochs:
            self.clock = None  # larger images take longer
        # Keras does not save the state of dropout's random numbers. Derived from the epoch, it gives a resumed training
        # the masks that an uninterrupted one has.
        states = [variable for variable in self.model.variables if variable.path.endswith("seed_generator_state")]
        for number, state in enumerate(states):
            rng = np.random.default_rng((self.run.config.seed, epoch, number))
            state.assign(rng.integers(2**32, size=2, dtype=np.uint32))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        now, config = time.time(), self.run.config
        done = self.epoch + (batch + 1) / self.steps
        if self.clock is None:
            self.clock = now, done  # not the first step, which compiles
        if not self.report.due or done == self.clock[1]:
            return
        per_epoch = (now - self.clock[0]) / (done - self.clock[1])
        total, spent = _cost(config, config.epochs), _cost(config, done)
        self.report.update(
            share=self.share + (EVALUATING_SHARE - self.share) * spent / total,
            epoch=self.epoch + 1,
            step=batch + 1,
            steps=self.steps,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            images_per_second=self.images / per_epoch,
            eta_s=per_epoch * (total - spent) / config.shown_size(self.epoch),
        )

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.report.update()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        for name, value in (logs | {"seconds": time.time() - self.epoch_began}).items():
            self.history.setdefault(name, []).append(float(value))
        checkpoints.save(self.run, self.model, self.history)
        self.report.job.write_json("history.json", self.history)
        self.model.stop_training = _is_finished(self.history, self.run.config)


def _publish(
    run: runs.Run, report: Reporter, recipe: recipes.Recipe, validation: recipes.SplitData, best: keras.Model
) -> dict:
    """Save the best epoch's model and its scores on validation and test; they count once the status is "done".

    Returns:
        The fields that the status "done" has besides.
    """
    speed = report.progress.images_per_second
    report.stage("evaluating", share=EVALUATING_SHARE, eta_s=None)
    model, trained_part = recipe.finish(best)
    with report.job.replacing("model.keras") as temporary:
        model.save(temporary)

    splits = {"validation": validation, "test": recipe.data("test")}
    report.stage("evaluating", images_per_second=speed)  # the features of test images have another speed
    evaluation, predict_batch = {}, tf.function(trained_part, reduce_retracing=True)
    for split, data in splits.items():
        if len(data.labels):
            probabilities = predict.in_batches(predict_batch, data.load, len(data.labels), report.update)
            evaluation[split] = metrics.evaluate(data.labels, probabilities)
            with report.job.replacing(f"predictions_{split}.npz") as temporary:
                np.savez(temporary, labels=data.labels, probabilities=probabilities)
    report.job.write_json("evaluation.json", evaluation)
    return {"accuracy": evaluation["validation"]["accuracy"]}
