"""The images' install steps, run as their Dockerfiles say in clean folders: COPY and RUN, then the programs themselves.

What needs a container engine or root's own system (FROM, apt-get, useradd) is checked by reading only.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plantroom_cloud.config import load_cloud_config
from tests.servers.influxdb import InfluxDb
from tests.servers.influxdb2 import ADMIN_TOKEN, InfluxDb2
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.process import Server

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("edge", "cloud", "sim")
#: What a gateway must not bring: web frameworks, ORMs, database drivers, HTTP clients, InfluxDB's client.
NOT_ON_A_GATEWAY = {
    *("fastapi", "starlette", "uvicorn", "jinja2", "sqlmodel", "sqlalchemy", "alembic", "psycopg", "psycopg-binary"),
    *("influxdb-client", "httpx", "requests", "aiohttp", "flask", "django", "apscheduler", "reportlab", "numpy"),
}
BUDGET_MB = {"edge": 90, "cloud": 220, "sim": 110}


@dataclass
class Stage:
    """One FROM and what follows."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(name: str) -> list[Stage]:
    """A Dockerfile's stages with their instructions; continued lines joined, comments dropped."""
    text = (ROOT / "docker" / name / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, stage = rest.partition(" AS ")
            found.append(Stage(base, stage))
        else:
            found[-1].steps.append((word, rest.strip()))
    return found


class Image:
    """One image's stages as folders; /src and /opt/plantroom lie in them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.prefix = folder / "opt"
        self.stages = stages(name)
        for stage in self.stages[:-1]:
            self._build(stage)

    @property
    def bin(self) -> Path:
        return self.prefix / "bin"

    def last(self, word: str) -> str:
        """An instruction of the stage that runs."""
        return next(rest for step, rest in self.stages[-1].steps if step == word)

    def run(self, *command: str | Path, ok: bool = True) -> str:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
        assert (done.returncode == 0) is ok, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def _build(self, stage: Stage) -> None:
        source = self.folder / stage.name
        source.mkdir(parents=True)
        for step, rest in stage.steps:
            if step == "COPY":
                self._copy(rest, source)
            elif step == "RUN" and "apt-get" not in rest:
                command = rest.replace("/opt/plantroom", str(self.prefix)).replace(
                    " --no-cache-dir", " -q --no-compile"
                )
                command = re.sub(r"^python3? ", f"{shlex.quote(sys.executable)} ", command)
                subprocess.run(["bash", "-euc", command], cwd=source, check=True, capture_output=True, timeout=600)

    def _copy(self, rest: str, into: Path) -> None:
        parts = rest.split()
        origin = ROOT
        if parts[0].startswith("--from="):
            origin = self.folder / parts.pop(0).removeprefix("--from=")
            parts = [part.removeprefix("/src/") for part in parts]
        *sources, target = parts
        for source in sources:
            place = into / target / Path(source).name if target.endswith("/") or target == "." else into / target
            if (origin / source).is_dir():
                kept = shutil.ignore_patterns("__pycache__", *([] if origin != ROOT else ["vendor"]))
                shutil.copytree(origin / source, into / target, dirs_exist_ok=True, ignore=kept)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(origin / source, place)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Image]]:
    made: dict[str, Image] = {}

    def get(name: str) -> Image:
        if name not in made:
            made[name] = Image(name, tmp_path_factory.mktemp(f"image-{name}"))
        return made[name]

    yield get
    for item in made.values():
        shutil.rmtree(item.folder, ignore_errors=True)


@pytest.mark.parametrize("name", NAMES)
def test_what_runs_is_small_not_root_and_watched(name: str) -> None:
    *build, last = stages(name)
    words = [step for step, _ in last.steps]
    assert build, "built in stages"
    assert "slim" in last.base
    assert not any("apt-get" in rest or "pip" in rest for step, rest in last.steps if step == "RUN")
    [user] = [rest for step, rest in last.steps if step == "USER"]
    assert user != "root"
    assert any(
        step == "RUN" and "useradd" in rest and rest.split(" && ")[0].endswith(user) for step, rest in last.steps
    )
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "HEALTHCHECK" in words
    copied = [rest for step, rest in last.steps if step == "COPY"]
    assert all(rest.startswith("--from=build ") for rest in copied), "nothing of the build stays"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_its_steps_install_the_program(name: str, image: Callable[[str], Image]) -> None:
    built = image(name)
    program = json.loads(built.last("ENTRYPOINT"))[0]
    assert "Usage" in built.run(built.bin / program, "--help")
    assert built.run(built.bin / program, "--version")
    packages = built.prefix / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file() and "/pip/" not in str(file))
    assert size / 1e6 < BUDGET_MB[name], f"{size / 1e6:.0f} MB"
    assert (packages / "plantroom_shared/library/profiles/eastron/sdm630.yaml").is_file()


@pytest.mark.timeout(600)
def test_a_gateway_brings_no_web_framework_no_orm_no_influxdb_client(image: Callable[[str], Image]) -> None:
    listed = json.loads(image("edge").run(image("edge").bin / "python", "-m", "pip", "list", "--format=json"))
    assert not {item["name"].lower().replace("_", "-") for item in listed} & NOT_ON_A_GATEWAY


@pytest.mark.timeout(600)
def test_the_control_plane_brings_its_pages_and_migrations(image: Callable[[str], Image]) -> None:
    code = "import plantroom_cloud, pathlib; print(pathlib.Path(plantroom_cloud.__file__).parent)"
    folder = Path(image("cloud").run(image("cloud").bin / "python", "-c", code).strip())
    for wanted in (
        "templates/layout.html",
        "static/css/app.css",
        "static/vendor/tabler.min.css",
        "static/vendor/echarts.min.js",
    ):
        assert (folder / "web" / wanted).is_file(), wanted
    code = (
        "from plantroom_cloud.language import CHINESE, Reader, gettext, written_for, script_texts\n"
        "with written_for(Reader(CHINESE)): print(gettext('Log in'), script_texts(CHINESE)['no network'])"
    )
    said = image("cloud").run(image("cloud").bin / "python", "-X", "utf8", "-c", code)
    assert said.split() == ["登录", "无网络"], "the installed program has its catalogue"
    ours = {path.name for path in (ROOT / "cloud/plantroom_cloud/migrations/versions").glob("*.py")}
    assert {path.name for path in (folder / "migrations/versions").glob("*.py")} == ours


@pytest.mark.timeout(600)
def test_gateway_and_simulators_tell_their_health(
    image: Callable[[str], Image], tmp_path: Path, broker: Mosquitto
) -> None:
    sim, edge = image("sim"), image("edge")
    port = free_port()
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text((ROOT / "docker/scenario.yaml").read_text().replace("5020", str(port)))
    data = str(tmp_path / "sim")
    command = [part.replace("/etc/plantroom", str(tmp_path)) for part in json.loads(sim.last("CMD"))]
    healthy = _check(sim, {"/tmp/plantroom-sim": data})
    assert not healthy(), "before it runs"
    simulators = Server(
        "simulators",
        [sim.bin / "plantroom-sim", *(part.replace("/tmp/plantroom-sim", data) for part in command)],
        log=tmp_path / "sim.log",
        ready=healthy,
    )
    simulators.start(60)
    gateway = tmp_path / "gateway.yaml"
    text = (ROOT / "docker/gateway.yaml").read_text().replace("/var/lib/plantroom-edge", str(tmp_path / "edge"))
    text = text.replace("host: simulators, port: 5020", f"host: 127.0.0.1, port: {port}")
    text = re.sub(r"mqtt: \{.*\}", f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}", text)
    gateway.write_text(text)
    edge.run(edge.bin / "plantroom-edge", "check", "-c", gateway)
    edge.run(edge.bin / "plantroom-edge", "probe", "-c", gateway)
    healthy = _check(edge, {"/etc/plantroom": str(tmp_path)})
    assert not healthy(), "before it runs"
    agent = Server(
        "edge", [edge.bin / "plantroom-edge", "run", "-c", gateway], log=tmp_path / "edge.log", ready=healthy
    )
    agent.start(60)
    for server in (agent, simulators):
        begun = time.monotonic()
        server.stop()
        assert server.exit_code == 0, f"{server.name} ends when it is told to ({time.monotonic() - begun:.0f} s)"


@pytest.mark.timeout(600)
def test_the_control_plane_tells_its_health(image: Callable[[str], Image], tmp_path: Path, broker: Mosquitto) -> None:
    cloud = image("cloud")
    metrics = free_port()
    config = tmp_path / "cloud.yaml"
    config.write_text(
        f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\nweb: {{port: {free_port()}}}\nmetrics: {{port: {metrics}}}\n"
    )
    healthy = _check(cloud, {"9090": str(metrics)})
    assert not healthy()
    command = [part.replace("/etc/plantroom", str(tmp_path)) for part in json.loads(cloud.last("CMD"))]
    server = Server("cloud", [cloud.bin / "plantroom-cloud", *command], log=tmp_path / "cloud.log", ready=healthy)
    server.start(60)
    server.stop()
    assert server.exit_code == 0


@pytest.mark.timeout(600)
def test_the_composed_set_up_makes_what_the_others_need(
    image: Callable[[str], Image], influxdb: InfluxDb, tmp_path: Path
) -> None:
    """docker/compose-setup with the program of the image, its folders moved; twice, as compose may start it again."""
    cloud = image("cloud")
    broker, data, edge = (tmp_path / name for name in ("broker", "data", "edge"))
    for folder in (broker, data, edge, tmp_path / "bin"):
        folder.mkdir()

    def moved(text: str) -> str:
        text = text.replace("/var/lib/plantroom/broker", str(broker)).replace("/var/lib/plantroom/data", str(data))
        return text.replace("/edge", str(edge)).replace("/etc/plantroom", str(tmp_path))

    influx = InfluxDb2(influxdb.url, "images_", by_name=True)
    influx.start()
    try:
        config = moved((ROOT / "docker/cloud.yaml").read_text()).replace("http://influxdb:8086", influx.url)
        (tmp_path / "cloud.yaml").write_text(config)
        program = tmp_path / "bin" / "plantroom-cloud"
        program.write_text(f'#!/bin/sh\nexec {cloud.bin}/plantroom-cloud "$@" -c {tmp_path}/cloud.yaml\n')
        program.chmod(0o755)
        (tmp_path / "bin" / "chown").symlink_to("/bin/true")  # only root may
        environment = {
            "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
            "PLANTROOM_DATABASE_URL": f"sqlite:///{tmp_path}/plantroom.db",
            "INFLUX_ADMIN_TOKEN": ADMIN_TOKEN,
        }
        made = []
        for _ in range(2):
            script = moved((ROOT / "docker/compose-setup").read_text())
            subprocess.run(["sh", "-c", script], env=environment, check=True, timeout=300)
            made.append({path: path.read_bytes() for path in (broker / "ca.pem", *data.iterdir(), *edge.iterdir())})
        assert made[0] == made[1], "a second start changes nothing"
        assert len(influx.buckets) == 5
        assert len(influx.tokens) == 1
    finally:
        influx.stop()
    assert (data / "influx.token").read_text().strip() in influx.tokens
    assert {path.name for path in edge.iterdir()} >= {"gw-demo.password", "ca.pem"}
    wanted = {"ca.pem", "server.pem", "server.key", "crl.pem", "passwd", "acl", "cloud.password"}
    assert wanted <= {path.name for path in broker.iterdir()}
    load_cloud_config(tmp_path / "cloud.yaml", {})


def _check(image: Image, places: dict[str, str]) -> Callable[[], bool]:
    """The image's HEALTHCHECK as a function, with its paths and ports moved."""
    text = image.last("HEALTHCHECK").partition("CMD ")[2]
    for old, new in places.items():
        text = text.replace(old, new)
    program, *arguments = json.loads(text)

    def healthy() -> bool:
        return subprocess.run([image.bin / program, *arguments], capture_output=True, timeout=60).returncode == 0

    return healthy
