# `make demo` and `make test` set up what they need: once, and again when it has changed.

PYTHON ?= python3
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet

# The hundreds of processes that the tests start would compile the program again and again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: cluster package deploy-check demo lock test bench results picture cron matrix mornings soak kills stalls notices pages clean browser database

demo: .venv/packages browser
	@.venv/bin/python main.py rehearse $(if $(WEB),--web)

test: .venv/tools browser database
	@.venv/bin/ruff format --check
	@.venv/bin/ruff check
	@.venv/bin/mypy
	@.venv/bin/pytest -n 3 --dist worksteal

bench: .venv/packages
	@.venv/bin/python -m tests.benchmarks $(if $(QUICK),--quick)

# What was measured last, into README.md, docs/results.md and the drawings.
results: .venv/packages
	@.venv/bin/python -m tests.benchmarks.results

# Attacks on the promise of at most one reservation; each writes build/<name>.json.
matrix mornings soak kills stalls notices pages: .venv/packages
	@.venv/bin/python -m tests.proofs.$@

# A real cron daemon books with the lines that `main.py cron --install` writes; in build/cron.json.
cron: .venv/packages browser
	@.venv/bin/python -m tests.proofs.cron

# Installed by pip, pipx and uv, as far as they are here, in a clean home; uv and pipx may lie in .venv.
package: .venv/packages
	@.venv/bin/python -m tests.proofs.package

# Every file of deploy/, by the programs that read them; nothing is installed for it.
deploy-check: .venv/packages
	@.venv/bin/python -m tests.proofs.deploy

# The README's picture, from a real rehearsal.
picture: .venv/packages browser
	@.venv/bin/python -m tests.benchmarks.picture

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Installs packages of the system if the caller may; else, or when that fails, says what is missing.
# dpkg wants the sbin folders, which cron and users without rights do not have on their path.
install = { PATH="$$PATH:/usr/sbin:/sbin"; root=; [ "$$(id -u)" = 0 ] || root='sudo -n'; \
	command -v apt-get >/dev/null && $$root true 2>/dev/null && echo 'Installing $(1)' >&2 && \
	$$root apt-get -qq update && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(1) >/dev/null; } \
	|| { echo $(2) >&2; exit 1; }

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'Python 3.11 or newer is needed; name another one like this: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		$(call install,$(notdir $(PYTHON))-venv,'Please install $(notdir $(PYTHON))-venv and try again.')
	@echo 'Making the virtual environment .venv' >&2
	@$(PYTHON) -m venv .venv
	@$(PIP) install --upgrade pip
	@touch $@

.venv/packages: requirements.lock .venv/made
	@echo 'Installing the packages of requirements.lock' >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

.venv/tools: tools.lock .venv/packages
	@echo 'Installing the tools of make test' >&2
	@$(PIP) install --require-hashes -r requirements.lock -r tools.lock
	@touch $@

# What is installed, with the packages that those of requirements.txt and of pyproject.toml need, for every Python and
# machine that we support: write the wanted versions there, call this, and commit both.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
lock: .venv/made
	@$(PIP) install uv==0.13.9
	@$(COMPILE) requirements.txt -o requirements.lock >/dev/null
	@$(COMPILE) --group dev -c requirements.lock -o tools.lock >/dev/null

found = $(firstword $(foreach name,$(1),$(shell command -v $(name) 2>/dev/null)))
CHROME = $(or $(CHROME_BINARY),$(call found,google-chrome google-chrome-stable chromium chromium-browser))
# For Google's Chrome the program itself downloads the driver that fits.
DRIVER = $(or $(CHROMEDRIVER),$(call found,chromedriver google-chrome google-chrome-stable))

browser:
	@$(if $(and $(CHROME),$(DRIVER)),:,$(call install,chromium chromium-driver,\
		'Please install chromium and chromium-driver (on Ubuntu: Google Chrome) and try again.'))

# Debian keeps the programs of PostgreSQL off the path.
database:
	@$(if $(or $(call found,initdb),$(wildcard /usr/lib/postgresql/*/bin/initdb)),:,$(call install,postgresql,\
		'Please install postgresql and try again.'))

cluster: .venv/packages database
	@.venv/bin/python -m tests.cluster
