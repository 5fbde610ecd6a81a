"""Settings are in pyproject.toml. This copies the recipes in `export/` into the package, and warns
where the page for browsers is not built."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Builds the package with `export/*.toml`; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            if not Path("tiny_audio_ssl", "export", "page", "index.html").is_file():
                self.warn("without the page of `export --web`: `make wheel` builds it first")
            target = Path(self.build_lib, "tiny_audio_ssl", "export", "recipes")
            self.mkpath(str(target))
            for recipe in sorted(Path("export").glob("*.toml")):
                self.copy_file(str(recipe), str(target / recipe.name))


setup(cmdclass={"build_py": BuildWithRecipes})
