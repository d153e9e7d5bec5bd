"""What a recipe means: the passes that make an fp32 program INT8 or block-sparse, and their calibration."""

from distilspec.reference.recipes.apply import apply_recipe
from distilspec.reference.recipes.calibrate import calibrate
from distilspec.reference.recipes.prune import prune
from distilspec.reference.recipes.quantize_weight import quantize_weight

__all__ = ["apply_recipe", "calibrate", "prune", "quantize_weight"]
