"""
The Japanese catalogue: translated as a whole, in one style, with the values of the English one.
"""

import re

import pytest

from llmprobe.output.text.console import PLAIN
from llmprobe.words import en, ja
from llmprobe.words.message import Message
from llmprobe.words.render import Words, placeholders, words

JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
WITHOUT_JAPANESE = frozenset(
    {
        # names of programs, of systems and of places
        *("engine-name.llama.cpp", "engine-name.ollama", "engine-name.lmstudio", "engine-name.vllm"),
        *("engine-name.sglang", "engine-name.mlx"),
        *(
            "engine-name.huggingface",
            "system.darwin",
            "kept-by.ollama",
            "kept-by.lmstudio",
            "system.linux",
            "system.win32",
        ),
        *("limit.available-by-kernel", "measured-on.transparent_hugepage", "partition.mig", "partition.vgpu"),
        # codes of currencies, where they have no sign
        *(
            name
            for name in en.SENTENCES
            if name.startswith("currency.") and en.SENTENCES[name].strip().isalpha()
        ),
        # terms that are written in Latin letters in Japanese, too
        *("pool.ram", "page.ram", "page.ram-of", "page.cpu", "measured-on.cpu", "memory-kind.system"),
        *("column.projector", "column-short.projector", "column-short.adapter", "column-short.cache"),
        *("label.term.projector-weights", "page.projector-title", "page.experts-on-cpu"),
        *("page.context-experts", "page.compute-capability", "page.set-flash-attention", "page.pid"),
        *("page.gib", "page.context-gib", "page.verify-buffers", "page.plan-watts"),
        *("help.estimate.flash-attn", "page.on-ollama", "source.nvml"),
        *("cost.api", "page.cost-api"),
        *("page.fleet-column-gpu", "page.fleet-column-ram"),
        # options and commands
        *(
            "change.priority",
            "hint.before-command",
            "hint.after-command",
            "hint.install-extra",
            "hint.newer-click",
        ),
        # keys
        *(
            "explore-key.best",
            "explore-key.copy",
            "explore-key.look",
            "explore-key.open",
            "explore-key.quit",
            "explore-key.sort",
            "explore-key.terms",
            "explore-key.use",
            "explore-where.host",
        ),
        # figures with their units
        *("holder.process", "page.cache-types", "page.fullness", "page.source-line", "page.verify-step"),
    }
)
"""Sentences without a sign of Japanese although they have letters of their own."""

SPELLED_OTHERWISE = {
    "サーバ(?!ー)": "サーバー",
    "フォルダ(?!ー)": "フォルダー",
    "ドライバ(?!ー)": "ドライバー",
    "レイヤ(?!ー)": "レイヤー",
    "ユーザ(?!ー)": "ユーザー",
    "プロセッサー": "プロセッサ",
    "パラメーター": "パラメータ",
    "メモリー": "メモリ",
    "バッファー": "バッファ",
    "プロジェクタ(?!ー)": "プロジェクター",
    "アダプタ(?!ー)": "アダプター",
    "トークン／秒|tokens/s|t/s": "トークン/秒",
    "下さい": "ください",
    "出来": "でき",
    "(?<!り)全て": "すべて",
    "[０-９Ａ-Ｚａ-ｚ]": "half-width",
    "[,，．]$": "、。",
}


def has_letters(sentence: str) -> bool:
    """
    Whether a sentence has letters besides the places of values.
    """
    return re.search(r"[^\W\d_]", re.sub(r"\{[^}|]*\}", "", sentence)) is not None


def filled(name: str, given: int | None) -> Message:
    """
    The message of an id whose optional values are all ``given`` and whose others are 2.
    """
    sentence = ja.SENTENCES[name]
    always = placeholders(re.sub(r"(?<!\\)\[.*(?<!\\)\]", "", sentence))
    return Message(name, {value: 2 if value in always else given for value in placeholders(sentence)})


def test_every_sentence_is_japanese() -> None:
    """Every sentence with letters of its own has Japanese ones, but those that are listed, which have none."""
    without = {
        name for name, one in ja.SENTENCES.items() if JAPANESE.search(one) is None and has_letters(one)
    }

    assert without == WITHOUT_JAPANESE


def test_every_term_is_spelled_in_one_way() -> None:
    """As the local community does, and everywhere the same."""
    wrong = [
        (name, right)
        for name, one in ja.SENTENCES.items()
        for spelling, right in SPELLED_OTHERWISE.items()
        if re.search(spelling, one)
    ]

    assert wrong == []


