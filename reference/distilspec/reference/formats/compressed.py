"""Reading what ``distilspec compress`` leaves in a folder: a student, its programs, and where its teacher is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from distilspec.reference.contract.errors import FormatError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.formats.hugging_face import load_folder
from distilspec.reference.formats.json_file import read_json
from distilspec.reference.formats.saved import load_program
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate

#: What the folder of a result holds: the pipeline, the student, its programs, what stays in float32, its teacher.
PIPELINE, STUDENT, PROGRAMS, QUANTISATION, TEACHER = (
    "pipeline.json", "student", "programs", "quantisation.json", "teacher.json"
)  # fmt: skip


@dataclass(frozen=True)
class Compressed:
    """The result of a pipeline in ``folder``."""

    folder: Path

    @property
    def student(self) -> Path:
        """Return the student's Hugging Face folder."""
        return self.folder / STUDENT

    @cached_property
    def programs(self) -> Mapping[Recipe, Path]:
        """Return the folders of the programs that are saved, by recipe; none before they are exported."""
        folders = {recipe: self.folder / PROGRAMS / recipe.value for recipe in Recipe}
        return {recipe: folder for recipe, folder in folders.items() if (folder / "program.json").is_file()}

    @property
    def teacher(self) -> Path | None:
        """Return the teacher's Hugging Face folder, or None where it is not named or not there."""
        path = self.folder / TEACHER
        if not path.is_file():
            return None
        named = read_json(path, dict).get("folder")
        if not isinstance(named, str):
            raise FormatError(f"{path}: folder is {named!r:.60}; expected the path of a folder")
        found = self.folder / named
        return found if (found / "config.json").is_file() else None

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """
        Return what the pipeline chose under each recipe, by its name; none before it has quantised.

        ``kept`` are the Linears that stay in float32. A file of an earlier version holds one recipe, which its pipeline
        names.
        """
        fields = self._quantisation
        if "recipes" not in fields and "kept" in fields:
            section = read_json(self.folder / PIPELINE, dict).get("quantisation") or {}
            fields = {"recipes": {section.get("recipe", Recipe.W8A8_STATIC.value): fields}}
        choices = fields.get("recipes", {})
        for choice in choices.values() if isinstance(choices, dict) else (choices,):
            self._expect_names(choice)
        return {name: {key: choice[key] for key in choice if key != "ranges"} for name, choice in choices.items()}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the calibrated ranges of the activations; none where no recipe needs them."""
        return {name: (low, high) for name, (low, high) in self._quantisation.get("ranges", {}).items()}

    def kept(self, recipe: Recipe) -> list[str]:
        """Return the Linears that stay in float32; under a recipe that the pipeline does not name, as in its first."""
        choices = self.choices
        if recipe is Recipe.FP32 or not choices:
            return []
        return list(choices[recipe.value if recipe.value in choices else next(iter(choices))]["kept"])

    def _expect_names(self, choice: Any) -> None:
        names = choice.get("kept") if isinstance(choice, dict) else choice
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise FormatError(f"{self.folder / QUANTISATION}: kept is {names!r:.60}; expected a list of names")

    @property
    def _quantisation(self) -> dict[str, Any]:
        path = self.folder / QUANTISATION
        return read_json(path, dict) if path.is_file() else {}

    def program(self, recipe: Recipe, batches: Sequence[Mapping[str, Array]]) -> Program:
        """
        Return the program that is saved under a recipe, or one of the same weights that keeps Linears as ``kept`` says.

        Parameters
        ----------
        recipe : Recipe
        batches : sequence of inputs
            On which a static recipe is calibrated that no saved program has.

        Raises
        ------
        ContractError
            As ``load_program``, ``load_folder`` and ``apply_recipe``.
        """
        if recipe in self.programs:
            return load_program(self.programs[recipe])
        return self.applied(recipe, batches)

    def applied(self, recipe: Recipe, batches: Sequence[Mapping[str, Array]]) -> Program:
        """
        Return a recipe applied to the float32 program, whether or not one is saved under it; ``kept`` holds.

        Parameters
        ----------
        recipe : Recipe
        batches : sequence of inputs
            On which a static recipe is calibrated.

        Raises
        ------
        ContractError
            As ``load_program``, ``load_folder``, ``calibrate`` and ``apply_recipe``.
        """
        saved = self.programs.get(Recipe.FP32)
        program = load_program(saved) if saved else load_folder(self.student).program
        ranges = calibrate(program, batches, recipe=recipe) if recipe.is_calibrated else None
        return apply_recipe(program, recipe, calibration=ranges, keep=self.kept(recipe))


def find_compressed(folder: str | Path) -> Compressed | None:
    """Return the result that a folder holds, or of which it is the student, or None."""
    path = Path(folder)
    candidates = (path, path.parent) if path.name == STUDENT else (path,)
    for candidate in candidates:
        if (candidate / PIPELINE).is_file() and (candidate / STUDENT / "config.json").is_file():
            return Compressed(candidate)
    return None
