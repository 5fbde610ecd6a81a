"""All settings of a federated run: the command line's, and Flower's run config, key for key.

`federated/pyproject.toml` lists the same keys with the same defaults; Flower wants them there, and
a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import EncoderConfig
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.training.config import DEFAULT_TASK, PretrainConfig, TrainingConfig

Value = bool | int | float | str  # what a run config can hold
StrategyName = Literal["fedavg", "fedprox", "fedadam", "trimmed-mean", "median", "krum"]
NormKind = Literal["local", "frozen", "group"]
Encoding = Literal["float32", "float16", "int8"]
Privacy = Literal["none", "central", "central-adaptive", "local"]
Backend = Literal["eager", "executorch"]
PartitionKind = Literal["group", "dirichlet", "iid"]
DESCRIBE_MODEL = ("task", "pretext", "encoder", "frontend")  # devices build it from these
ROBUST = ("trimmed-mean", "median", "krum")


@dataclass(frozen=True)
class FederatedConfig:
    """What is trained, by whom, how it travels, and what protects it."""

    task: str = DEFAULT_TASK
    """The pretext task."""
    pretext: str = "{}"
    """The task's settings, as JSON; e.g. {"slice_ms": 475}."""
    encoder: str = "mobile"
    """mobile or separable."""
    width: float = 1.0
    """Factor on every layer's channels."""
    norm: NormKind = "local"
    """`local`: devices normalise by their own batches, and no batch-norm statistics travel; the
    server takes those of its checkpoints from its own recordings. `frozen`: by the statistics of
    the start, which stay. `group`: group normalisation, which has none."""
    start: str = ""
    """A checkpoint to start from; empty: untrained weights."""

    backend: Backend = "eager"
    """What works out gradients on the devices: `eager` PyTorch, or `executorch`: the runtime of
    phones, in a training artifact. A device's node config may name another."""
    artifact: str = ""
    """`executorch`: the folder of the training artifact; or the device's node config names it."""

    source: str = "builtin"
    """Simulation: the recordings that are dealt out to the devices. In a deployment each names its
    own, by `audio` in its node config."""
    partition: PartitionKind = "group"
    """Simulation: `group`: whole groups; `dirichlet`: labels unevenly; `iid`: at random."""
    group_column: str = "group"
    """Column of the groups (speakers, devices) that are kept whole."""
    label_column: str = "label"
    """Column of the labels that `dirichlet` and the probe go by; no device learns from them."""
    alpha: float = 0.5
    """`dirichlet`: small is uneven; 100 is nearly iid."""
    clients: int = 10
    """Devices: in a simulation how many there are; in a deployment how many must be connected
    before the first round."""
    clients_per_round: int = 0
    """Devices drawn for each round; 0: all."""
    min_clients: int = 2
    """A round counts when so many have answered; otherwise the weights stay."""
    rounds: int = 10
    """Rounds of training."""
    local_steps: int = 10
    """Optimizer steps of a device in a round."""
    round_timeout_s: float = 600.0
    """Who has not answered by then is left out of the round."""
    dropout: float = 0.0
    """Simulation: chance that a device dies in a round."""
    stragglers: float = 0.0
    """Simulation: chance that a device is late in a round."""
    straggler_delay_s: float = 0.0
    """Simulation: by how much."""

    batch_size: int = 16
    """Clips in a step."""
    learning_rate: float = 1e-3
    """Highest learning rate of the devices' AdamW; over the rounds a cosine to zero."""
    warmup_steps: int = 20
    """Steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """Of AdamW."""
    gradient_clip: float = 1.0
    """Largest norm of a step's gradient."""
    train_only: str = ""
    """Which parameters are trained and sent: beginnings of their names, with commas between, e.g.
    "encoder.body.4,encoder.body.5,pretext"; empty: all."""
    seed: int = 0
    """Of everything but noise and masks."""

    strategy: StrategyName = "fedavg"
    """How updates become new weights."""
    proximal_mu: float = 0.01
    """`fedprox`: how strongly a device is held to the weights that it was sent."""
    server_learning_rate: float = 0.03
    """`fedadam`: the server's learning rate."""
    trim: float = 0.2
    """`trimmed-mean`: share of the values cut off at either end."""
    malicious: int = 1
    """`krum`: how many liars it must withstand."""
    max_norm_ratio: float = 10.0
    """An update so many times larger than the median of its round is refused."""
    max_weight: int = 1000
    """No device counts for more recordings than these."""
    encoding: Encoding = "float32"
    """How updates travel; what rounding loses is added to the device's next update."""

    secure_aggregation: bool = False
    """SecAgg+: the server learns the mean of the updates and no update."""
    secagg_range: float = 1.0
    """SecAgg+: largest absolute value in an update; a device with a larger one says so and is left
    out, as values would be cut off unnoticed."""
    secagg_shares: float = 1.0
    """SecAgg+: share of the round's devices that each device's secret is split among."""
    secagg_threshold: float = 0.6
    """SecAgg+: share of those that must survive for the round to be unmasked."""

    privacy: Privacy = "none"
    """Differential privacy of a device's whole contribution. `central`: the server clips and adds
    noise; `central-adaptive`: to a clipping norm that follows the updates; `local`: each device
    does, before it sends."""
    noise_multiplier: float = 1.0
    """Standard deviation of the noise, in clipping norms: of the sum of a round's updates if
    central, of each update if local."""
    clipping_norm: float = 0.5
    """Largest L2 norm of an update; where an adaptive one begins."""
    target_quantile: float = 0.5
    """`central-adaptive`: share of the updates that are not to be clipped."""
    delta: float = 1e-5
    """For which epsilon is reported."""

    server_data: str = "builtin"
    """The server's own recordings: the front-end's and the checkpoints' batch-norm statistics are
    taken from them, and a probe if they have labels."""
    evaluate_every: int = 1
    """Rounds between two looks at the pretext loss on devices; 0: never."""
    probe_every: int = 0
    """Rounds between two probes on the server's labelled recordings; 0: never."""
    out: str = ""
    """The run's folder, on the server."""
    resume: bool = False
    """Go on with the run in `out`."""
    cache_dir: str = ""
    """Where decoded audio is kept; the usual place if empty."""

    def __post_init__(self) -> None:
        """Raises `UserError` on what can be known to be wrong before anything has started."""
        hints = get_type_hints(FederatedConfig)
        for field in fields(self):
            object.__setattr__(
                self, field.name, _checked(field.name, getattr(self, field.name), hints[field.name])
            )
        for name in ("clients", "min_clients", "rounds", "local_steps"):
            _expect(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("dropout", "stragglers"):
            _expect(0 <= getattr(self, name) < 1, name, getattr(self, name), "0 up to less than 1")
        for name in ("alpha", "clipping_norm", "secagg_range", "round_timeout_s"):
            _expect(getattr(self, name) > 0, name, getattr(self, name), "more than 0")
        _expect(self.max_norm_ratio > 1, "max_norm_ratio", self.max_norm_ratio, "more than 1")
        _expect(0 <= self.trim < 0.5, "trim", self.trim, "0 up to less than 0.5")
        _expect(0 < self.delta < 1, "delta", self.delta, "between 0 and 1")
        _expect(
            self.min_clients <= self.per_round <= self.clients,
            "clients_per_round",
            self.per_round,
            f"min_clients ({self.min_clients}) up to clients ({self.clients})",
        )
        self._check_combinations()
        self.pretrain()

    def _check_combinations(self) -> None:
        if self.backend == "executorch" and self.norm == "local":
            raise UserError(
                "backend 'executorch' can't train norm 'local': a training artifact normalises "
                "by fixed statistics, not by a device's batches; choose norm frozen or group"
            )
        if self.privacy != "none":
            _expect(self.noise_multiplier > 0, "noise_multiplier", self.noise_multiplier, "above 0")
        hidden = self.secure_aggregation or self.privacy.startswith("central")
        if hidden and self.strategy in ROBUST:
            raise UserError(
                f"strategy {self.strategy!r} compares single updates, which secure aggregation and "
                "central privacy reduce to their mean; choose fedavg, fedprox or fedadam"
            )
        if self.secure_aggregation and self.privacy == "central-adaptive":
            raise UserError(
                "privacy 'central-adaptive' needs to see how many updates were clipped, which "
                "secure aggregation hides; choose central or local"
            )
        if self.secure_aggregation and self.encoding != "float32":
            raise UserError(
                f"encoding {self.encoding!r}: secure aggregation sends masked integers, "
                "whatever the encoding; leave it out"
            )

    @property
    def cache_folder(self) -> Path | None:
        """Where decoded audio is kept; None: the usual place."""
        return Path(self.cache_dir) if self.cache_dir else None

    @property
    def per_round(self) -> int:
        """Devices drawn for each round."""
        return self.clients_per_round or self.clients

    def pretrain(self) -> PretrainConfig:
        """The library's own settings of the same training."""
        try:
            own = json.loads(self.pretext)
            pretext = pretext_class(self.task).Config(**own)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"pretext {self.pretext!r} are no settings of {self.task} ({error}); "
                'expected JSON such as {"slice_ms": 475}'
            ) from error
        return PretrainConfig(
            self.task,
            pretext,
            EncoderConfig(
                self.encoder, self.width, norm="group" if self.norm == "group" else "batch"
            ),
            training=TrainingConfig(
                steps=self.rounds * self.local_steps,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                warmup_steps=self.warmup_steps,
                weight_decay=self.weight_decay,
                gradient_clip=self.gradient_clip,
                seed=self.seed,
                accelerator="cpu",
            ),
        )

    @classmethod
    def from_run_config(cls, found: Mapping[str, Any]) -> FederatedConfig:
        """Of Flower's run config. An unknown key is a `UserError` that lists the known ones."""
        if unknown := sorted(set(found) - set(KEYS)):
            raise UserError(
                f"run config: {', '.join(unknown)} not known; the keys are {', '.join(KEYS)}"
            )
        return cls(**{KEYS[key]: value for key, value in found.items()})

    def run_config(self) -> dict[str, Value]:
        """The inverse of `from_run_config`."""
        return {key: getattr(self, name) for key, name in KEYS.items()}


def _checked(name: str, value: Any, kind: Any) -> Any:
    key = name.replace("_", "-")
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(
                f"{key} {value!r} is not known; choose from {', '.join(get_args(kind))}"
            )
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UserError(f"{key} is {value!r}; expected a value of type {kind.__name__}")
    return value


def _expect(right: bool, name: str, value: object, expected: str) -> None:
    if not right:
        raise UserError(f"{name.replace('_', '-')} is {value}; expected {expected}")


KEYS: dict[str, str] = {
    field.name.replace("_", "-"): field.name for field in fields(FederatedConfig)
}
DEFAULTS: dict[str, Value] = {
    key: field.default
    for key, field in zip(KEYS, fields(FederatedConfig), strict=True)
    if field.default is not MISSING
}
