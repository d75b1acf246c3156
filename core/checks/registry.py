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
            N_("Training cannot use damaged or truncated files, and other programs stop in the middle of training."),
            N_("Leave them out, or save or download them again."),
            "serious", BOTH, finders.unreadable, {}, "Every file is decoded to its end",
        ),
        Check(
            "two_labels", N_("One image in two classes"),
            N_("The same or nearly the same image has two labels. One of them is wrong, so the loss penalizes either "
               "answer."),
            N_("Move it to the class that fits, or leave it out."),
            "serious", BOTH,
            finders.both(finders.copies("labels", nearly=False), finders.copies("labels", nearly=True)),
            {}, "Copies as in “The same image twice” and “Nearly the same image”",
        ),
        Check(
            "leaks", N_("One image in two splits"),
            N_("The model is evaluated on images it was trained on, so its accuracy looks better than it is."),
            N_("Keep the copy in the evaluation split and leave out the others, or move all of them to one split."),
            "serious", BOTH,
            finders.both(finders.copies("splits", nearly=False), finders.copies("splits", nearly=True)),
            {}, "Copies as in “The same image twice” and “Nearly the same image”",
        ),
        Check(
            "too_small", N_("Classes with too few images"),
            N_("A class without images in a split is not learned or not evaluated, and a handful gives no reliable "
               "score."),
            N_("Add images to the class, or move some of it to the split where they are missing."),
            "serious", BOTH, finders.too_small, {"fewest": 5, "share": 1 / 3},
            "Fewest images a class needs to be trained on; a third of its fair share of a split",
        ),
        Check(
            "labels", N_("Likely label errors"),
            N_("A model trained on the other images confidently predicts another class. Wrong labels teach mistakes "
               "and count correct predictions as errors."),
            N_("Review each one: move it to the right class, or mark it as OK."),
            "harmful", BOTH, finders.contradicted, {"wrong": 0.4},
            "Wrong by 0.4, when the network counts as far as it deserves to (C. Guo et al., ICML 2017); taught "
            "without what cleanlab, filter “both”, suspects (C. Northcutt et al., JAIR 2021)", needs_features=True,
        ),
        Check(
            "shortcuts", N_("Shortcuts"),
            N_("A classifier recognizes a class from this clue alone, without the picture. A network may learn the "
               "clue instead, and fail where it is missing."),
            N_("Make the clue the same in all classes: take images from the same sources, crop borders, save them all "
               "in one size and format."),
            "harmful", PHOTOS, finders.given_away_by("dimensions", "file_size", "compression", "border"),
            {"auc": 0.8, "given_away": 0.25},
            "AUC, lower bound: 0.8 is “excellent” in Hosmer and Lemeshow, Applied Logistic Regression, 2013, 5.2.4",
        ),
        Check(
            "shortcuts_of_drawings", N_("Shortcuts"),
            N_("A classifier recognizes a class from this clue alone, without the drawing. The clue reveals who made "
               "the drawings rather than what they show."),
            N_("Make the clue the same in all classes: let the same people draw them, in one size and format."),
            "harmful", DRAWINGS, finders.given_away_by("dimensions"), {"auc": 0.8, "given_away": 0.25},
            "As for photos. File size, border and brightness follow from what is drawn, so they are no clue here",
        ),
        Check(
            "duplicates", N_("Exact duplicates"),
            N_("Duplicates count twice in training and in the scores, and can end up in two splits."),
            N_("Keep one of each."),
            "harmful", BOTH, finders.copies("none", nearly=False), {}, "Equal files, or equal pixels",
        ),
        Check(
            "near_duplicates", N_("Near duplicates"),
            N_("Resized, recompressed, flipped, cropped or brightened copies add nothing new, and can end up in two "
               "splits."),
            N_("Keep one of each, or mark them as OK."),
            "harmful", BOTH, finders.copies("none", nearly=True), {},
            "Laid over each other, their detail correlates by 0.85 in all and by 0.5 wherever there is some",
        ),
        Check(
            "blank", N_("Blank drawings"),
            N_("A blank drawing teaches the network that an empty canvas belongs to the class."), N_("Leave them out."),
            "harmful", DRAWINGS, finders.blank, {}, "Nothing differs from the paper by more than its grain",
        ),
        Check(
            "names", N_("Class names that may mean the same class"),
            N_("If two names mean one class, the network is trained to separate identical things."),
            N_("Merge the two, or mark them as OK."),
            "harmful", BOTH, finders.names, {}, "Equal but for case, separators, a plural or one letter of six",
        ),
        Check(
            "imbalance", N_("Unbalanced classes"),
            N_("The network can score well by always predicting the large class, and learns little about the small "
               "one."),
            N_("Add images to the small class, or leave some of the large one out."),
            "harmful", BOTH, finders.imbalance, {"ratio": 4},
            "Google, Machine Learning Crash Course: a minority below 20% of two classes",
        ),
        Check(
            "outliers", N_("Outliers"),
            N_("They may show something else entirely, or be broken in a way that no other check detects."),
            N_("Leave out images that do not belong."),
            "minor", BOTH, finders.outliers, {"sigmas": 5.0},
            "Cosine distance to the nearest neighbours (J. Kuan, J. Mueller, 2022), 5 robust deviations",
            needs_features=True,
        ),
        Check(
            "dark", N_("Dark images"), N_("There is little to see in them."), N_("Brighten them, or leave them out."),
            "harmful", PHOTOS, finders.scored(scores.dark, N_("Its brightest parts reach only {score:.0%} of white.")),
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
            N_("Details that distinguish the classes may be lost in the blur."),
            N_("Leave them out, or find sharper ones."),
            "harmful", PHOTOS, finders.scored(scores.sharpness, N_("Sharpness {score:.2f} of 1")),
            {"below": 0.29}, _CLEANVISION,
        ),
        Check(
            "low_information", N_("Images with little content"),
            N_("Nearly all of their pixels are the same, so there is nothing to learn from them."),
            N_("Leave them out."),
            "harmful", PHOTOS, finders.scored(scores.information, N_("Information {score:.2f} of 1")),
            {"below": 0.3}, _CLEANVISION,
        ),
        Check(
            "odd_shape", N_("Very long or tall images"),
            N_("They are badly distorted when resized to a square."), N_("Crop them, or leave them out."),
            "minor", PHOTOS, finders.scored(scores.squareness, N_("Its shorter side is {score:.0%} of the longer "
                                                                  "side.")),
            {"below": 0.35}, _CLEANVISION,
        ),
        Check(
            "odd_size", N_("Images of an unusual size"),
            N_("Much smaller images are blurred when enlarged; much larger ones may come from another source."),
            N_("Review them and leave out images that do not belong."),
            "minor", PHOTOS, finders.odd_size, {"iqr_factor": 3.0}, _CLEANVISION,
        ),
        Check(
            "grey", N_("Gray images among color images"),
            N_("If most of them belong to one class, the missing color gives the class away."),
            N_("Leave them out, or find color images."),
            "minor", PHOTOS, finders.flagged(lambda rows: rows["chroma"] < 0.02, N_("It has no color.")),
            {"most": 0.2}, "At most a fifth of the set; CleanVision looks at the file's mode alone",
        ),
        Check(
            "alpha", N_("Transparent images among opaque images"),
            N_("Transparent parts are laid on white here, or on black under white ink; other programs show what is "
               "hidden."),
            N_("Save them without transparency, or leave them out."),
            "minor", BOTH, finders.flagged(lambda rows: rows["alpha"] > 0.01, N_("Parts of it are transparent.")),
            {"most": 0.2}, "At most a fifth of the set",
        ),
        Check(
            "light_and_colour", N_("Classes predictable from brightness or color"),
            N_("Brightness or mean color alone nearly identifies a class. If the objects look like that, all is "
               "well. If it comes from the photography, the network learns the lighting."),
            N_("Look at the examples: mark them as OK, or add images in other light."),
            "minor", PHOTOS, finders.given_away_by("brightness", "colour"), {"auc": 0.9, "given_away": 0.5},
            "AUC, lower bound: 0.9 is “outstanding” in Hosmer and Lemeshow, 2013, 5.2.4",
        ),
        Check(
            "wrong_suffix", N_("Wrong file extensions"),
            N_("Handful detects the real format; other programs rely on the extension and fail."),
            N_("Rename the files."),
            "minor", BOTH, finders.wrong_suffix, {}, "Pillow's list of endings and formats",
        ),
        Check(
            "hidden", N_("Files that cannot be used"),
            N_("They are ignored here, so nothing is learned from them. Other programs may read them or fail on them."),
            N_("If they are photos, save them as JPEG or PNG. Other files can stay or be moved elsewhere."),
            "minor", BOTH, finders.hidden, {}, "What an import leaves out",
        ),
    )
}  # fmt: skip
