"""Training: a model's recipe followed by one loop for all networks; its end is weights and a card in the model repository."""

from stormcycle.training.recipe import Recipe, RecipeError, read_recipe, recipe_names
from stormcycle.training.run import run_folder, shipped, train

__all__ = ["Recipe", "RecipeError", "read_recipe", "recipe_names", "run_folder", "shipped", "train"]
