"""FederatedConfig: every setting of a federated run.

The command line's options, the keys of Flower's run config and `federated/pyproject.toml` are
generated from this dataclass. Importing it loads neither PyTorch nor Flower.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config_checks import checked_type, expect
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import config_class
from tiny_audio_ssl.training.config import DEFAULT_TASK, PretrainConfig, TrainingConfig
from tiny_audio_ssl.utils.ranges import (
    COUNT,
    COUNT_OR_0,
    DURATION_OR_0_S,
    DURATION_S,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    SHARE,
    SHARE_BELOW_1,
    Range,
    checked_number,
)
from tiny_audio_ssl.utils.written_by import unreadable

Value = bool | int | float | str  # the types that a run config can hold
StrategyName = Literal["fedavg", "fedprox", "fedadam", "trimmed-mean", "median", "krum"]
NormKind = Literal["local", "frozen", "group"]
Encoding = Literal["float32", "float16", "int8"]
Privacy = Literal["none", "central", "central-adaptive", "local"]
Backend = Literal["eager", "executorch"]
Draws = Literal["library", "counter"]
PartitionKind = Literal["group", "dirichlet", "iid"]
MODEL_SETTINGS = ("task", "pretext", "encoder", "frontend")  # clients build the model from these
COUNTER_TASKS = ("temporal-gap", "audio2vec-cbow", "audio2vec-skipgram", "cola")
NOT_BY_COUNTER = ("mixup", "resize")  # settings of these tasks that draw otherwise
ROBUST_STRATEGIES = ("trimmed-mean", "median", "krum")


def draws_by_counter(task: str, settings: Mapping[str, Any]) -> bool:
    """Return whether native devices can reproduce the random draws of a task with these
    settings."""
    return task in COUNTER_TASKS and not any(settings.get(name) for name in NOT_BY_COUNTER)


@dataclass(frozen=True)
class FederatedConfig:
    """Settings of the model, the clients' training, the aggregation and its protection."""

    task: str = DEFAULT_TASK
    """Pretext task; `tiny-audio-ssl pretrain --help` lists them."""
    pretext: str = "{}"
    """Settings of the pretext task as JSON, such as {"slice_ms": 475}."""
    encoder: str = "mobile"
    """Encoder: mobile, separable or dense."""
    width: float = 1.0
    """Factor on the number of channels of every layer."""
    norm: NormKind = "local"
    """Normalization. `local`: each client normalizes by its own batches and sends no batch-norm
    statistics; the server computes those of its checkpoints from its own recordings. `frozen`: the
    statistics of the start, which never change. `group`: group normalization, which has no
    statistics."""
    start: str = ""
    """Run, checkpoint or model name (such as small) to start from; empty for untrained weights.
    Only a run of the same task provides its heads, too."""

    backend: Backend = "eager"
    """Runtime that computes the gradients on the clients: `eager` PyTorch, or `executorch`, the
    runtime on phones, with a training artifact. A client's node config may override it."""
    artifact: str = ""
    """Folder of the training artifact for `executorch`, unless the client's node config names
    one."""
    artifact_sha256: str = ""
    """SHA-256 of the training artifact's file, as in its manifest. Clients with another artifact
    are left out. Required by devices that take part only in known runs. Empty for any artifact."""

    draws: Draws = "library"
    """Random generator for crops and slices: `library`, as in pretrain, or `counter`, as on native
    devices, with which every device draws the same. Tasks: temporal-gap, audio2vec-cbow,
    audio2vec-skipgram, and cola without mixup and resize."""

    source: str = "builtin"
    """Simulation: recordings to divide among the clients. In a deployment, each client names its
    own recordings with `audio` in its node config."""
    partition: PartitionKind = "group"
    """Simulation: division of the recordings. `group` keeps groups together, `dirichlet`
    distributes labels unevenly, `iid` divides at random."""
    group_column: str = "group"
    """Column of the groups, such as speakers, that `group` keeps together."""
    label_column: str = "label"
    """Column of the labels for `dirichlet` and the probe; clients never learn from labels."""
    alpha: float = 0.5
    """Concentration of `dirichlet`: small values are uneven, 100 is nearly iid."""
    clients: int = 10
    """Number of clients in a simulation; in a deployment, the number that must be connected before
    the first round."""
    clients_per_round: int = 0
    """Clients drawn for each round; 0 draws all."""
    min_clients: int = 2
    """Minimum number of valid replies for a round to change the weights."""
    rounds: int = 10
    """Rounds of training."""
    local_steps: int = 10
    """Optimizer steps of a client per round."""
    round_timeout_s: float = 600.0
    """Seconds to wait for replies; a round continues without clients that take longer."""
    dropout: float = 0.0
    """Simulation: probability that a client fails in a round."""
    stragglers: float = 0.0
    """Simulation: probability that a client is late in a round."""
    straggler_delay_s: float = 0.0
    """Simulation: delay of a late client in seconds."""

    batch_size: int = 16
    """Clips per training step."""
    learning_rate: float = 1e-3
    """Peak learning rate of the clients' AdamW; it decays to zero over the rounds along a cosine.
    """
    warmup_steps: int = 20
    """Steps in which the learning rate rises from zero."""
    weight_decay: float = 0.01
    """Weight decay of the clients' AdamW."""
    gradient_clip: float = 1.0
    """Maximum norm of the gradient."""
    train_only: str = ""
    """Parameters to train and send, as comma-separated prefixes of their names, such as
    "encoder.body.4,encoder.body.5,pretext"; empty for all."""
    seed: int = 0
    """Random seed, for everything except privacy noise and SecAgg+ masks."""

    strategy: StrategyName = "fedavg"
    """Strategy by which the server turns updates into new weights."""
    proximal_mu: float = 0.01
    """`fedprox`: strength of the pull towards the weights received from the server."""
    server_learning_rate: float = 0.03
    """`fedadam`: learning rate of the server."""
    trim: float = 0.2
    """`trimmed-mean`: fraction of the values to cut at either end."""
    malicious: int = 1
    """`krum`: number of malicious clients to withstand."""
    max_norm_ratio: float = 10.0
    """Maximum norm of an update, relative to the median norm of its round."""
    max_weight: int = 1000
    """Maximum number of recordings by which a client's update is weighted."""
    encoding: Encoding = "float32"
    """Number format of updates; a client adds its rounding error to its next update."""

    secure_aggregation: bool = False
    """Hide single updates from the server with SecAgg+; it learns only their mean."""
    secagg_range: float = 1.0
    """SecAgg+: maximum absolute value in an update. A client whose update exceeds it is left out,
    because the protocol would silently clip the values."""
    secagg_shares: float = 1.0
    """SecAgg+: fraction of a round's clients that hold a share of each client's secret."""
    secagg_threshold: float = 0.6
    """SecAgg+: fraction of these shares that must survive to unmask the mean."""

    privacy: Privacy = "none"
    """Differential privacy of a client's whole contribution. `central`: the server clips updates
    and adds noise; `central-adaptive`: the clipping norm adapts to the updates; `local`: each
    client clips and adds noise before it sends."""
    noise_multiplier: float = 1.0
    """Standard deviation of the noise, in clipping norms: on the sum of a round's updates for
    `central`, on each update for `local`."""
    clipping_norm: float = 0.5
    """Maximum L2 norm of an update; for `central-adaptive`, the initial value."""
    target_quantile: float = 0.5
    """`central-adaptive`: fraction of the updates that should stay unclipped."""
    delta: float = 1e-5
    """Delta for which epsilon is reported."""

    server_data: str = "builtin"
    """The server's own recordings, for the statistics of the front-end and of batch norm, and for
    the probe if they have labels."""
    evaluate_every: int = 1
    """Rounds between evaluations of the pretext loss on the clients; 0 for never."""
    probe_every: int = 0
    """Rounds between probes on the server's labeled recordings; 0 for never."""
    out: str = ""
    """Run folder on the server."""
    resume: bool = False
    """Continue the run in `out`."""
    cache_dir: str = ""
    """Folder for decoded audio; empty for the user's cache folder."""

    def __post_init__(self) -> None:
        """Raise `UserError` for every mistake that can be detected before the run starts."""
        hints = get_type_hints(FederatedConfig)
        for field in fields(self):
            value = checked_type(field.name, getattr(self, field.name), hints[field.name])
            object.__setattr__(self, field.name, value)
        self._check_ranges()
        self._check_combinations()
        self.pretrain()

    def _check_ranges(self) -> None:
        for name, allowed in RANGES.items():
            checked_number(name.replace("_", "-"), getattr(self, name), allowed)
        expect(
            self.min_clients <= self.per_round <= self.clients,
            "clients_per_round",
            self.per_round,
            f"min_clients ({self.min_clients}) up to clients ({self.clients})",
        )

    def _check_combinations(self) -> None:
        if self.backend == "executorch" and self.norm == "local":
            raise UserError(
                "backend 'executorch' can't train with norm 'local': a training artifact "
                "normalizes by fixed statistics, not by a client's batches; choose norm frozen or "
                "group"
            )
        if self.privacy != "none":
            expect(self.noise_multiplier > 0, "noise_multiplier", self.noise_multiplier, "above 0")
        only_mean = self.secure_aggregation or self.privacy.startswith("central")
        if only_mean and self.strategy in ROBUST_STRATEGIES:
            raise UserError(
                f"strategy {self.strategy!r} compares single updates, which secure aggregation and "
                "central privacy reduce to their mean; choose fedavg, fedprox or fedadam"
            )
        if self.secure_aggregation and self.privacy == "central-adaptive":
            raise UserError(
                "privacy 'central-adaptive' counts the clipped updates, which secure aggregation "
                "hides; choose central or local"
            )
        if self.secure_aggregation and self.encoding != "float32":
            raise UserError(
                f"encoding {self.encoding!r}: secure aggregation always sends masked integers; "
                "leave the encoding out"
            )

    def _check_draws(self, pretext: object) -> None:
        if self.draws == "counter" and not draws_by_counter(self.task, vars(pretext)):
            raise UserError(
                f"draws 'counter' with task {self.task!r} and pretext {self.pretext!r}; it "
                f"supports {', '.join(COUNTER_TASKS)}, without mixup and resize: choose library"
            )

    @property
    def cache_folder(self) -> Path | None:
        """Folder for decoded audio; None for the user's cache folder."""
        return Path(self.cache_dir) if self.cache_dir else None

    @property
    def per_round(self) -> int:
        """Number of clients drawn for each round."""
        return self.clients_per_round or self.clients

    def pretrain(self) -> PretrainConfig:
        """Return the library's settings of the same model and training.

        Raises `UserError` for an unknown task or encoder, or settings that the task doesn't have.
        """
        try:
            pretext = config_class(self.task)(**json.loads(self.pretext))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"pretext {self.pretext!r} does not fit {self.task} ({error}); "
                'expected JSON such as {"slice_ms": 475}'
            ) from error
        self._check_draws(pretext)
        if pretext.prepares():
            raise UserError(
                f"pretext {self.pretext!r} makes {self.task} compute targets before training, "
                'which clients can\'t do; leave "views" out, so that the teachers run in every '
                "step"
            )
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
        """Read Flower's run config. Raises `UserError` for an unknown key, listing the known.

        Flower itself refuses keys that the app's pyproject.toml does not have. So an unknown one is
        from the app of another version.
        """
        if unknown := sorted(set(found) - set(KEYS)):
            listed = f"{', '.join(unknown)} not known"
            reads = f"the keys {', '.join(KEYS)}"
            raise UserError(unreadable("run config of the Flower app", listed, reads))
        return cls(**{KEYS[key]: value for key, value in found.items()})

    def run_config(self) -> dict[str, Value]:
        """Return the settings as Flower's run config, which `from_run_config` reads."""
        return {key: getattr(self, name) for key, name in KEYS.items()}


