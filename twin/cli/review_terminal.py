"""Reviewing links in a terminal: one item after the other, a key for each decision, differences marked."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import click
import psycopg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twin.actions import review_desk
from twin.actions.access import sight_of
from twin.actions.claim_review import claim_next, release_claim
from twin.cluster import server
from twin.errors import TwinError
from twin.queries.link_review import QueueAsked, Subject
from twin.queries.review_items import read_item, read_queue
from twin.session import Actor, transaction
from twin.settings import Settings

KEYS = (
    "1-5 选 choose  a 接受 accept  r 否决 reject  n 都不对 none  o 另选 other  s 稍后 later  u 撤销 undo  q 退出 quit"
)
STYLES = {"same": "", "more": "dim", "differs": "bold yellow underline"}
VERDICTS = {"differs": "bold red", "same": "green"}


@dataclass
class ReviewTerminal:
    """One person's sitting. asked: which part of the queue."""

    settings: Settings
    person: Actor
    console: Console
    asked: QueueAsked = field(default_factory=QueueAsked)
    _skipped: list[int] = field(default_factory=list)
    _decided: list[int] = field(default_factory=list)
    _current: int = 0

    def run(self) -> int:
        """Go through the queue until it is empty or the person stops. Returns how many decisions were made."""
        with server.connect(self.settings, "ingest") as connection:
            try:
                while (subject := self._next(connection)) is not None:
                    if not self._on_desk(connection, subject):
                        break
                else:
                    self.console.print("没有更多等待复核的了 (nothing more waits for a person)")
            finally:
                with transaction(connection, self.person) as cursor:
                    release_claim(cursor, self.person.name)
        return len(self._decided)

    def _next(self, connection: psycopg.Connection[Any]) -> Subject | None:
        with transaction(connection, self.person) as cursor:
            return claim_next(cursor, self.person.name, self.asked, skip=self._skipped)

    def _on_desk(self, connection: psycopg.Connection[Any], subject: Subject) -> bool:
        """Show one item until it is decided or put off. Returns False when the person stops."""
        self._current = 0
        while True:
            with transaction(connection, self.person):
                item = read_item(connection, subject, sight_of(self.person))
                waiting = read_queue(connection, self.asked, 1, self.person.name, sight_of(self.person))["waiting"]
            if item is None or not any(link["state"] == "review" for link in item["links"]):
                return True
            self._show(item, waiting)
            key = self._key()
            if key in ("q", ""):
                return False
            if key == "s":
                self._skipped += [link["link_id"] for link in item["links"]]
                return True
            if key.isdigit() and 1 <= int(key) <= len(item["candidates"]):
                self._current = int(key) - 1
                continue
            try:
                with transaction(connection, self.person) as cursor:
                    came_back = self._act(cursor, key, subject, item)
            except TwinError as error:
                self.console.print(str(error), style="red", highlight=False)
                return True
            if came_back is not None and came_back != subject:
                return True  # the item taken back is the likeliest again

    def _act(self, cursor: psycopg.Cursor[Any], key: str, subject: Subject, item: dict[str, Any]) -> Subject | None:
        """Do what a key says. Returns the subject whose decision was taken back, if one was."""
        who, seen = self.person.name, item["seen"]
        candidate = item["candidates"][self._current] if self._current < len(item["candidates"]) else None
        if key in ("a", "r") and candidate is not None and candidate["link_id"]:
            review_desk.decide(cursor, who, candidate["link_id"], key == "a", seen)
            self._decided.append(candidate["link_id"])
        elif key == "a" and candidate is not None:
            place = candidate["to"]
            self._decided.append(review_desk.choose(cursor, who, subject, place["kind"], place["code"], seen))
        elif key == "n":
            self._decided += review_desk.refuse_all(cursor, who, subject, seen)
        elif key == "o":
            kind, code = self._ask_place()
            if code:
                self._decided.append(review_desk.choose(cursor, who, subject, kind, code, seen))
        elif key == "u" and self._decided:
            return review_desk.undo(cursor, who, self._decided.pop())
        return None

    def _key(self) -> str:
        """Read one key; from a pipe, the next letter that says something. "" at its end."""
        self.console.print(KEYS, style="dim", highlight=False)
        if sys.stdin.isatty():
            return click.getchar().lower()
        letter = sys.stdin.read(1)
        while letter.isspace():
            letter = sys.stdin.read(1)
        return letter.lower()

    def _ask_place(self) -> tuple[Any, str]:
        kinds = {"b": "building", "d": "address", "p": "asset"}
        self.console.print("b 建筑 building   d 地址 address   p 部件 asset", highlight=False)
        kind = kinds.get(self._key(), "building")
        self.console.print("编码 code: ", end="", highlight=False)
        return kind, sys.stdin.readline().strip()

    # ---- what is seen
    def _show(self, item: dict[str, Any], waiting: int) -> None:
        about = item["subject"]
        self.console.rule(f"待复核 waiting: {waiting}")
        head = " · ".join(filter(None, (about["department"], about["type"])))
        self.console.print(Text(head, style="cyan"))
        self.console.print(Text(about["title"], style="bold"))
        self.console.print(Text(f"报送地址 given: {about['address_given'] or '-'}"))
        for number, candidate in enumerate(item["candidates"]):
            self._show_candidate(number, candidate)

    def _show_candidate(self, number: int, candidate: dict[str, Any]) -> None:
        is_current = number == self._current
        place, score = candidate["to"], candidate["score"]
        line = Text(f"{'>' if is_current else ' '} {number + 1} ", style="bold" if is_current else "")
        line.append(f"{score:.2f} " if score is not None else "     ")
        line.append_text(_marked((candidate["texts"] or {}).get("known"), place["label"] or place["code"]))
        line.append(f"  {place['kind']} {place['code']} {candidate['method'] or ''}", style="dim")
        self.console.print(line)
        if not is_current:
            return
        if candidate["texts"]:
            self.console.print(Text("      报送 given   ").append_text(_marked(candidate["texts"]["given"], "")))
        parts = [part for part in candidate["parts"] if part["given"]]
        if parts:
            table = Table("部分 part", "报送 given", "登记 register", "", box=None, padding=(0, 2, 0, 6))
            for part in parts:
                style = VERDICTS.get(part["verdict"], "")
                table.add_row(part["name_zh"], part["given"], part["known"] or "-", part["verdict"], style=style)
            self.console.print(table)
        if candidate["reason_zh"]:
            self.console.print(Text(f"      {candidate['reason_zh']} ({candidate['reason_en']})", style="dim"))


def _marked(runs: list[dict[str, str]] | None, whole: str) -> Text:
    text = Text()
    for run in runs or [{"text": whole, "is": "same"}]:
        # Brackets say it where there are no colours.
        text.append(f"[{run['text']}]" if run["is"] == "differs" else run["text"], style=STYLES[run["is"]])
    return text
