# Two commands: `make quickstart` (embeddings by a model that comes with the package, then the main
# job on built-in sounds) and `make test`.
# The newest Python that every dependency has wheels for. It is started, not only looked up: version
# managers put names on the PATH for versions that are not in use.
PYTHON ?= $(shell for v in 14 13 12 11; do \
	python3.$$v -c "import venv" 2>/dev/null && command -v python3.$$v && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
RUN := runs/quickstart
# Python compiles a module when it is first imported, and keeps the result, also where the environment
# asks for the opposite; of most packages, few modules are ever imported.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/pip install --quiet --no-compile --config-settings editable_mode=compat --editable

.PHONY: quickstart test lint lint-types lint-others docs bench results federate web page-for-tests wheel clean

quickstart: $(VENV)/.run
	rm -rf $(RUN)
	$(BIN)/tiny-audio-ssl embed small builtin:1 --out $(RUN)/embeddings/builtin.npy
	@echo "That was a model that comes with the package. One of your own, on made-up sounds:"
	$(BIN)/tiny-audio-ssl pretrain builtin --out $(RUN) --task audio2vec-cbow --steps 300
	$(BIN)/tiny-audio-ssl probe $(RUN) --data builtin --group group
	$(BIN)/tiny-audio-ssl export $(RUN)
	$(BIN)/tiny-audio-ssl bench $(RUN)/export
	$(BIN)/tiny-audio-ssl inspect $(RUN)
	@echo
	@echo "Made-up sounds are for trying out. With recordings of your own:"
	@echo "  $(BIN)/tiny-audio-ssl pretrain FOLDER --out runs/mine --task audio2vec-cbow"
	@echo "  $(BIN)/tiny-audio-ssl export runs/mine"
	@echo "The two files for a phone are in runs/mine/export, with their manifest.json"

test: $(VENV)/.test page-for-tests
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

# Two parts, for `make --jobs 2`: mypy takes as long as all the others.
lint: lint-types lint-others

lint-types: $(VENV)/.test
	$(BIN)/mypy

lint-others: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_english.py tiny_audio_ssl export federated benchmarks docs examples tests README.md CONTRIBUTING.md

# The documentation site, without a network: a broken link, a page that no shelf lists or a tutorial
# that fails is an error.
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "To read it, with the search: $(BIN)/python -m http.server --directory site"

federate: $(VENV)/.federated
	rm -rf runs/federated
	$(BIN)/tiny-audio-ssl federate simulate --out runs/federated --rounds 10 --probe-every 2 --centralized
	@echo "The picture is runs/federated/federated.png; with recordings of your own:"
	@echo "  $(BIN)/tiny-audio-ssl federate simulate --source DATA.csv --group-column speaker"

bench: $(VENV)/.run
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/quality.py

# Writes docs/results.md, and the table in README.md, from benchmarks/results/*.csv.
results: $(VENV)/.run
	$(BIN)/python benchmarks/results_table.py

# The page of `export --web`, which is not in the repository: its packages are pinned, and checked by
# their hashes. The wheel has it, so that users need no npm.
WEB := export/web
PAGE := tiny_audio_ssl/export/page/index.html
PAGE_SOURCES := $(shell find $(WEB) -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

web: $(PAGE)

$(PAGE): $(PAGE_SOURCES)
	cd $(WEB) && npm ci --silent && npm run --silent build
	touch $@

page-for-tests:
	@if command -v npm >/dev/null; then $(MAKE) web; \
	elif [ -n "$$CI" ]; then echo "no npm: install it to test the page for browsers" >&2; exit 1; \
	else echo "no npm: the tests of the page for browsers are skipped"; fi

wheel: $(VENV)/.run web
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist site *.egg-info $(WEB)/node_modules $(WEB)/encoder/dist tiny_audio_ssl/export/page

# One pip call each, so that all pins are resolved together.
$(VENV)/.run: pyproject.toml | $(VENV)
	$(INSTALL) ".[executorch,onnx,eval]"
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)
	$(INSTALL) ".[executorch,onnx,eval,federated,peers,corpus,speech-lab,byproducts,docs,dev]"
	touch $@ $(VENV)/.run $(VENV)/.federated

$(VENV)/.federated: pyproject.toml | $(VENV)
	$(INSTALL) ".[executorch,onnx,eval,federated]"
	touch $@ $(VENV)/.run

$(VENV):
	$(PYTHON) -m venv $(VENV)
