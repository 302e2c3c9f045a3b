"""
The pages that show what ``make accuracy`` found: a page with all tables, and the headlines in both READMEs.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.accuracy_table import Accuracy, in_markdown, percent

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"(?<=<!-- accuracy -->\n).*?(?=<!-- /accuracy -->)", re.DOTALL)

_SPEEDS = (
    "generation, one device, known",
    "generation, one device, not seen before",
    "generation, experts in RAM",
    "prompts, one device, known",
    "prompts, one device, not seen before",
)
_ENGLISH = {
    "head": "| figure | compared with | result |",
    "files": "bytes of each quantized tensor",
    "weights": "weights per device",
    "caches": "cache and state per device",
    "compute": "compute buffers per device",
    "total": "total per device",
    "of files": "{n:,} quantized files",
    "of devices": "{n:,} devices in {loads:,} measured loads",
    "equal": "{share} equal to the byte",
    "near": "{share} within 1% or 4 MiB, the worst {worst:.2%} off",
    _SPEEDS[0]: "tokens/s, one device that the fit knows",
    _SPEEDS[1]: "tokens/s, one device not seen before",
    _SPEEDS[2]: "tokens/s, experts in RAM",
    _SPEEDS[3]: "prompt, one device that the fit knows",
    _SPEEDS[4]: "prompt, one device not seen before",
    "of rows": "{rows} published figures of {sources} sources",
    "speed": "{median:.1%} off at the median; the stated range holds {held:.0%}",
    "bounds": "all that is claimed",
    "of bounds": "{n} bounds",
    "held": "{held} held",
}
_JAPANESE = {
    "head": "| 数値 | 比較対象 | 結果 |",
    "files": "量子化した各テンソルのサイズ",
    "weights": "デバイスごとの重み",
    "caches": "デバイスごとのキャッシュと状態",
    "compute": "デバイスごとの計算バッファ",
    "total": "デバイスごとの合計",
    "of files": "量子化したファイル{n:,}個",
    "of devices": "実測したロード{loads:,}回のデバイス{n:,}個",
    "equal": "{share}がバイト単位で一致",
    "near": "{share}が誤差1%または4 MiB以内、最大誤差{worst:.2%}",
    _SPEEDS[0]: "トークン/秒、既知の1デバイス",
    _SPEEDS[1]: "トークン/秒、未知の1デバイス",
    _SPEEDS[2]: "トークン/秒、エキスパートがRAM",
    _SPEEDS[3]: "プロンプト処理、既知の1デバイス",
    _SPEEDS[4]: "プロンプト処理、未知の1デバイス",
    "of rows": "情報源{sources}件の公開値{rows}件",
    "speed": "誤差の中央値{median:.1%}、表示する範囲に入る割合{held:.0%}",
    "bounds": "精度の基準すべて",
    "of bounds": "{n}件",
    "held": "{held}件を達成",
}


def headlines(accuracy: Accuracy, words: Mapping[str, str]) -> str:
    """
    Return the table of what matters most, in the given words.
    """
    rows = accuracy.architectures.values()
    files, devices = sum(row.files for row in rows), sum(row.devices for row in rows)
    of_devices = words["of devices"].format(n=devices, loads=sum(row.loads for row in rows))

    def equal(good: int, cases: int) -> str:
        return words["equal"].format(share=percent(good, cases))

    total = words["near"].format(
        share=percent(sum(row.total_near for row in rows), devices),
        worst=max(row.worst_total for row in rows),
    )
    lines = [
        (
            words["files"],
            words["of files"].format(n=files),
            equal(sum(row.files_equal for row in rows), files),
        ),
        (words["weights"], of_devices, equal(sum(row.weights_equal for row in rows), devices)),
        (words["caches"], of_devices, equal(sum(row.caches_equal for row in rows), devices)),
        (words["compute"], of_devices, equal(sum(row.compute_equal for row in rows), devices)),
        (words["total"], of_devices, total),
    ]
    speeds = {row.name: row for row in accuracy.speeds}
    for name in _SPEEDS:
        row = speeds[name]
        compared = words["of rows"].format(rows=row.rows, sources=row.sources)
        lines.append((words[name], compared, words["speed"].format(median=row.median, held=row.in_range)))
    held = sum(quantity.held for quantity in accuracy.quantities)
    bounds = words["of bounds"].format(n=len(accuracy.quantities))
    lines.append((words["bounds"], bounds, words["held"].format(held=held)))
    return "\n".join(
        ["", words["head"], "|---|---|---|", *(f"| {' | '.join(line)} |" for line in lines), "", ""]
    )


PAGES: dict[Path, Callable[[Accuracy], str]] = {
    ROOT / "docs" / "accuracy.md": in_markdown,
    ROOT / "README.md": lambda accuracy: headlines(accuracy, _ENGLISH),
    ROOT / "README.ja.md": lambda accuracy: headlines(accuracy, _JAPANESE),
}


def rewritten(page: Path, accuracy: Accuracy) -> str:
    """
    Return the text of a page with what was found between its two marks.
    """
    return _BLOCK.sub(lambda _: PAGES[page](accuracy), page.read_text(encoding="utf-8"))


def write(accuracy: Accuracy) -> None:
    """
    Write the tables of all pages.
    """
    for page in PAGES:
        page.write_text(rewritten(page, accuracy), encoding="utf-8")


def stale(accuracy: Accuracy) -> list[str]:
    """
    Return the pages whose tables are not these.
    """
    return [page.name for page in PAGES if page.read_text(encoding="utf-8") != rewritten(page, accuracy)]
