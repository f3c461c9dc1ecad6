"""Commands of the models: judged, trained, made ready to be served."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.answering import JsonOption, answering, example, fail, print_json, said, say, table

app = typer.Typer()
ModelsArgument = Annotated[list[str] | None, typer.Argument(help="default: all models")]


@app.command(epilog=example("stormcycle evaluate smaat_unet --sequence nju_cpol_001_3.0km.nc"))
@answering
def evaluate(
    model: Annotated[str, typer.Argument(help="persistence, extrapolation, sprog, or a model; shown beside the references and the other models")],
    sequence: Annotated[Path | None, typer.Option("--sequence", help="a packed sequence (netCDF); default: those that the model's recipe shows")] = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="also draw the score curves of --sequence here (PNG)")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a model on every window of 10 + 10 frames of a packed sequence, beside the references, the other models and the MRKAN paper's figures."""
    from flows.cli.evaluating import ablation_table, cost_table, costs, evaluated, shown_sequences, shown_tables
    from stormcycle.serving import nowcast_names
    from stormcycle.verification import REFERENCES

    if model not in (*REFERENCES, *nowcast_names()):
        fail(f"There is no model {model!r}; known are {', '.join((*REFERENCES, *nowcast_names()))}.", 2)
    if sequence is None and (figure is not None or model in REFERENCES):
        fail("Name the sequence with --sequence: a reference has no recipe that shows some, and a figure is of one.", 2)
    documents = {path.name: evaluated(model, path, figure) for path in ([sequence] if sequence else shown_sequences(model))}
    spent = costs({name for document in documents.values() for name in document["in_sample_models"]})
    if as_json:
        whole = {name: {**document, "costs": spent} for name, document in documents.items()}
        print_json(whole[sequence.name] if sequence else {"sequences": whole})
        return
    for name, document in documents.items():
        shown_tables(model, name, document)
    cost_table(spent)
    ablation_table(model)


@app.command(epilog=example("stormcycle train smaat_unet --minutes 60"))
@answering
def train(
    model: Annotated[str, typer.Argument(help="a model with a recipe.yaml")],
    minutes: Annotated[float, typer.Option(min=0, help="how long to train now; the same command goes on later")] = float("inf"),
    as_json: JsonOption = False,
) -> None:
    """Make a model's weights and card from its recipe; interrupted, it goes on from its last checkpoint. Needs STORMCYCLE_DATA."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from stormcycle.home import expand
    from stormcycle.training import read_recipe, run_folder, shipped
    from stormcycle.training import train as follow
    from stormcycle.training.operator_recipe import is_operator

    if is_operator(model):
        _train_operator(model, minutes, as_json)
        return
    recipe, data = read_recipe(model), Path(expand("${STORMCYCLE_DATA}"))
    steps = recipe.steps
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=said, transient=True) as bar:
        task = bar.add_task("preparing", total=steps)

        def report(step: int, figures: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"step {step} of {steps}, loss {figures['loss']:.3f}, best score {figures['best']:.4f}")

        trained = follow(model, recipe, data, minutes * 60, lambda name: bar.update(task, description=f"windows of {name}"), report)
    version = shipped(model, recipe, trained, data).version if trained.done else None
    _told(model, trained.progress, steps, trained.done, version, run_folder(model, recipe), as_json)


def _train_operator(model: str, minutes: float, as_json: bool) -> None:
    """`train` of the radar operator, whose recipe names hours in place of events; simulated ones need no STORMCYCLE_DATA."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from stormcycle.training.operator import operator_folder, ship_operator, train_operator
    from stormcycle.training.operator_recipe import read_operator_recipe

    recipe = read_operator_recipe(model)
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=said, transient=True) as bar:
        task = bar.add_task("hours", total=recipe.steps)

        def prepared(number: int, _: dict[str, float]) -> None:
            bar.update(task, description=f"{number} hours")

        def report(step: int, figures: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"step {step} of {recipe.steps}, loss {figures['loss']:.3f}, best score {figures['best']:.4f}")

        trained = train_operator(model, recipe, minutes * 60, prepared, report)
    version = ship_operator(model, recipe, trained).version if trained.done else None
    _told(model, trained.progress, recipe.steps, trained.done, version, operator_folder(model, recipe), as_json)


def _told(model: str, progress: Any, steps: int, done: bool, version: str | None, folder: Path, as_json: bool) -> None:
    """Answer how far a training has come."""
    if as_json:
        print_json({"model": model, "step": progress.step, "best": progress.best, "done": done, "version": version})
    elif done:
        say(f"{model}: {progress.step} steps, best score {progress.best:.4f}; weights and card written, version {version}")
    else:
        say(f"{model}: step {progress.step} of {steps}, best score {progress.best:.4f}; the same command goes on. Checkpoint: {folder}")


@app.command(epilog=example("stormcycle export"))
@answering
def export(
    models: ModelsArgument = None,
    to: Annotated[Path | None, typer.Option("--to", help="default: $STORMCYCLE_HOME/models, which `up` serves")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make what Triton serves from weights and cards: config.pbtxt and ONNX, seconds a model; what is there already stays."""
    from stormcycle.export import ExportError, export_model
    from stormcycle.serving import ServingError, model_names, served_repository

    made, wrong = [], []
    for model in models or model_names():
        try:
            made.append(export_model(model, to or served_repository()))
        except (ExportError, ServingError) as error:
            wrong.append(str(error))
    if as_json:
        print_json([{"model": one.model, "file": str(one.graph), "made": one.made, "seconds": round(one.seconds, 2)} for one in made])
    else:
        for one in made:
            say(f"{one.model}: {one.graph}, {f'made in {one.seconds:.1f} s' if one.made else 'was there'}")
    if wrong:
        fail(" ".join(wrong))


@app.command("build-plans", epilog=example("stormcycle build-plans --to /srv/models"))
@answering
def build_plans(
    to: Annotated[Path, typer.Option("--to", help="the repository that the Triton of this GPU serves")],
    models: ModelsArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Build TensorRT plans (FP16) on the GPU machine that serves them; a manifest names GPU, driver and TensorRT."""
    from dataclasses import asdict

    from stormcycle.export import build_plans as build
    from stormcycle.serving import nowcast_names

    plans = [asdict(plan) for plan in build(models or nowcast_names(), to)]
    print_json(plans) if as_json else table("Plans", list(plans[0]), [list(plan.values()) for plan in plans])
