"""`make deploy-check`: every file of deploy/ verified, as far as a machine without a registry of images can.

The programs that know these files come from Debian's packages, unpacked below build/ and not installed; where
one is not to be had, the line says so. Exit code 1: something is wrong; 77: something is not verified.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parents[2]
DEPLOY = HERE / "deploy"
ROOT = HERE / "build/deploy"
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
# What cloud-init needs to read a file, and no more.
CLOUD_INIT = """
    cloud-init python3-yaml python3-jsonschema python3-configobj python3-jinja2 python3-markupsafe
    python3-attr python3-pyrsistent python3-oauthlib python3-jsonpatch python3-json-pointer python3-requests
    python3-urllib3 python3-idna python3-certifi python3-chardet python3-charset-normalizer
    python3-netifaces python3-serial
    python3-six
"""
# Of a service in compose.yaml.
KEYS = {"image", "build", "env_file", "volumes", "restart", "init", "security_opt", "cap_drop", "entrypoint"}
KEYS |= {"command", "environment", "ports", "healthcheck", "depends_on", "shm_size", "stop_grace_period"}
SKIPPED = 77


class Missing(Exception):
    """A program that is not to be had here."""


def called(command: Sequence[str], **more: str) -> str:
    """What *command* prints; raises ValueError when it fails."""
    result = subprocess.run(
        command, env={**os.environ, **more}, capture_output=True, text=True, check=False, timeout=300
    )
    if result.returncode or "warning" in result.stderr.lower():
        raise ValueError((result.stderr + result.stdout).strip()[-1000:])
    return result.stdout


def unpacked(*packages: str) -> Path:
    """A folder with these packages of Debian, which are not installed; raises `Missing`."""
    root = ROOT / packages[0]
    if not (root / "usr").exists():
        root.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", "-qq", "download", *packages]
        got = subprocess.run(command, cwd=root, capture_output=True, check=False)
        if got.returncode:
            raise Missing(f"{packages[0]} cannot be had from Debian's packages here")
        for package in root.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, root], check=True)
    return root


def dockerfile() -> str:
    """Each instruction is known, each file it copies is here, and the program ends up not as root."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    steps = [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if not line.startswith(" ")]
    if unknown := {name for name, _ in steps} - INSTRUCTIONS:
        raise ValueError(f"unknown instructions: {unknown}")
    for name, rest in steps:
        for source in rest.split()[:-1] if name == "COPY" else []:
            if not (HERE / source).exists():
                raise ValueError(f"COPY {source}: no such file")
        if name == "RUN":
            called(["sh", "-n", "-c", rest])
    if dict(steps)["USER"] == "root" or "HEALTHCHECK" not in dict(steps):
        raise ValueError("runs as root, or has no health check")
    ends = shlex.split(dict(steps)["ENTRYPOINT"].strip("[]").replace(",", " "))[1:]
    called([sys.executable, str(HERE / ends[0]), "--help"])
    return "each instruction, file and shell command read; not built: that needs a registry"


def yaml(name: str) -> object:
    """What is in a YAML file, read by Debian's parser."""
    read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    path = unpacked(*CLOUD_INIT.split()) / "usr/lib/python3/dist-packages"
    return json.loads(called(["/usr/bin/python3", "-c", read, str(DEPLOY / name)], PYTHONPATH=str(path)))


def compose() -> str:
    """By Docker when it has compose, else by hand the parts that we use."""
    docker = shutil.which("docker")
    if (
        docker
        and not subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        called([docker, "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "--no-env-resolution", "-q"])
        return "docker compose config"
    content = yaml("compose.yaml")
    assert isinstance(content, dict)
    for name, service in content["services"].items():
        if unknown := set(service) - KEYS:
            raise ValueError(f"{name}: unknown: {unknown}")
        for volume in service["volumes"]:
            if volume.partition(":")[0] not in content["volumes"]:
                raise ValueError(f"{name}: no volume {volume}")
        if absent := set(service.get("depends_on", {})) - set(content["services"]):
            raise ValueError(f"{name}: depends on {absent}")
        if not (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists():
            raise ValueError(f"{name}: no Dockerfile")
        for word in service["command"]:
            called(["sh", "-n", "-c", word.replace("$$", "$")])
    return "read by Debian's YAML parser; keys, volumes, services and shell commands looked at by hand"


def units() -> str:
    """By systemd, with this machine's Python in the place of the one that is not installed yet."""
    if not shutil.which("systemd-analyze"):
        raise Missing("systemd-analyze is not here")
    place = ROOT / "units"
    place.mkdir(parents=True, exist_ok=True)
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/opt/first-serve/.venv/bin/python", sys.executable)
        (place / path.name).write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, place.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode or said.stderr.strip():
        raise ValueError(said.stderr.strip()[-1000:])
    return "systemd-analyze verify"


def caddyfile() -> str:
    """By Caddy."""
    caddy = shutil.which("caddy") or str(unpacked("caddy") / "usr/bin/caddy")
    called([caddy, "adapt", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")])
    return "caddy adapt"


def cloud_init() -> str:
    """By cloud-init's own schema; the files of ours that it names are here."""
    path = unpacked(*CLOUD_INIT.split()) / "usr/lib/python3/dist-packages"
    schema = ["/usr/bin/python3", "-m", "cloudinit.cmd.main", "schema", "-c"]
    called([*schema, str(DEPLOY / "cloud-init.yaml")], PYTHONPATH=str(path))
    text = (DEPLOY / "cloud-init.yaml").read_text()
    for name in re.findall(r"/opt/first-serve/((?:deploy|requirements)[\w./-]*)", text):
        if not any(HERE.glob(f"{name}*")):
            raise ValueError(f"{name}: no such file")
    return "cloud-init schema"


def readme() -> str:
    """Every file that it names is there."""
    text = (DEPLOY / "README.md").read_text()
    names = [HERE / name for name in re.findall(r"`(deploy/[^`]+)`", text)]
    names += [DEPLOY / name for name in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    if absent := [str(name) for name in names if not name.exists()]:
        raise ValueError(f"no such file: {', '.join(absent)}")
    return "the files it names are there"


CHECKS: dict[str, Callable[[], str]] = {
    "Dockerfile": dockerfile,
    "compose.yaml": compose,
    "systemd": units,
    "Caddyfile": caddyfile,
    "cloud-init.yaml": cloud_init,
    "README.md": readme,
}


def results() -> Iterator[tuple[str, str, int]]:
    """Each file of deploy/, how it was verified or what is wrong, and an exit code."""
    for path in sorted(DEPLOY.iterdir()):
        if path.name not in CHECKS:
            yield path.name, "nothing verifies it", 1
            continue
        try:
            yield path.name, CHECKS[path.name](), 0
        except Missing as missing:
            yield path.name, f"NOT VERIFIED: {missing}", SKIPPED
        except ValueError as wrong:
            yield path.name, f"WRONG: {wrong}", 1


def main() -> int:
    """Print a line for each file; returns the worst exit code."""
    codes = []
    for name, how, code in results():
        print(f"{name:<16} {how}", flush=True)
        codes.append(code)
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
