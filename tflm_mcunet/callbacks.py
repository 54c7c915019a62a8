"""`MCUConstraints`: refuses to train what the microcontroller cannot hold, before the first epoch."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tflm_mcunet.backend import to_shape_model, write_scalars
from tflm_mcunet.errors import ConstraintError, UsageError
from tflm_mcunet.report import MemoryReport
from tflm_mcunet.report.analyze import analyze
from tflm_mcunet.targets import Target, as_target

_LOG = logging.getLogger(__name__)

#: Ways to run the model whose arena can be asked for.
SCHEDULES = ("layer", "stream", "auto", "tflm")


class MCUConstraints:
    """A callback for `model.fit` of Keras 3 and of tf_keras that holds a model to a microcontroller's memory.

    When training begins the model is converted to INT8 as it stands, untrained: what it needs of SRAM and flash
    follows from its shapes alone. If that exceeds the target, training does not start. Otherwise every epoch's
    logs get `mcu_peak_sram_bytes`, `mcu_flash_bytes` and `mcu_macs`, so that they are in `History` (and in what
    the callbacks behind this one log: put it before TensorBoard and CSVLogger, or give `log_dir`).

    Args:
        target: Target, the name of a device, or the path of a target's TOML file.
        max_macs: int or None. Most multiply-accumulates of one inference.
        max_sram_bytes: int or None. A budget below the target's SRAM, to leave room for the rest of the firmware.
        max_flash_bytes: int or None. A budget below the target's flash, to leave room for code.
        schedule: str. What the SRAM is computed for: "layer" (one operator after the other, in place where
            exact), "stream" (rows through stages), "auto" (the smallest of these), or "tflm" (the whole arena of
            stock TFLite Micro).
        log_dir: str, Path or None. TensorBoard's folder: the same numbers go to `log_dir`/mcu, whatever the order of
            the callbacks.

    Attributes:
        report: MemoryReport of the last model that training began with, or None.

    Raises:
        UsageError: an unknown target or schedule, or a budget that is no positive integer.
        ConstraintError: from `model.fit`, where the model exceeds the target or a budget.

    Example:
        model.fit(x, y, callbacks=[mcu.MCUConstraints("STM32F746", max_macs=5_000_000)])
    """

    # Keras calls whatever has its callbacks' methods; a subclass of one Keras' Callback would not serve the
    # other, and would import it. These two attributes are what the two Keras ask of a callback besides.
    async_safe = True
    _supports_tf_logs = False

    def __init__(
        self,
        target: Target | str | Path,
        *,
        max_macs: int | None = None,
        max_sram_bytes: int | None = None,
        max_flash_bytes: int | None = None,
        schedule: str = "layer",
        log_dir: str | Path | None = None,
    ) -> None:
        resolved = as_target(target)
        if resolved is None:
            raise UsageError("expected a target, got None", 'for example MCUConstraints("STM32F746")')
        if schedule not in SCHEDULES:
            raise UsageError(f"expected schedule to be one of {', '.join(SCHEDULES)}, got {schedule!r}")
        budgets = {"max_macs": max_macs, "max_sram_bytes": max_sram_bytes, "max_flash_bytes": max_flash_bytes}
        for name, value in budgets.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value <= 0):
                raise UsageError(f"expected {name} to be a positive integer or None, got {value!r}")
        self.target = resolved
        self.max_macs = max_macs
        self.max_sram_bytes = min(filter(None, (max_sram_bytes, resolved.contiguous_sram)))
        self.max_flash_bytes = min(filter(None, (max_flash_bytes, resolved.flash)), default=None)
        self.schedule = schedule
        self.log_dir = None if log_dir is None else Path(log_dir)
        self.report: MemoryReport | None = None
        self.params: dict[str, Any] | None = None
        self.model: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Analyse the model; ConstraintError if it is too big."""
        report = analyze(to_shape_model(self.model), self.target)
        self.report = report
        check(report, self.max_sram_bytes, self.max_flash_bytes, self.max_macs, self.schedule)
        _LOG.info(
            "%s: peak SRAM %d bytes (%s), model %d bytes, %d MACs",
            self.target.name,
            peak_sram_bytes(report, self.schedule),
            self.schedule,
            report.model_bytes,
            report.macs,
        )
        if self.log_dir is not None:
            write_scalars(self.log_dir / "mcu", self._needs(report))

    def _needs(self, report: MemoryReport) -> dict[str, Any]:
        return {
            "mcu_peak_sram_bytes": peak_sram_bytes(report, self.schedule),
            "mcu_flash_bytes": report.model_bytes,
            "mcu_macs": report.macs,
        }

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the model's needs to the epoch's logs."""
        if logs is not None and self.report is not None:
            logs.update(self._needs(self.report))

    def set_model(self, model: Any) -> None:
        """Called by Keras before training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called by Keras before training."""
        self.params = params

    def __deepcopy__(self, memo: dict[int, Any]) -> MCUConstraints:
        """A fresh callback with the same constraints: Keras Tuner copies callbacks for each trial."""
        copy = MCUConstraints.__new__(MCUConstraints)
        copy.__dict__.update(self.__dict__, model=None, params=None, report=None)
        return copy

    def _nothing(self, *arguments: Any, **named: Any) -> None:
        """For the events that do not matter here."""

    on_train_end = on_epoch_begin = on_batch_begin = on_batch_end = _nothing
    on_train_batch_begin = on_train_batch_end = _nothing
    on_test_begin = on_test_end = on_test_batch_begin = on_test_batch_end = _nothing
    on_predict_begin = on_predict_end = on_predict_batch_begin = on_predict_batch_end = _nothing

    def _implements_train_batch_hooks(self) -> bool:
        return False

    _implements_test_batch_hooks = _implements_predict_batch_hooks = _implements_train_batch_hooks


def peak_sram_bytes(report: MemoryReport, schedule: str) -> int:
    """The arena, in bytes, of one of `SCHEDULES`.

    Raises:
        UsageError: this model cannot be run in that way.
    """
    peak = report.peak
    choices = {
        "layer": (peak.layer, peak.layer_in_place),
        "stream": (peak.stream,),
        "auto": (peak.best_resident,),
        "tflm": (report.tflm.total,),
    }[schedule]
    known = [size for size in choices if size is not None]
    if not known:
        raise UsageError(f"the model cannot be run with schedule {schedule!r}", "use schedule='auto'")
    return min(known)


def check(
    report: MemoryReport,
    max_sram_bytes: int,
    max_flash_bytes: int | None,
    max_macs: int | None,
    schedule: str = "layer",
) -> None:
    """Raise a ConstraintError that says by how much the model is too big, where, and what to do."""
    broken = []
    sram = peak_sram_bytes(report, schedule)
    device = report.target.name if report.target else "the target"
    if sram > max_sram_bytes:
        peak = [report.ops[i] for i in report.peak_ops[:3]]
        where = ", ".join(
            f"op {op.index} {op.type} ({op.output}, {op.live_bytes:,} bytes live)" for op in peak
        )
        broken.append(
            f"SRAM: {sram:,} bytes of activations with schedule {schedule!r}, budget {max_sram_bytes:,}; "
            f"the peak is at {where}"
        )
    if (
        max_flash_bytes is not None
        and report.model_bytes is not None
        and report.model_bytes > max_flash_bytes
    ):
        heavy = sorted(report.ops, key=lambda op: -op.weight_bytes)[:3]
        where = ", ".join(f"op {op.index} {op.type} ({op.weight_bytes:,} bytes)" for op in heavy)
        broken.append(
            f"flash: a model of {report.model_bytes:,} bytes, budget {max_flash_bytes:,}; most weights are in {where}"
        )
    if max_macs is not None and report.macs > max_macs:
        heavy = sorted(report.ops, key=lambda op: -op.macs)[:3]
        where = ", ".join(f"op {op.index} {op.type} ({op.macs:,})" for op in heavy)
        broken.append(f"MACs: {report.macs:,}, budget {max_macs:,}; most are in {where}")
    if broken:
        advice = report.advice or ("lower the input resolution or the width of the layers named above",)
        raise ConstraintError(f"the model does not fit {device}. " + ". ".join(broken), "; ".join(advice))
