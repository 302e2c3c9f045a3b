"""
A text about GPUs in plain letters: without marks and full-width forms, words of other languages in English.
"""

import re
import unicodedata

_MARKS = re.compile(r"[™®©]|\((?:tm|r|c)\)", re.IGNORECASE)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_THOUSANDS = re.compile(r"(?i)\b([0-9]{1,3}),([0-9]{3})(?=\s*mi?b\b)")
"""``24,576 MiB``: only a size has its thousands apart, as a comma stands between cards, too."""

_LISTED = re.compile(r"(?i)^\s*gpu [0-9]+:|\(uuid: [^)]*\)")
"""What ``nvidia-smi -L`` writes around a name."""

_UNSAID = re.compile(
    r"(?i)\(?\b[0-9]{2,3} ?w(?:atts?)?\b(?: ?t[dgb]p\b)?\)?|\bt[dgb]p\b"
    r"|\b(?:lpddr|gddr)[0-9]x?[- ][0-9]{4,5}\b(?: ?(?:mt/s|mhz))?"
    r"|\b[0-9.]{1,5} ?[gt]b (?:ssd|nvme|hdd|storage|disk)\b"
    r"|\b(?:each|apiece|je|per (?:card|gpu))\b"
)
"""Power, the rate of soldered memory, disks, and that a size is that of each card: the product is the same without."""

_COUNTERS = "枚台基個个张張块塊"
_CARDS = re.compile(r"(?i)(?<![0-9])([0-9]{1,2})\s*(?:卡|stück\b|stk\b\.?|шт\b\.?|cartes\b)")
_COUNTER = re.compile(rf"(?<=[0-9])(\s*)[{_COUNTERS}]")
_PARTICLES = re.compile(r"\s*[をがはで]\s*(?=[0-9]{1,2}\s*枚)")
_ABROAD = (
    ("ノートパソコン", " laptop "),
    ("ノートpc", " laptop "),
    ("ノートPC", " laptop "),
    ("ノート", " laptop "),
    ("ラップトップ", " laptop "),
    ("モバイル", " laptop "),
    ("笔记本", " laptop "),
    ("筆電", " laptop "),
    ("노트북", " laptop "),
    ("英伟达", " nvidia "),
    ("輝達", " nvidia "),
    ("苹果", " apple "),
    ("蘋果", " apple "),
    ("显存", " vram "),
    ("魔改", " "),
    ("的", " "),
    *((maker, " ") for maker in ("华硕", "華碩", "微星", "技嘉", "七彩虹", "影驰", "蓝宝石", "索泰")),
    ("그래픽카드", " "),
    ("スーパー", " super "),
    ("マックスタジオ", " mac studio "),
    ("マックス", " max "),
    ("ウルトラ", " ultra "),
    ("プロ", " pro "),
    ("ゲーミング", " "),
    ("デスクトップ", " desktop "),
    ("版", " "),
    ("デュアル", "dual "),
    ("マックミニ", " mac mini "),
    ("マックブックエアー", " macbook "),
    ("マックブックエア", " macbook "),
    ("マックブック", " macbook "),
    ("マック", " mac "),
    ("グラフィックボード", " "),
    ("グラフィックカード", " "),
    ("グラフィックス", " "),
    ("グラボ", " "),
    ("显卡", " "),
    ("顯示卡", " "),
    ("エヌビディア", " nvidia "),
    ("ジーフォース", " geforce "),
    ("ラデオン", " radeon "),
    ("インテル", " intel "),
    ("アップル", " apple "),
    ("メモリー", " memory "),
    ("メモリ", " memory "),
    ("搭載", " "),
    ("挿し", ""),
    ("構成", ""),
    *(
        (f"{kanji}{counter}", f" {number}枚")
        for number, kanji in (*enumerate("一二三四五六七八", 1), (2, "两"), (2, "兩"))
        for counter in _COUNTERS
    ),
    *((f"{kanji}卡", f" {number}枚 ") for number, kanji in ((1, "单"), (2, "双"), (4, "四"), (8, "八"))),
    ("と", ", "),
    ("、", ", "),
)
_WORDS_ABROAD = re.compile(
    r"(?i)(?<!\w)(?:grafikkarten?|cartes? graphiques?|tarjetas? (?:gráficas?|de v[ií]deo)|tarjetas?|"
    r"placas? de v[ií]deo|schede? (?:video|grafiche|grafica)|видеокарт[аы]?|mit|avec|con)(?!\w)"
)
"""A card, and ``with``, in languages that put spaces between words."""


def plain(text: str) -> str:
    """
    A text as GPUs are compared, but for its case: without marks, full-width letters and foreign words.
    """
    # A byte that is no text comes as half of a pair of code units, which nothing could print or write.
    text = text.encode(errors="replace").decode()
    text = unicodedata.normalize("NFKC", _LISTED.sub(" ", _MARKS.sub(" ", text))).translate(_DASHES)
    for word, meaning in _ABROAD:
        text = text.replace(word, meaning)
    text = _UNSAID.sub(" ", _WORDS_ABROAD.sub(" ", text)).replace("( )", " ")
    text = _PARTICLES.sub(" ", _COUNTER.sub(r"\1枚", _CARDS.sub(r"\1枚 ", text)))
    text = _THOUSANDS.sub(r"\1\2", text)
    return " ".join(text.split())
