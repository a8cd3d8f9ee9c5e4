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
_OPEN = Words(
    en="{folder} is not used: it belongs to another user, or others can write in it, and what they "
    "put there would run as you; chmod 700 it, or set TIDU_CACHE_DIR",
    zh="不使用 {folder}：它属于别的用户，或者别人可以写入，而写入的内容会以你的身份运行；"
    "请对它执行 chmod 700，或另设 TIDU_CACHE_DIR",
)
_ACTION = Words(
    en="tidu cache takes nothing, or clear, not {given}",
    zh="tidu cache 后面不写，或写 clear，而不是 {given}",
)
_REMOVED = Words(en="removed: {count} programs, {size}", zh="已删除 {count} 个程序，共 {size}")


def cache(action: str | None, as_json: bool, language: Language) -> int:
    """Show what is kept, or remove it (`clear`)."""
    if action not in (None, "clear"):
        raise InputError(_ACTION(given=repr(action)), fix=verbatim("tidu cache clear"))
    if action == "clear":
        count, size = store.clear()
        if as_json:
            show_json(json.dumps({"removed": count, "bytes": size}, indent=2))
        else:
            emit(_REMOVED(count=count, size=_bytes(size)).text(language))
        return 0
    folder, (count, size) = store.chosen_folder(), store.contents()
    blocked = folder is not None and store.is_no_folder(folder)
    used = not blocked and store.folder() is not None
    if as_json:
        where = None if folder is None else str(folder)
        facts = {"folder": where, "used": used, "programs": count, "bytes": size}
        show_json(json.dumps({**facts, "limit": store.LIMIT}, ensure_ascii=False, indent=2))
        return 0
    lines: list[Phrase] = [_OFF()]
    if folder is not None:
        sizes = _SIZE(size=_bytes(size), limit=_bytes(store.LIMIT))
        lines = [_FOLDER(folder=folder), _PROGRAMS(count=count), sizes]
        if not used:
            lines.append((store.NO_FOLDER if blocked else _OPEN)(folder=folder))
    emit("\n".join(line.text(language) for line in lines))
    return 0


def _bytes(count: int) -> str:
    if count < 2**20:
        return f"{count / 2**10:.3g} KiB"
    return f"{count / 2**20:.3g} MiB"
