"""`vbench image`: build, list, carry and remove the workload images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vbench.image import Image

app = typer.Typer(name="image", help="The workload image: one root for every target.", no_args_is_help=True)


@app.command()
def build(
    recipe: Annotated[Path | None, typer.Option(help="A recipe of your own, in TOML.")] = None,
    architecture: Annotated[str | None, typer.Option(help="Debian's name of a foreign one, such as arm64.")] = None,
    *,
    xen: Annotated[bool, typer.Option("--xen", help="With the Xen hypervisor, for the target tcg-xen.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build even if the image is there.")] = False,
) -> None:
    """Build the image of a recipe, or find it built."""
    from rich.console import Console

    from vbench import image

    wanted = image.load_recipe(recipe) if recipe else image.load_recipe()
    wanted = wanted.on(architecture) if architecture else wanted
    wanted = image.with_xen(wanted) if xen else wanted
    console = Console(stderr=True)
    with console.status("building the image") as status:
        done = image.build(wanted, status.update if console.is_terminal else typer.secho, fresh=fresh)
    typer.echo(done.digest)


@app.command("list")
def list_(*, json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List the images, the newest first."""
    from vbench import image

    found = image.images()
    if json:
        _print_json(found)
    elif found:
        _print_table(found)
    else:
        typer.echo("There is no workload image. Run `vbench image build`, or `vbench image import FILE`.")


@app.command()
def remove(name: str) -> None:
    """Remove the image whose digest begins with NAME, and what containers keep of it."""
    from vbench import image
    from vbench.targets import engines

    found = image.find(name)
    image.remove(found)
    engines.forget(found)


@app.command()
def export(name: str, file: Path) -> None:
    """Write an image to FILE, packed with zstd if that ends in .zst."""
    from vbench import image

    image.export(image.find(name), file)


@app.command("import")
def import_(file: Path) -> None:
    """Take in an exported image; every digest is checked."""
    from vbench import image

    typer.echo(image.import_(file).digest)


def _print_json(found: "list[Image]") -> None:
    import json

    listed = [one.manifest.model_dump(by_alias=True) | {"path": str(one.root)} for one in found]
    typer.echo(json.dumps({"schema": "vbench.images/1", "images": listed}, indent=1))


def _print_table(found: "list[Image]") -> None:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

    from vbench.units import format_value

    table = Table(box=None)
    for heading in ("image", "created", "suite", "kernel", "size"):
        table.add_column(heading, no_wrap=True)
    for one in found:
        says = one.manifest
        created = datetime.fromtimestamp(says.created).astimezone().strftime("%Y-%m-%d %H:%M")
        kernel = says.kernel.release if says.kernel else "-"
        size = format_value(says.files["rootfs.tar"].size, "B")
        kind = " ".join([says.suite, says.architecture, *(["xen"] if "xen" in says.files else [])])
        table.add_row(one.short, created, kind, kernel, size)
    Console().print(table)
