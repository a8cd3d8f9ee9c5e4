"""`tidu cache`: where compiled programs are kept, how many, how large; and away with them."""

from __future__ import annotations

import json

from tidu.app.cli.output import emit, show_json
from tidu.backends.native import store
from tidu.errors import InputError
from tidu.words import Language, Phrase, Words, verbatim

_FOLDER = Words(en="folder    {folder}", zh="目录    {folder}")
_PROGRAMS = Words(en="programs  {count}", zh="程序    {count} 个")
_SIZE = Words(en="size      {size} (at most {limit})", zh="大小    {size}（上限 {limit}）")
_OFF = Words(
    en="the cache is switched off: TIDU_CACHE_DIR is empty", zh="缓存已关闭：TIDU_CACHE_DIR 为空"
)
_ACTION = Words(
    en="tidu cache takes nothing, or clear, not {given}",
    zh="tidu cache 后面只能写 clear，或什么都不写；这里是 {given}",
)
_REMOVED = Words(en="removed: {count} programs, {size}", zh="已删除 {count} 个程序，共 {size}")


def cache(action: str | None, as_json: bool, language: Language) -> int:
    """Show what is kept, or remove it (`clear`)."""
    if action not in (None, "clear"):
        raise InputError(_ACTION(given=repr(action)), fix=verbatim("tidu cache clear"))
    folder = store.chosen_folder()
    problem = None if folder is None else store.problem(folder)
    problems = [] if problem is None else [problem]
    if action == "clear":
        count, size = store.clear()
        if as_json:
            show_json(json.dumps({"removed": count, "bytes": size}, indent=2))
        else:
            lines = [_REMOVED(count=count, size=_bytes(size)), *problems]
            emit("\n".join(line.text(language) for line in lines))
        return 0
    count, size = store.contents()
    used = folder is not None and not problems
    if as_json:
        where = None if folder is None else str(folder)
        facts = {"folder": where, "used": used, "programs": count, "bytes": size}
        show_json(json.dumps({**facts, "limit": store.LIMIT}, ensure_ascii=False, indent=2))
        return 0
    lines: list[Phrase] = [_OFF()]
    if folder is not None:
        sizes = _SIZE(size=_bytes(size), limit=_bytes(store.LIMIT))
        lines = [_FOLDER(folder=folder), _PROGRAMS(count=count), sizes, *problems]
    emit("\n".join(line.text(language) for line in lines))
    return 0


def _bytes(count: int) -> str:
    if count < 2**20:
        return f"{count / 2**10:.3g} KiB"
    return f"{count / 2**20:.3g} MiB"