def test_marks_are_those_of_japanese() -> None:
    """Full-width brackets, which close, and no mark beside another that it does not go with."""
    odd = re.compile(r"[ぁ-んァ-ヶ一-龠]\(|\)[ぁ-んァ-ヶ一-龠]|。。|、、|、。|[ぁ-んァ-ヶ一-龠][,.;]")
    wrong = [
        name
        for name, one in ja.SENTENCES.items()
        if odd.search(one) or [one.count(sign) for sign in "（「"] != [one.count(sign) for sign in "）」"]
    ]

    assert wrong == []


def test_whole_sentences_end_as_in_english() -> None:
    """Help and findings are sentences with a full stop; what has none in English is a part of a line."""
    wrong = [
        name
        for name, one in ja.SENTENCES.items()
        if (name.startswith(("help.", "rule.")) or name.endswith((".detail", ".remedy")))
        and one.rstrip("]").endswith("。") != en.SENTENCES[name].rstrip("]").endswith(".")
    ]

    assert wrong == []


@pytest.mark.parametrize("given", [2, None])
def test_a_sentence_is_whole_with_and_without_its_optional_parts(given: int | None) -> None:
    """With every optional part, and with none, no mark is left over and no bracket is empty."""
    odd = re.compile(r"。。|、、|、。|。、|（）|（、|、）|「」|^[、。）]|[、（「]$|でます|: ?。|：")
    joints = {"list.comma", "list.and", "page.weights"}
    spoken = {name: words("ja").text(filled(name, given)) for name in ja.SENTENCES if name not in joints}

    assert {name: text for name, text in spoken.items() if odd.search(text)} == {}


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp"])
def test_the_encodings_of_japan_have_every_sign(encoding: str) -> None:
    """Of help, which is printed as it is, and of pages, which replace a few signs (· × ～)."""
    for id_, sentence in ja.SENTENCES.items():
        if not id_.startswith("currency."):
            plain = sentence if id_.startswith("help.") else sentence.translate(PLAIN)
            assert plain.encode(encoding) or not sentence, id_


def test_what_is_missing_or_does_not_suit_is_english() -> None:
    """A sentence that is not translated, or was before its values changed, is in English, never an error."""
    english = en.SENTENCES["figure.plain"]
    half = Words("ja", {"page.tokens": "{tokens}個の{kind}", "page.ram": "{x}", "list.comma": "、"})

    assert half.text(Message("figure.plain", {"value": "x"})) == "x"
    assert english == "[{value}][!{value}?]"
    assert half.say("page.tokens", tokens=5) == "5 tokens"
    assert half.sentence("page.ram") == "RAM"
    assert half.of_family("origin.", "live") == "this machine"
    assert half.of_family("origin.", "nowhere") == "nowhere"


@pytest.mark.parametrize(
    ("id_", "values", "expected"),
    [
        ("page.tokens", {"tokens": 8192}, "8192トークン"),
        ("list.and", {}, "、"),
        ("figure.rate", {"likely": 4.23, "low": 3.1, "high": 5}, "4.2（3.1～5.0）"),
        ("page.error-count", {"count": 1}, "エラー1件"),
        ("page.error-count", {"count": 2}, "エラー2件"),
        ("pool.short", {"pool": Message("pool.ram"), "missing_bytes": 1 << 30}, "RAMが1.00 GiB不足"),
        (
            "where.partly",
            {"count": 1, "gpu_layers": 43, "total_layers": 81},
            "81レイヤー中43レイヤーをGPUにオフロード、残りはCPU",
        ),
        (
            "where.partly",
            {"count": 2, "gpu_layers": 43, "total_layers": 81},
            "81レイヤー中43レイヤーを複数のGPUにオフロード、残りはCPU",
        ),
        (
            "error.option-choice",
            {"option": "--x", "known": ("a", "b", "c"), "given": "d"},
            "--x に指定できるのは a、b または c です（指定値: 「d」）",
        ),
    ],
)
def test_values_stand_where_japanese_has_them(id_: str, values: dict[str, object], expected: str) -> None:
    """Numbers and units unchanged, no plural, lists with Japanese commas."""
    assert words("ja").text(Message(id_, values)) == expected  # type: ignore[arg-type]
