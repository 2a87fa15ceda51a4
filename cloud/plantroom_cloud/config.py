"""The control plane's configuration: one validated object from YAML and the environment, read once."""

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plantroom_cloud.alarms.rationalisation import Matrix
from plantroom_cloud.errors import CloudError
from plantroom_shared.document import read_document
from plantroom_shared.errors import ConfigError
from plantroom_shared.mistake import describe


class CloudConfigError(CloudError):
    """The configuration cannot be used; says which key and what would be right."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mqtt(_Strict):
    """The broker."""

    host: str = "127.0.0.1"
    port: int = Field(default=8883, ge=1, le=65535)
    username: str = "plantroom-cloud"
    password: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    version: Literal["5", "3.1.1"] = "5"  #: 3.1.1 for a broker that has no more

    def read_password(self) -> str:
        """From the file where there is one."""
        return self.password_file.read_text().strip() if self.password_file is not None else self.password


class Telemetry(_Strict):
    """Where values over time are kept."""

    store: Literal["sqlite", "influxdb"] = "sqlite"
    path: Path = Path("telemetry.db")
    url: str = "http://127.0.0.1:8086"
    database: str = "plantroom"
    username: str = ""
    password: str = ""
    token: str = ""
    token_file: Path | None = None
    raw_days: int = Field(default=90, ge=1)
    minute_days: int = Field(default=400, ge=1)  #: windows of 1 minute
    quarter_hour_days: int = Field(default=1_830, ge=1)  #: of 15 minutes
    hour_days: int = Field(default=3_660, ge=1)
    day_days: int = Field(default=7_320, ge=1)
    journal_mb: int = Field(default=2_000, ge=1)  #: what waits while the store is away; beyond it gateways keep theirs

    @model_validator(mode="after")
    def _longer_windows_last_longer(self) -> Self:
        """A window is made of shorter ones: they must be there."""
        kept = (self.raw_days, self.minute_days, self.quarter_hour_days, self.hour_days, self.day_days)
        if list(kept) != sorted(kept):
            names = "raw_days, minute_days, quarter_hour_days, hour_days, day_days"
            raise ValueError(f"{names}: each must be at least as long as the one before it; they are {kept}")
        return self


class Web(_Strict):
    """The page and the API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    secure_cookies: bool = False  #: behind TLS: true


class Metrics(_Strict):
    """Health and Prometheus figures, on a port of their own."""

    host: str = "127.0.0.1"
    port: int = Field(default=9090, ge=0, le=65535)


#: Of Chrome and Edge, Firefox, Windows, Safari.
PUSH_SERVICES = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "push.services.mozilla.com",
    "notify.windows.com",
    "push.apple.com",
)


class Notifications(_Strict):
    """How people are reached besides the page; without `smtp_host` no e-mail, without `contact` no Web Push."""

    base_url: str = ""  #: of the page, for links; empty: http://host:port of `web`
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: bool = True  #: false: only where the server offers it
    smtp_tls_at_once: bool | None = None  #: TLS from the first byte, no STARTTLS; none: where the port is 465
    smtp_ca_file: Path | None = None  #: who signed the mail server's certificate; none: those that the system trusts
    smtp_username: str = ""
    smtp_password: str = ""
    smtp_password_file: Path | None = None
    mail_from: str = "plantroom@localhost"
    contact: str = ""  #: "mailto:operations@example.org": whom a push service may write to (RFC 8292)
    vapid_file: Path = Path("vapid.pem")  #: made at the first start
    push_services: tuple[str, ...] = PUSH_SERVICES  #: hosts, with all below them; a browser's subscription names one

    def read_smtp_password(self) -> str:
        """From the file where there is one."""
        file = self.smtp_password_file
        return file.read_text().strip() if file is not None else self.smtp_password


class Access(_Strict):
    """Gates."""

    log_days: int = Field(default=400, ge=1)  #: who passed where is about people: forgotten after so long


