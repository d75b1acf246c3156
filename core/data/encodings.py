"""The encoding of file names where nothing says it: in zips of older programs, and on disks they were unpacked to.

Such programs write names in the code page of the packer's country. A name's bytes are often valid in several of them
("Äpfel" of a German zip is "럓fel" in Korean), so each reading is given a cost, and the cheapest is taken. A cost is
about the negative logarithm of a probability: what is rare in the names of that country costs more.
"""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_ASCII, _UNCOMMON, _STRANGE, _BROKEN = 3.0, 9.0, 12.0, 20.0
_CAPITAL, _CAPITAL_INSIDE, _TWO_ACCENTS, _TWO_SCRIPTS = 1.5, 4.0, 2.0, 5.0
_SAMPLE = 400  # different names that are judged, of a zip that may have 50,000

_COMMON_HANGUL = (
    "가각간갈감갑강개갱거건걸검겁게겨격견결경계고곡곤골곰공과관광괴교구국군굴궁권귀규균그극근글금급기긴길김까깨꼬꽃꾸끼끝나낙난날남납낮"
    "내냉너널네넥넷녀년노녹논놀농높누눈뉴느는늑늘니님다단달닭담답당대댁더덕던데도독돈돌동돼되두둑드득든들등디따딸땅때떡또뚜라락란람랑래"
    "랙량러럭런레렉렌려력련렬렴령례로록론롬료루류륙률륨르른를름리린림립링마막만말맛망매맥맹머먹면명모목몬몸못무묵문물뭉미민밀바박반발밤"
    "방배백뱀버번벌범법벚베벨벽변별병보복본볼봄봉부북분불붉붓브블비빈빌빗빙빠빵뿔사삭산살삼삽상새색생샤샌서석선설섬성세섹센셀셔소속손솔"
    "송쇠쇼수숙순술숨숭숲쉬스슬습승시식신실심십싱싸쌍쌀써쓰씨아악안앉알암압앙앞애액앵야약양어억언얼엄업없에엔여역연열염엽영예오옥온올"
    "옷와완왕왜외요욕용우운울움원월위유육윤율으은을음응의이익인일임입잎자작잔잠장재저적전절점접정제조족존종좌주죽준줄중쥐증지직진질집짐"
    "징짜쪽차착찬찰참창채책처천철첩청체초촌총최추축춘출충취층치칙친칠침칫카칼캐캔커컨컴컵케코콘콜콩쿠크큰클키킨타탁탄탈탑태택터털텀테토톤"
    "통퇴투트특틀티틱파판팔팡패팽퍼펀페펜펭편평포폭표푸풀품풍프플피필하학한할함합항해핵햄행향허헌험헤헬혀현혈협형호혼홍화환활황회획효후"
    "훈훌휘휴흐흑흙희흰히힘"
)
_COMMON_HAN = (
    "一二三四五六七八九十百千万零上下左右前后後中内外大小多少高低长長短新旧舊老好坏不正反真假的是有無无和与人男女子儿兒父母王李张張"
    "天地日月星云雲雨雪風风山水火木林森草花叶葉根果石土金银銀铜鐵铁沙河川江海湖池泉島岛田春夏秋冬东東南西北年时時分早晚夜昼光电電气氣"
    "红紅橙黄黃绿綠青蓝藍紫黑白灰色赤茶桃粉棕动動植物猫貓狗犬牛羊马馬猪豚豬鸡雞鶏鸭鴨鹅鵝鸟鳥鱼魚虎狮獅狼狐熊象兔鼠猴猿蛇龙龍龟"
    "龜亀虫蟲蝶蜂蚁蟻蜘蛛鹿豹驼鲸鯨鯊鲨虾蝦蟹贝貝蛙鷹鹰鴉烏乌雀燕鸽鳩鶴鹤鵲企蘋苹梨香蕉葡萄莓柠柚柑橘瓜西番茄土豆薯玉米稻麦麥"
    "菜萝卜蘿蔔白椒蒜葱葱姜茸菇豆腐饭飯面麵包饼餅糖盐鹽油酱醬醋肉蛋奶酒汤湯汁咖啡可乐樂食品料理餐厨房梅樱桜櫻菊兰蘭荷莲蓮玫瑰牡丹"
    "竹松柏柳杉楓枫車车汽自行转轉摩托卡公共交通火船舟飞飛机機空港站路道桥橋街市町村城国國家房屋室门門窗床桌椅子机灯燈書书本纸紙"
    "笔筆刀剑箱袋瓶杯碗皿盘盤锅鍋衣服裤褲鞋靴帽眼镜鏡表时钟鐘手足头頭脸臉顔目耳口鼻舌牙歯髪发發体體心身指脚腿背球网網足篮籃"
    "排乒乓棒拳跑走泳图圖図像画畫照片写寫真相影视視圆圓円形方角三四边邊矩正菱梯線线点點直曲字数數文語语言英汉漢日韩韓中美学學校"
    "生先师師习習工作事务務商店医醫院药薬警消防军軍农農业業训訓练練测測試试验驗证證集标標準准类類别別种種其他它無未已开開关關入出"
    "文件夹資资料データ数据据数号號名字第一部分全半合明暗清朝晴阴陰曇雷霧雾虹冰氷焰烟煙灾害垃圾回收再利用塑玻璃金属屬布皮革废廢棄弃湿干"
    "损傷伤裂缝縫锈良品缺陷异異常優优合格检檢査查病症肺胸脑腦骨血细細胞菌癌皮肤"
)
_KANA = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC)))
_WEST, _WEST_RARE = "äöüÄÖÜßéèêëàâçùûîïôñáíóúåæøãìòÉÇ", "õðÿÀÁÂÃÅÆÈÊËÌÍÎÏÑÒÓÔÕØÙÚÛÝýœŒ’"
_CENTRAL = "ąćęłńóśźżáčďéěíňřšťúůýžőűăâîșțäöüôĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽŐŰÄÖÜ"
_TURKISH = "çğıöşüâîûÇĞİÖŞÜ"
_GREEK_COMMON, _GREEK_RARE = "αεηιοντσςκλμπρυάέήίόύώ", "βγδζθξφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏϊϋ"
_CYRILLIC_COMMON, _CYRILLIC_RARE = "оеаинтсрвлкмдпуОЕАИНТСРВЛКМДПУ", "ыьзягбчйхжшюцщэфъёЫЬЗЯГБЧЙХЖШЮЦЩЭФЪЁ"


