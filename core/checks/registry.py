"""The registry of checks: what each looks for, why that hurts, what helps, and from where on it is a finding."""

from dataclasses import dataclass

from core.checks import finders, scores
from core.checks.finders import Finder
from core.i18n import N_

BOTH, PHOTOS, DRAWINGS = ("photo", "drawing"), ("photo",), ("drawing",)
_CLEANVISION = "CleanVision 0.3.7, default threshold"


@dataclass(frozen=True)
class Check:
    """One check. `limits` are what its finder compares with; `source` says where they come from."""

    name: str
    title: str
    why: str  # why it hurts
    help: str  # what helps
    severity: str  # one of core.checks.report.SEVERITIES
    kinds: tuple[str, ...]  # of data sets that it is made for
    find: Finder
    limits: dict
    source: str
    needs_features: bool = False


CHECKS: dict[str, Check] = {
    row.name: row
    for row in (
        Check(
            "unreadable", N_("Unreadable images"),
            N_("Damaged or cut-off files cannot be learned from; other programs stop in the middle of a training."),
            N_("Leave them out, or save or download them again."),
            "serious", BOTH, finders.unreadable, {}, "Every file is decoded to its end",
        ),
        Check(
            "two_labels", N_("One image in two classes"),
            N_("The same or nearly the same image is called by two names: one of them is wrong, and the network is "
               "punished whatever it answers."),
            N_("Move it to the class that fits, or leave it out."),
            "serious", BOTH,
            finders.both(finders.copies("labels", nearly=False), finders.copies("labels", nearly=True)),
            {}, "Copies as in “The same image twice” and “Nearly the same image”",
        ),
        Check(
            "leaks", N_("One image in two splits"),
            N_("The network is examined with what it has learned by heart: its accuracy looks better than it is."),
            N_("Keep the copy that examines and leave out the others, or move them all to one split."),
            "serious", BOTH,
            finders.both(finders.copies("splits", nearly=False), finders.copies("splits", nearly=True)),
            {}, "Copies as in “The same image twice” and “Nearly the same image”",
        ),
        Check(
            "too_small", N_("Classes with too few images"),
            N_("A class without images in a split is not learned, or not examined; a few tell hardly anything."),
            N_("Add images to the class, or move some of it to the split where they are missing."),
            "serious", BOTH, finders.too_small, {"fewest": 5, "share": 1 / 3},
            "Fewest images a class needs to be trained on; a third of its fair share of a split",
        ),
        Check(
            "labels", N_("Labels that the data contradict"),
            N_("A network taught with the other images is sure that these belong elsewhere. Wrong labels teach "
               "mistakes and make right answers count as wrong."),
            N_("Look at each: move it to the class that fits, or say that it is fine."),
            "harmful", BOTH, finders.contradicted, {"wrong": 0.4},
            "Wrong by 0.4, when the network counts as far as it deserves to (C. Guo et al., ICML 2017); taught "
            "without what cleanlab, filter “both”, suspects (C. Northcutt et al., JAIR 2021)", needs_features=True,
        ),
        Check(
            "shortcuts", N_("Shortcuts"),
            N_("A classifier that sees no picture, only this clue, recognises a class. A network may learn the clue "
               "instead of the picture, and fail where it is missing."),
            N_("Make the clue the same in all classes: take images from the same sources, crop borders, save them all "
               "in one size and format."),
            "harmful", PHOTOS, finders.given_away_by("dimensions", "file_size", "compression", "border"),
            {"auc": 0.8, "given_away": 0.25},
            "AUC, lower bound: 0.8 is “excellent” in Hosmer and Lemeshow, Applied Logistic Regression, 2013, 5.2.4",
        ),
        Check(
            "shortcuts_of_drawings", N_("Shortcuts"),
            N_("A classifier that sees no drawing, only this clue, recognises a class. It tells who or what made the "
               "drawings rather than what they show."),
            N_("Make the clue the same in all classes: let the same people draw them, in one size and format."),
            "harmful", DRAWINGS, finders.given_away_by("dimensions"), {"auc": 0.8, "given_away": 0.25},
            "As for photos. File size, border and brightness follow from what is drawn, so they are no clue here",
        ),
        Check(
            "duplicates", N_("The same image twice"),
            N_("Copies count twice in training and in the scores, and can end up on both sides of a split."),
            N_("Keep one of each."),
            "harmful", BOTH, finders.copies("none", nearly=False), {}, "Equal files, or equal pixels",
        ),
        Check(
            "near_duplicates", N_("Nearly the same image"),
            N_("Resized, recompressed, mirrored, cropped or brightened copies add no knowledge, and can end up on both "
               "sides of a split."),
            N_("Keep one of each, or say that it is fine."),
            "harmful", BOTH, finders.copies("none", nearly=True), {},
            "Laid over each other, their detail correlates by 0.85 in all and by 0.5 wherever there is some",
        ),
        Check(
            "blank", N_("Blank drawings"),
            N_("An empty sheet in a class teaches that nothing belongs to it."), N_("Leave them out."),
            "harmful", DRAWINGS, finders.blank, {}, "Nothing differs from the paper by more than its grain",
        ),
        Check(
            "names", N_("Class names that look like one class"),
            N_("If two names mean one class, the network is told to tell apart what is the same."),
            N_("Merge the two, or say that it is fine."),
            "harmful", BOTH, finders.names, {}, "Equal but for case, separators, a plural or one letter of six",
        ),
        Check(
            "imbalance", N_("Unbalanced classes"),
            N_("The network can score well by always answering the large class, and learns little of the small one."),
            N_("Add images to the small class, or leave some of the large one out."),
            "harmful", BOTH, finders.imbalance, {"ratio": 4},
            "Google, Machine Learning Crash Course: a minority below 20% of two classes",
        ),
        Check(
            "outliers", N_("Images unlike all others"),
            N_("They show something else than the classes, or are broken in a way no other check knows."),
            N_("Leave out what does not belong."),
            "minor", BOTH, finders.outliers, {"sigmas": 5.0},
            "Cosine distance to the nearest neighbours (J. Kuan, J. Mueller, 2022), 5 robust deviations",
            needs_features=True,
        ),
        Check(
            "dark", N_("Dark images"), N_("There is little to see in them."), N_("Brighten them, or leave them out."),
            "harmful", PHOTOS, finders.scored(scores.dark, N_("Its brightest parts reach {score:.0%} of white.")),
            {"below": 0.32}, _CLEANVISION,
        ),
        Check(
            "bright", N_("Overexposed images"),
            N_("There is little to see in them."), N_("Darken them, or leave them out."),
            "harmful", PHOTOS,
            finders.scored(scores.bright, N_("Its darkest parts are only {score:.0%} darker than white.")),
            {"below": 0.05}, _CLEANVISION,
        ),
        Check(
            "blurry", N_("Blurry images"),
            N_("What tells the classes apart may be lost in the blur."), N_("Leave them out, or find sharper ones."),
            "harmful", PHOTOS, finders.scored(scores.sharpness, N_("Sharpness {score:.2f} of 1")),
            {"below": 0.29}, _CLEANVISION,
        ),
        Check(
            "low_information", N_("Images with hardly any content"),
            N_("Nearly all of their pixels are alike: there is nothing to learn from them."), N_("Leave them out."),
            "harmful", PHOTOS, finders.scored(scores.information, N_("Information {score:.2f} of 1")),
            {"below": 0.3}, _CLEANVISION,
        ),
        Check(
            "odd_shape", N_("Very long or tall images"),
            N_("Made square for the network, they are badly squeezed."), N_("Crop them, or leave them out."),
            "minor", PHOTOS, finders.scored(scores.squareness, N_("Its shorter side is {score:.0%} of the longer.")),
            {"below": 0.35}, _CLEANVISION,
        ),
        Check(
            "odd_size", N_("Images of an unusual size"),
            N_("Much smaller images are blurred when enlarged; much larger ones may come from another source."),
            N_("Look at them; leave out what does not belong."),
            "minor", PHOTOS, finders.odd_size, {"iqr_factor": 3.0}, _CLEANVISION,
        ),
        Check(
            "grey", N_("Grey images among coloured ones"),
            N_("If they are more often of one class, the missing colour gives it away."),
            N_("Leave them out, or find coloured ones."),
            "minor", PHOTOS, finders.flagged(lambda rows: rows["chroma"] < 0.02, N_("It has no colours.")),
            {"most": 0.2}, "At most a fifth of the set; CleanVision looks at the file's mode alone",
        ),
        Check(
            "alpha", N_("Transparent images among opaque ones"),
            N_("Transparent parts are laid on white here, or on black under white ink; other programs show what is "
               "hidden."),
            N_("Save them without transparency, or leave them out."),
            "minor", BOTH, finders.flagged(lambda rows: rows["alpha"] > 0.01, N_("Parts of it are transparent.")),
            {"most": 0.2}, "At most a fifth of the set",
        ),
        Check(
            "light_and_colour", N_("Classes told by brightness or colour"),
            N_("Brightness or mean colour alone nearly tells a class. If that is how the things look, all is well; if "
               "it is how they were photographed, the network learns the light."),
            N_("Look at the examples: say that it is fine, or add images in other light."),
            "minor", PHOTOS, finders.given_away_by("brightness", "colour"), {"auc": 0.9, "given_away": 0.5},
            "AUC, lower bound: 0.9 is “outstanding” in Hosmer and Lemeshow, 2013, 5.2.4",
        ),
        Check(
            "wrong_suffix", N_("Names with a wrong ending"),
            N_("Handful looks into the files; other programs trust the name and stop."), N_("Rename the files."),
            "minor", BOTH, finders.wrong_suffix, {}, "Pillow's list of endings and formats",
        ),
        Check(
            "hidden", N_("Files that cannot be used"),
            N_("They are left out here: nothing is learned from them. Other programs may read them or stop at them."),
            N_("If they are photos, save them as JPEG or PNG. Other files may stay, or lie elsewhere."),
            "minor", BOTH, finders.hidden, {}, "What an import leaves out",
        ),
    )
}  # fmt: skip
