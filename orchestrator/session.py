"""A conversation about pictures: each request edits what came of the last one, or asks about it.

    session = Session("photo.jpg")
    session.say("blur the face")
    session.say("a bit less")
    session.image.show()

What the session itself understands (`planners/commands.py`) it does without a planner:

    undo, redo, the original      another place in the trail of states; every state is kept
    again                         the last edit's plan on the picture that there is now
    less, more                    the last edit's plan on the picture before it, its amounts scaled
    the other one                 the same, with the next of the things that were found
    no, teal · at the top instead the same, with the color, place, style or number that is named
    save as NAME                  the picture, with the plan that leads to it from the first pictures

Everything else goes to the planner, with the history where it reads one. What may be meant in two ways is asked; said
once more, it is done to the picture. A request that fails changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..planners.commands import COMMANDS, Command, Meaning, meaning_of
from ..planners.planner import Planner, Turn, input_names, load_planner
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import Refusal, UsageError
from ..tools.images import check_writable
from ..tools.profiles import Profile
from ..tools.profiles.choosing import choose_profile
from ..tools.values import Image
from . import api
from .corrections import corrected
from .followups import LESS, MORE, Amended, drawn_anew, other, scaled
from .inputs import file_names
from .policy import Policy
from .provenance import write_image
from .result import Result, output_paths
from .search import DEFAULT_REPAIR, Repair
from .session_states import Edit, State, first_state, next_state
from .work import OnEvent, shelf

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

Status = Literal["done", "asked", "refused", "failed", "cancelled"]
MOST_TOLD = 8
"""Earlier requests that a planner is told of."""
_SAY = {
    "original": "the original",
    "other": "the other one",
    "instead": "… instead",
    "save": "save as NAME.png",
}
"""How a command is said where its name alone would not do."""


@dataclass(frozen=True)
class Reply:
    """What came of one request."""

    status: Status
    said: str = ""
    """In words: the answer, what was changed, what is asked, or what went wrong."""
    changed: bool = False
    """Whether the session is at another picture now."""
    result: Result | None = None
    """Of the run, where there was one."""
    saved: tuple[Path, ...] = ()


class Session:
    """Pictures, and everything that was done to them. One request at a time."""

    def __init__(
        self,
        *images: Image | PILImage | str | Path,
        planner: str | Planner = "embedded",
        profile: str | Profile = "auto",
        home: str | Path | None = None,
        use_store: bool = True,
        catalogue: Catalogue | None = None,
        policy: Policy | None = None,
        repair: Repair | None = DEFAULT_REPAIR,
    ) -> None:
        """As for `run`. Raises UsageError for an unreadable picture, an unknown profile or planner."""
        named = dict(zip(input_names(len(images)), images, strict=True))
        self._planner = load_planner(planner) if isinstance(planner, str) else planner
        self._profile = shelf(home).merits.bound(choose_profile(profile).profile)  # one for all of the session
        self._catalogue = catalogue or load_catalogue()
        self._home, self._use_store = home, use_store
        self._policy, self._repair = policy, repair
        pictures = {name: api.as_picture(image, name) for name, image in named.items()}
        self._trail = [first_state(pictures, file_names(named))]
        self._at = 0
        self._asked: str | None = None
        """The request that the last question was about."""
        self._on_event: OnEvent | None = None

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._trail[self._at]

    @property
    def pictures(self) -> tuple[Image, ...]:
        """What the last edit made; at first what was handed in."""
        return self.state.made

    @property
    def image(self) -> PILImage:
        """The first of them as a PIL image. Raises UsageError when there is none yet."""
        if not self.pictures:
            raise UsageError("there is no picture yet; say what to draw")
        return self.pictures[0].to_pil()

    def say(self, request: str, *, on_event: OnEvent | None = None, metadata: bool = True) -> Reply:
        """Do what a request says. Refusals and failures are replies, and leave the session as it was.

        `metadata`: whether a PNG that it saves carries its plan.
        Raises UsageError when the request is empty or too long, or names a file that cannot be written.
        """
        self._on_event = on_event
        repeated = request == self._asked
        meaning = Meaning() if repeated else meaning_of(request)
        self._asked = request if meaning.doubts else None
        if meaning.doubts:
            return Reply("asked", _question(meaning.doubts))
        if meaning.command == "save":
            return (
                self.save(meaning.file) if meaning.file else Reply("asked", "under which name? Say: save as NAME.png")
            )
        if meaning.command is None:
            return self._plan(request)
        return self._do(meaning.command, request)

    def undo(self) -> Reply:
        """Go back to the picture before."""
        return self._move(self._at - 1, "there is nothing to undo")

    def redo(self) -> Reply:
        """Go to the picture that was undone."""
        return self._move(self._at + 1, "there is nothing to redo")

    def original(self) -> Reply:
        """Go on with the first pictures; this too can be undone."""
        if self.state is self._trail[0]:
            return Reply("done", "this is the original")
        self._enter(self._trail[0])
        return Reply("done", "the original", changed=True)

    def again(self) -> Reply:
        """Do the last edit once more, to the picture that there is now."""
        return self._do("again", "again")

    def less(self) -> Reply:
        """Do the last edit with a smaller amount instead."""
        return self._do("less", "a bit less")

    def more(self) -> Reply:
        """Do the last edit with a larger amount instead."""
        return self._do("more", "a bit more")

    def other(self) -> Reply:
        """Do the last edit to another one of what it chose among, instead."""
        return self._do("other", "the other one")

    def save(self, path: str | Path, *, metadata: bool = True) -> Reply:
        """Write the picture, or `name-1.png`, … for several; a PNG carries the plan from the first pictures to it.

        Raises UsageError when it cannot be written.
        """
        target = Path(path)
        check_writable(target)
        if not self.pictures:
            raise UsageError(f"there is no picture to save as {str(path)!r}")
        origin = self.state.origin if metadata else None
        record = origin.record(self._profile, self._catalogue) if origin else None
        paths = output_paths(target, len(self.pictures))
        for picture, place in zip(self.pictures, paths, strict=True):
            write_image(picture, place, record)
        return Reply("done", f"saved as {', '.join(map(str, paths))}", saved=tuple(paths))

    def _do(self, command: Command, request: str) -> Reply:
        """Carry out a command about the last edit or about the trail."""
        moves: dict[str, Callable[[], Reply]] = {"undo": self.undo, "redo": self.redo, "original": self.original}
        if command in moves:
            return moves[command]()
        edit = self.state.edit
        try:
            if edit is None and command == "instead":
                return self._plan(request)
            if edit is None:
                raise Refusal(f"there is no edit yet; {_SAY.get(command, command)!r} speaks of the last one")
            if command == "again":
                return self._repeat(edit)
            return self._amend(command, edit, request)
        except Refusal as refusal:
            if self._reads_history and edit is not None:
                return self._plan(request)  # such a planner may know better
            return Reply("asked" if refusal.question else "refused", str(refusal))

    def _repeat(self, edit: Edit) -> Reply:
        return self._run(replace(edit, plan=drawn_anew(edit.plan, self._catalogue)), self.state, "")

    def _amend(self, command: Command, edit: Edit, request: str) -> Reply:
        amended: Amended | None
        if command == "other":
            amended = other(edit.plan, edit.found)
        elif command == "instead":
            amended = corrected(edit.plan, self._catalogue, request)
            if amended is None:  # it names nothing that the last edit has
                return self._plan(request)
        else:
            amended = scaled(edit.plan, self._catalogue, LESS if command == "less" else MORE)
        assert self.state.before is not None  # it has an edit
        return self._run(Edit(request, amended.plan), self.state.before, amended.change)

    def _run(self, edit: Edit, before: State, change: str) -> Reply:
        """Run the plan of an edit on the pictures of a state; say what is different about it."""
        given = dict(zip(input_names(len(before.pictures)), before.pictures, strict=True))
        missing = [name for name in edit.plan.inputs if name not in given]
        if missing:
            raise Refusal(f"the last edit took {len(edit.plan.inputs)} pictures; there are {len(given)} now")
        inputs = {name: given[name] for name in edit.plan.inputs}
        result = api.run_plan(
            edit.plan,
            inputs,
            **self._options,
        )
        return self._take(edit.request, result, before, change)

    def _plan(self, request: str) -> Reply:
        result = api.run(
            request,
            *self.state.pictures,
            planner=self._planner,
            **self._options,
            history=self._history() if self._reads_history else (),
        )
        return self._take(request, result, self.state, "")

    def _take(self, request: str, result: Result, before: State, change: str) -> Reply:
        """Go on with what a run has made, if it has made a picture."""
        said = "\n".join(filter(None, (change, result.answer)))
        if result.status != "done":
            said = "\n".join(map(str, result.problems)) or said or f"the request ended as {result.status}"
            return Reply(result.status, said, result=result)
        assert result.plan is not None
        state = next_state(before, Edit(request, result.plan, result), self._catalogue)
        if state is not None:
            self._enter(state)
        return Reply("done", said, changed=state is not None, result=result)

    @property
    def _options(self) -> dict[str, Any]:
        """What every run of the session is made with."""
        return {
            "profile": self._profile,
            "on_event": self._on_event,
            "home": self._home,
            "use_store": self._use_store,
            "catalogue": self._catalogue,
            "policy": self._policy,
            "repair": self._repair,
        }

    @property
    def _reads_history(self) -> bool:
        return bool(getattr(self._planner, "reads_history", True))

    def _history(self) -> Sequence[Turn]:
        edits = [state.edit for state in self._trail[: self._at + 1] if state.edit is not None]
        return [Turn(edit.request, edit.plan) for edit in edits[-MOST_TOLD:]]

    def _move(self, place: int, otherwise: str) -> Reply:
        if not 0 <= place < len(self._trail):
            return Reply("refused", otherwise)
        self._at = place
        return Reply("done", f"back at: {self.state.title}", changed=True)

    def _enter(self, state: State) -> None:
        """Go on with a state; what was undone before is given up."""
        self._trail = [*self._trail[: self._at + 1], state]
        self._at += 1


def _question(doubts: Sequence[str]) -> str:
    said = [repr(_SAY.get(name, name)) for name in doubts if name in COMMANDS]
    return f"say {' or '.join(said)} if that is meant, or the same again to have it done to the picture"