class Costs(_Strict):
    """What work costs."""

    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")  #: of all amounts: a code of ISO 4217


class WorkOrders(_Strict):
    """How work ends."""

    #: an alarm that comes back so soon after its order was closed opens that order again instead of another; 0: never;
    #: of rules that say no time of their own
    recurrence_min: int = Field(default=60, ge=0, le=30 * 24 * 60)


class CloudConfig(_Strict):
    """cloud.yaml."""

    database_url: str = "sqlite:///plantroom.db"
    mqtt: Mqtt = Mqtt()
    telemetry: Telemetry = Telemetry()
    web: Web = Web()
    metrics: Metrics = Metrics()
    notifications: Notifications = Notifications()
    access: Access = Access()
    costs: Costs = Costs()
    work_orders: WorkOrders = WorkOrders()
    alarms: Matrix = Matrix()  #: severity by consequence and time to respond
    broker_dir: Path = Path("broker")  #: password file, access list and certificates of the broker


def load_cloud_config(
    path: Path, environment: dict[str, str] | None = None, *, before_setup: bool = False
) -> CloudConfig:
    """Read cloud.yaml, then PLANTROOM_DATABASE_URL and PLANTROOM_TELEMETRY_TOKEN; relative paths are relative to the
    file. `before_setup`: files that a set-up command makes may still be missing. Raises CloudConfigError with every
    mistake."""
    environment = dict(os.environ) if environment is None else environment
    try:
        document = read_document(path)
    except ConfigError as error:
        raise CloudConfigError(str(error)) from error
    data: Any = document.data or {}
    if not isinstance(data, dict):
        raise CloudConfigError(f"{path}: is no mapping; see configs/samples/cloud.yaml")
    if url := environment.get("PLANTROOM_DATABASE_URL"):
        data["database_url"] = url
    if token := environment.get("PLANTROOM_TELEMETRY_TOKEN"):
        telemetry = data.get("telemetry") or {}
        if isinstance(telemetry, dict):  # else it is told below
            data["telemetry"] = {**telemetry, "token": token}
    try:
        config = CloudConfig.model_validate(data)
    except ValidationError as error:
        raise CloudConfigError("\n".join(describe(error, document, CloudConfig))) from error
    return _resolved(config, path.resolve().parent, before_setup=before_setup)


def _resolved(config: CloudConfig, base: Path, *, before_setup: bool) -> CloudConfig:
    mqtt, telemetry = config.mqtt, config.telemetry
    files = {name: base / value for name in ("password_file", "ca_file") if (value := getattr(mqtt, name)) is not None}
    for name, file in files.items():
        if not before_setup and not file.is_file():
            raise CloudConfigError(f"mqtt.{name}: there is no file {file}")
    token, token_file = telemetry.token, None
    if telemetry.token_file is not None:
        token_file = base / telemetry.token_file
        if token_file.is_file():
            token = token_file.read_text().strip()
        elif not before_setup:
            raise CloudConfigError(
                f"telemetry.token_file: there is no file {token_file}; make it by: plantroom-cloud influx setup"
            )
    told = config.notifications
    secret_file = base / told.smtp_password_file if told.smtp_password_file is not None else None
    if secret_file is not None and not secret_file.is_file():
        raise CloudConfigError(f"notifications.smtp_password_file: there is no file {secret_file}")
    notifications = told.model_copy(
        update={
            "smtp_password_file": secret_file,
            "vapid_file": base / told.vapid_file,
            "base_url": told.base_url or f"http://{config.web.host}:{config.web.port}",
        }
    )
    url = config.database_url
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        url = f"sqlite:///{base / url.removeprefix('sqlite:///')}"
    return config.model_copy(
        update={
            "database_url": url,
            "mqtt": mqtt.model_copy(update=files),
            "telemetry": telemetry.model_copy(
                update={"path": base / telemetry.path, "token": token, "token_file": token_file}
            ),
            "broker_dir": base / config.broker_dir,
            "notifications": notifications,
        }
    )