@dataclass(frozen=True)
class Reading:
    """An encoding, and what its characters cost: those of `tiers` as given there, others of `script` _UNCOMMON.

    `rarity`: what it costs that the encoding itself is rare. `judge`: the codec that judges it, where names use only a
    part of it.
    """

    encoding: str
    tiers: tuple[tuple[str, float], ...]
    rarity: float = 0.0
    script: str = "none"
    judge: str = ""

    @cached_property
    def costs(self) -> dict[str, float]:
        return {character: cost for characters, cost in self.tiers for character in characters}

    def cost(self, name: bytes) -> float:
        """How improbable the name is, in nats or so."""
        text = name.decode(self.judge or self.encoding, errors="replace")
        return sum(map(self._of_character, text)) + sum(_of_pair(*pair) for pair in pairwise(text))

    def _of_character(self, character: str) -> float:
        if character.isascii():
            return _ASCII
        if character == "\ufffd":
            return _BROKEN
        cost = self.costs.get(character)
        if cost is None:
            cost = _UNCOMMON if unicodedata.name(character, "").startswith(self.script) else _STRANGE
        return cost + _CAPITAL * character.isupper()


def _of_pair(left: str, right: str) -> float:
    if (left.isascii() and right.isascii()) or not (left.isalpha() and right.isalpha()):
        return 0.0
    scripts = {unicodedata.name(character, "?")[:5] for character in (left, right)}
    cost = _TWO_SCRIPTS if "LATIN" in scripts and len(scripts) > 1 else 0.0
    if scripts == {"LATIN"} and not left.isascii() and not right.isascii():
        cost += _TWO_ACCENTS
    return cost + _CAPITAL_INSIDE * (left.islower() and right.isupper())


_LATIN, _CYRILLIC = ((_WEST, 5.0), (_WEST_RARE, 7.5)), ((_CYRILLIC_COMMON, 2.9), (_CYRILLIC_RARE, 4.5))
_HANZI = "CJK UNIFIED"
READINGS = (
    # Judged by the 2,350 syllables of KS X 1001: the other 8,822 of cp949 stand in hardly any name, but in bytes of
    # names of many other countries.
    Reading("cp949", ((_COMMON_HANGUL, 5.0),), script="HANGUL SYLLABLE", judge="euc_kr"),
    Reading("cp850", _LATIN),
    Reading("cp437", _LATIN, 0.5),
    Reading("cp932", ((_KANA, 5.0), (_COMMON_HAN, 6.5)), 0.0, _HANZI),
    Reading("gbk", ((_COMMON_HAN, 6.5),), 1.0, _HANZI),
    Reading("cp950", ((_COMMON_HAN, 6.5),), 1.5, _HANZI),
    Reading("cp866", _CYRILLIC, 3.0),
    Reading("cp1252", _LATIN, 2.0),
    Reading("cp852", ((_CENTRAL, 5.5),), 3.0),
    Reading("cp857", ((_TURKISH, 5.5),), 3.0),
    Reading("cp1251", _CYRILLIC, 4.0),
    Reading("cp1250", ((_CENTRAL, 5.5),), 5.0),
    Reading("cp737", ((_GREEK_COMMON, 2.9), (_GREEK_RARE, 4.5)), 5.0),
)


def guess(names: Iterable[bytes], known: Sequence[tuple[bytes, str]] = ()) -> str:
    """The encoding in which names without a declared one make most sense together; "utf-8" where all of them are that.

    known: names of the same origin with the text they stand for, which the encoding has to give.
    """
    parts = dict.fromkeys(part for name in names for part in name.split(b"/") if not part.isascii())
    if all(_is_utf8(part) for part in parts):
        return "utf-8"
    fitting = [r for r in READINGS if all(name.decode(r.encoding, "replace") == text for name, text in known)]
    sample = list(parts)[:_SAMPLE]
    return min(fitting or READINGS, key=lambda r: r.rarity + sum(map(r.cost, sample))).encoding


def readable(path: str) -> str:
    """A path of the file system as it can be kept and shown: what is no UTF-8 is read in the likeliest encoding."""
    if path.isascii():
        return path
    return "/".join(map(_readable_part, path.split("/")))


def _readable_part(part: str) -> str:
    name = os.fsencode(part)
    return part if _is_utf8(name) else name.decode(guess([name]), errors="replace")


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
