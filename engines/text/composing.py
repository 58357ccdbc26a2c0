"""One round of texts: written side by side, made distinct or chosen among, filtered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..api import Brief, Draft, Event, Progress, Remark, Result, Setting
from ..embed import Reader
from . import TextOptions, finish, rewriting, templates
from .lm import LanguageModel, Row, Text
from .prompting import Prompt
from .rewriting import Rewriting

TOO_LONG = "The prompt is too long for this model: its beginning was left out."
NO_ANSWERS = "This model was never taught to answer: it goes on with the question."
TRIES, AWAY = 3, 1_000_003  # how often a variant is written anew, and how far its seed moves each time
OFTEN = 0.05  # seconds between two reports of how far the texts are: faster than anybody reads


@dataclass
class Composition:
    """What a round is made of, a row and options for each variant. What all share is as the first one has it."""

    model: LanguageModel
    reader: Reader
    brief: Brief
    asked: Prompt
    settings: Sequence[Setting]
    rows: Sequence[Row]
    options: Sequence[TextOptions]
    cancelled: Callable[[], bool]
    began: float = field(default_factory=time.perf_counter)
    finished: int = 0  # variants that were told

    def run(self) -> Iterator[Event]:
        """Drafts as the texts grow, then each variant. Raises `Stopped`."""
        versions = self._versions()
        texts: list[Text] = []
        many = [replace(row, seed=row.seed + at * AWAY) for row in self.rows for at in range(versions)]
        shown, last = [""] * len(self.rows), 0.0
        for texts in self._write(many):
            if time.perf_counter() - last < OFTEN:
                continue
            last = time.perf_counter()
            for at, text in enumerate(texts[::versions]):
                if text.text != shown[at]:
                    shown[at] = text.text
                    yield Draft(at, text.text)
            grown = sum(len(text.tokens) for text in texts)
            yield Progress(min(1.0, grown / (self.first.length * len(many))), "Writing")
        before: list[str] = []
        for at in range(len(self.rows)):
            mine = texts[at * versions : (at + 1) * versions]
            if versions > 1:
                yield Progress(1.0, "Comparing the versions")
            result = self._rewritten(at, mine) if self._rewrites else self._distinct(at, mine[0], before)
            before.append(result.text or "")
            yield result
            self.finished += 1

    @property
    def first(self) -> TextOptions:
        return self.options[0]

    @property
    def _rewrites(self) -> bool:
        return templates.rewrites(self.first.template)

    def _versions(self) -> int:
        """How many texts are written for each variant. Where there is no chance, all would be the same."""
        by_chance = self.first.decoding == "sample" and all(row.sampling.temperature for row in self.rows)
        return rewriting.VERSIONS if self._rewrites and by_chance else 1

    def _write(self, rows: Sequence[Row]) -> Iterator[list[Text]]:
        if self.first.decoding == "beam":
            first = self.first
            return self.model.beams(
                self.asked.tokens, rows, first.beams, first.diversity, first.length_penalty, self.cancelled
            )
        return self.model.write(self.asked.tokens, rows, self.cancelled)

    def _rewritten(self, at: int, texts: Sequence[Text]) -> Result:
        """The version that fits best, and how far it went."""
        options = self.options[at]
        task = Rewriting(self.model, self.reader, self.brief.prompt, options, self.rows[at], self.cancelled)
        versions = [task.version(self._finished(at, text)[0]) for text in texts]
        taken = rewriting.best(versions, options.keep, self.brief.prompt)
        return self._result(at, texts[taken], [versions[taken].remark(task.passage, len(texts))])

    def _distinct(self, at: int, text: Text, others: Sequence[str]) -> Result:
        """The text, or one written anew where it says what an earlier variant says. Only chance can say something else."""
        if not self.first.distinct or not finish.alike(text.text, others):
            return self._result(at, text, [])
        row = self.rows[at]
        by_chance = self.first.decoding == "sample" and row.sampling.temperature
        for again in range(1, TRIES + 1) if by_chance else ():
            for steps in self._write([replace(row, seed=row.seed + again * AWAY)]):
                text = steps[0]
            if not finish.alike(text.text, others):
                return self._result(at, text, [Remark("Written anew, for it said what another variant says.")])
        return self._result(at, text, [Remark("It says what another variant says.")])

    def _finished(self, at: int, text: Text) -> tuple[str, tuple[Remark, ...]]:
        return finish.finished(text.text, self.options[at], whole=text.why in ("end", "stop"))

    def _result(self, at: int, text: Text, remarks: Sequence[Remark]) -> Result:
        """The variant after the filters; what they changed stays to be looked at."""
        setting, (last, did) = self.settings[at], self._finished(at, text)
        wants_answer = (self.first.reply or self.first.template) and not self.model.vocabulary.answers
        cut = [Remark(TOO_LONG)] if self.asked.cut else []
        unanswered = [Remark(NO_ANSWERS)] if wants_answer else []
        remarks = [*cut, *unanswered, *remarks, *did]
        return Result(
            at,
            setting.knobs,
            setting.seed,
            time.perf_counter() - self.began,
            text=last,
            raw=text.text if last != text.text else None,
            remarks=tuple(remarks),
            features=self.reader.features(last),
        )