RANGES = {
    "width": Range(0, 16, open_low=True),
    "alpha": POSITIVE,
    "clients": COUNT,
    "clients_per_round": COUNT_OR_0,
    "min_clients": COUNT,
    "rounds": COUNT,
    "local_steps": COUNT,
    "round_timeout_s": DURATION_S,
    "dropout": SHARE_BELOW_1,
    "stragglers": SHARE_BELOW_1,
    "straggler_delay_s": DURATION_OR_0_S,
    "batch_size": COUNT,
    "learning_rate": POSITIVE,
    "warmup_steps": COUNT_OR_0,
    "weight_decay": NOT_NEGATIVE,
    "gradient_clip": POSITIVE,
    "seed": SEED,
    "proximal_mu": NOT_NEGATIVE,
    "server_learning_rate": POSITIVE,
    "trim": Range(0, 0.5, open_high=True),
    "malicious": COUNT_OR_0,
    "max_norm_ratio": Range(1, open_low=True),
    "max_weight": COUNT,
    "secagg_range": POSITIVE,
    "secagg_shares": Range(0, 1, open_low=True),
    "secagg_threshold": Range(0, 1, open_low=True),
    "noise_multiplier": NOT_NEGATIVE,
    "clipping_norm": POSITIVE,
    "target_quantile": SHARE,
    "delta": Range(0, 1, open_low=True, open_high=True),
    "evaluate_every": COUNT_OR_0,
    "probe_every": COUNT_OR_0,
}
KEYS: dict[str, str] = {
    field.name.replace("_", "-"): field.name for field in fields(FederatedConfig)
}
DEFAULTS: dict[str, Value] = {
    key: field.default
    for key, field in zip(KEYS, fields(FederatedConfig), strict=True)
    if field.default is not MISSING
}
