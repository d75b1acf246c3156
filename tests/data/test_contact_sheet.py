import numpy as np

from core.data import contact_sheet


def test_a_contact_sheet_holds_every_picture_in_order():
    pictures = [np.full((10, 12, 1), number, np.uint8) for number in range(8)]
    sheet = contact_sheet.contact_sheet(pictures, columns=3)
    gap = contact_sheet.GAP
    assert sheet.shape == (3 * (10 + gap) + gap, 3 * (12 + gap) + gap, 1)
    for number in range(8):
        row, column = divmod(number, 3)
        top, left = gap + row * (10 + gap), gap + column * (12 + gap)
        assert (sheet[top : top + 10, left : left + 12] == number).all()
    assert (sheet[:gap] == 255).all()
