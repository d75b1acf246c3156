"""Names in code pages of other countries: which encoding is taken, and what the names become."""

import os
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from core.data import importing
from core.data.encodings import guess, readable

NAMES = {
    "cp850": [
        "Äpfel Möwe Bär Vögel Käfer Löwe Füchse Größe weiß Straße Küche Bäume Schlüssel",
        "hélice été crème élève fusée éléphant zèbre hérisson forêt château garçon Île à_la_plage",
        "niño año piñata león árbol montaña ratón búho camión señales corazón águila",
        "maçã avião coração cão limão balão pássaro ångström räka älg ørn køkken blåbær città perù",
    ],
    "cp949": [
        "고양이 강아지 개 소 말 돼지 닭 사자 토끼 코끼리 곰 펭귄 사과 자동차 비행기 동그라미 세모 네모 꽃 나무 정상",
        "가위 바위 보 유리 플라스틱 종이 학습 테스트 맑음 흐림 갈매기 늑대 여우 햄스터 다람쥐 고슴도치 빨강 새폴더",
    ],
    "cp932": [
        "猫 犬 鳥 魚 桜 りんご みかん バナナ ネコ 電車 自転車 丸 三角 四角 笑顔 学習 テスト 画像 ライオン グー 良品"
    ],
    "gbk": ["狗 鸟 鱼 苹果 香蕉 葡萄 汽车 自行车 圆形 三角形 正方形 郁金香 向日葵 训练 测试 新建文件夹 熊猫 大象 缺陷"],
    "cp950": ["貓 鳥 魚 蘋果 香蕉 汽車 飛機 圓形 三角形 訓練 測試 圖片 新增資料夾 老虎 大象"],
    "cp866": [
        "кошки собаки Кошки кот пёс яблоки груша круг треугольник квадрат машина самолёт лев Новая_папка роза брак"
    ],
    "cp1252": ["Äpfel Möwe Vögel hélice crème niño año león avión Löwe Mäuse garçon"],
    "cp1251": ["кошки собаки яблоки груша круг треугольник квадрат машина"],
}


@pytest.mark.parametrize("encoding", NAMES)
def test_each_name_alone_is_read_as_what_it_was(encoding):
    for name in " ".join(NAMES[encoding]).split():
        raw = name.encode(encoding)
        assert raw.decode(guess([raw])) == name


@pytest.mark.parametrize("encoding", NAMES)
def test_one_encoding_is_taken_for_names_together(encoding):
    for words in NAMES[encoding]:
        raw = [word.encode(encoding) for word in words.split()]
        read = guess(raw)
        assert [name.decode(read) for name in raw] == words.split()


def test_utf8_is_taken_where_all_names_are_that_and_only_there():
    assert guess(["Äpfel".encode(), "한국".encode()]) == "utf-8"
    assert guess(["Äpfel".encode("cp850"), "Ä".encode("cp850")]) == "cp850"


def test_korean_needs_common_syllables():
    """The bytes of 럓fel: a syllable that stands in no word, beside Latin letters."""
    assert "럓fel".encode("cp949").decode(guess(["럓fel".encode("cp949")])) == "Äpfel"


def test_what_is_known_of_some_names_decides_for_the_others():
    raw = "ôö".encode("cp850")
    assert guess([raw], [("Ärger".encode("cp1252"), "Ärger")]) == "cp1252"


def zip_of(path: Path, entries: list[tuple[bytes, bytes]], contents: list[bytes]) -> Path:
    """A zip as programs without Unicode make it: (raw name, extra field) of each entry."""
    body, directory = b"", b""
    for (name, extra), content in zip(entries, contents, strict=True):
        sizes = struct.pack("<3L2H", zlib.crc32(content), len(content), len(content), len(name), len(extra))
        header = struct.pack("<5H", 20, 0, 0, 0, 0x21) + sizes
        directory += b"PK\x01\x02\x14\x00" + header + bytes(10) + struct.pack("<L", len(body)) + name + extra
        body += b"PK\x03\x04" + header + name + extra + content
    counts = struct.pack("<4H2LH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + counts)
    assert zipfile.ZipFile(path).testzip() is None
    return path


def unicode_path(raw: bytes, name: str, wrong: int = 0) -> bytes:
    content = b"\x01" + struct.pack("<L", zlib.crc32(raw) ^ wrong) + name.encode()
    return struct.pack("<2H", 0x7075, len(content)) + content


def imported(path: Path) -> tuple[set[str], list[str]]:
    report = importing.import_source(path, "x")
    dataset = importing.datasets.load("x")
    return set(dataset.classes), [str(note) for note in report.notes]


@pytest.fixture
def ten(class_files) -> list[bytes]:
    return list(class_files({"a": 5, "b": 5}).values())


def test_a_zip_of_names_that_only_some_encodings_know_stays_whole_and_says_what_was_guessed(tmp_path, ten):
    names = [f"{label}/{file}.png" for label in ("hélice", "planeur") for file in ("à ", "é", "0", "1", "2")]
    path = zip_of(tmp_path / "fr.zip", [(name.encode("cp850"), b"") for name in names], ten)
    classes, [note] = imported(path)
    assert classes == {"hélice", "planeur"}
    assert "'fr.zip' does not say how its file names are encoded. They were read as cp850" in note


def test_the_unicode_path_field_is_taken_where_its_checksum_fits(tmp_path, ten):
    raws = [name.encode("cp850") for name in [*(f"Äpfel/{n}.png" for n in range(5)), *(f"b/{n}.png" for n in range(5))]]
    path = zip_of(
        tmp_path / "x.zip", [(raw, unicode_path(raw, raw.decode("cp850").replace("Ä", "Ё"))) for raw in raws], ten
    )
    assert imported(path) == ({"Ёpfel", "b"}, [])


def test_a_unicode_path_field_of_another_name_is_not_taken(tmp_path, ten):
    raws = [name.encode("cp850") for name in [*(f"Äpfel/{n}.png" for n in range(5)), *(f"b/{n}.png" for n in range(5))]]
    path = zip_of(tmp_path / "x.zip", [(raw, unicode_path(raw, "wrong/0.png", wrong=1)) for raw in raws], ten)
    classes, [note] = imported(path)
    assert classes == {"Äpfel", "b"}
    assert "cp850" in note


def test_names_with_backslashes_are_paths_and_japanese_ones_keep_theirs(tmp_path, ten):
    """The second byte of ソ in cp932 is that of a backslash."""
    names = [*(f"ソース\\{n}.png" for n in range(5)), *(f"りんご\\{n}.png" for n in range(5))]
    path = zip_of(tmp_path / "x.zip", [(name.encode("cp932"), b"") for name in names], ten)
    assert imported(path)[0] == {"ソース", "りんご"}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"\xb0\xed\xbe\xe7.jpg", "고양.jpg"),
        (b"caf\xe9.jpg", "café.jpg"),
        (b"M\x94we/1.jpg", "Möwe/1.jpg"),
        ("한글/é.jpg".encode(), "한글/é.jpg"),
        (b"plain.jpg", "plain.jpg"),
    ],
)
def test_names_on_disk_are_readable(raw, name):
    assert readable(os.fsdecode(raw)) == name
