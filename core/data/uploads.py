"""Images that somebody hands over to be looked at, not to be kept: files, and zips with images at any depth."""

import io

from core.data import archives, folder_layout
from core.data.archives import Found
from core.data.manifest import Skipped
from core.errors import UserError


def found_in(files: list[io.BytesIO], most: int) -> tuple[list[Found], list[Skipped]]:
    """The images in open files that have a `name`, and what a zip holds besides, but for hidden files.

    A zip that `core.data.archives` refuses is left out as a whole. Nothing is unpacked or decoded yet. Raises UserError
    for more than `most` images.
    """
    images, others = [], []
    for file in files:
        if file.name.lower().endswith(".zip"):
            try:
                inside = archives.contents(archives.open_zip(file, file.name), file.name)
            except UserError as error:
                others.append(Skipped(file.name, error.template, error.values))
                continue
            images += inside.found
            others += [item for item in inside.skipped if item.template != folder_layout.HIDDEN]
        else:
            images.append(Found(file.name, file.getvalue))
    if len(images) > most:
        raise UserError(
            "{n} images are too many at once; at most {most} can be looked at. Choose fewer.", n=len(images), most=most
        )
    return images, others
