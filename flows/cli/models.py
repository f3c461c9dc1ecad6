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
    from stormcycle.serving import model_names
    from stormcycle.verification import REFERENCES

    if model not in (*REFERENCES, *model_names()):
        fail(f"There is no model {model!r}; known are {', '.join((*REFERENCES, *model_names()))}.", 2)
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

    recipe, data = read_recipe(model), Path(expand("${STORMCYCLE_DATA}"))
    steps = recipe.steps
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=said, transient=True) as bar:
        task = bar.add_task("preparing", total=steps)

        def report(step: int, figures: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"step {step} of {steps}, loss {figures['loss']:.3f}, best score {figures['best']:.4f}")

        trained = follow(model, recipe, data, minutes * 60, lambda name: bar.update(task, description=f"windows of {name}"), report)
    progress = trained.progress
    result: dict[str, Any] = {"model": model, "step": progress.step, "best": progress.best, "done": trained.done, "version": None}
    if trained.done:
        result["version"] = shipped(model, recipe, trained, data).version
    if as_json:
        print_json(result)
    elif trained.done:
        say(f"{model}: {progress.step} steps, best score {progress.best:.4f}; weights and card written, version {result['version']}")
    else:
        say(f"{model}: step {progress.step} of {steps}, best score {progress.best:.4f}; the same command goes on. Checkpoint: {run_folder(model, recipe)}")


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
    from stormcycle.serving import model_names

    plans = [asdict(plan) for plan in build(models or model_names(), to)]
    print_json(plans) if as_json else table("Plans", list(plans[0]), [list(plan.values()) for plan in plans])
