"""A network whose blocks shrink: weights for the largest, and every smaller one computed from slices of them.

Which subnet runs is said by a tensor, not by Python values: slices, crops and branches depend on it at run time, so one
traced graph computes every subnet, and a small one costs little. The layers are those of `network.build_model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tflm_mcunet.backend.frameworks import load

#: Of Keras' BatchNormalization, so that an extracted model computes the same.
EPSILON = 1e-3

#: Columns of a choice: one row for the stem, one for each slot, one for the head.
KERNEL, EXPANDED, CHANNELS, SQUEEZE, EXPANDS = range(5)


@dataclass(frozen=True)
class Slot:
    """A place that an inverted residual can take, with the largest sizes that it can have there.

    Args:
        channels, expanded, kernel, squeeze: int. As in a block; `squeeze` 0 where none has squeeze-and-excite.
        stride: int.
        expands: bool. Whether it can have an expansion.
        optional: bool. Whether a subnet may leave it out; its output then is its input.
    """

    channels: int
    expanded: int
    kernel: int
    stride: int = 1
    squeeze: int = 0
    expands: bool = True
    optional: bool = False


@dataclass(frozen=True)
class ElasticShape:
    """The largest network that a supernet holds.

    Args:
        input_shape: tuple of int. (height, width, channels).
        classes: int.
        stem_channels, stem_kernel, stem_stride: int.
        slots: tuple of Slot.
        head_channels: int. 0 for no head.
        axes: int. 2 for k x k kernels, 1 for k x 1.
    """

    input_shape: tuple[int, int, int]
    classes: int
    stem_channels: int
    stem_kernel: int
    stem_stride: int
    slots: tuple[Slot, ...]
    head_channels: int = 0
    axes: int = 2

    def largest(self) -> np.ndarray:
        """The choice that leaves nothing out, int32[slots + 2, 5]."""
        rows = [(self.stem_kernel, 0, self.stem_channels, 0, 0)]
        rows += [(s.kernel, s.expanded, s.channels, s.squeeze, int(s.expands)) for s in self.slots]
        return np.array([*rows, (1, 0, self.head_channels, 0, 0)], np.int32)


class Norm:
    """Batch normalisation of the first channels; its statistics belong to the subnet that was calibrated last."""

    def __init__(self, keras: Any, name: str, channels: int) -> None:
        def variable(kind: str, initial: str, trainable: bool) -> Any:
            return keras.Variable(initial, (channels,), "float32", trainable=trainable, name=f"{name}_{kind}")

        self.name, self.channels = name, channels
        self.gamma, self.beta = variable("gamma", "ones", True), variable("beta", "zeros", True)
        self.mean, self.variance = variable("mean", "zeros", False), variable("variance", "ones", False)

    def __call__(self, tf: Any, x: Any, mode: str, share: Any) -> Any:
        count = tf.shape(x)[-1]
        gamma, beta = self.gamma.value[:count], self.beta.value[:count]
        if mode == "train":
            return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=EPSILON, is_training=True)[0]
        if mode == "calibrate":
            mean, variance = tf.nn.moments(x, (0, 1, 2))
            for kept, value in ((self.mean, mean), (self.variance, variance)):
                # The average over the batches so far: `share` is one over their number.
                wide = tf.pad(value, [[0, self.channels - count]])
                kept.value.assign(kept.value + (wide - kept.value) * share)
        else:
            mean, variance = self.mean.value[:count], self.variance.value[:count]
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)


class ElasticNetwork:
    """The variables of a supernet, and its forward pass for a choice.

    Args:
        shape: ElasticShape.
        seed: int. Of the initial weights.

    Attributes:
        weights: dict. Layer name -> trainable variable of a kernel or bias.
        norms: dict. Layer name -> Norm.
    """

    def __init__(self, shape: ElasticShape, seed: int = 0) -> None:
        self.keras, self.tf = load("keras", "nas"), load("tensorflow", "nas")
        self.shape, self.seed = shape, seed
        self.weights: dict[str, Any] = {}
        self.norms: dict[str, Norm] = {}
        channels = shape.stem_channels
        self._conv("stem", shape.stem_kernel, shape.input_shape[2], channels)
        for number, slot in enumerate(shape.slots):
            name = f"slot{number}"
            if slot.expands:
                self._conv(f"{name}_expand", 1, channels, slot.expanded)
            self._conv(f"{name}_depthwise", slot.kernel, slot.expanded, 1)
            if slot.squeeze:
                self._conv(f"{name}_reduce", 1, slot.expanded, slot.squeeze, bias=True)
                self._conv(f"{name}_gate", 1, slot.squeeze, slot.expanded, bias=True)
            self._conv(f"{name}_project", 1, slot.expanded, slot.channels)
            channels = slot.channels
        if shape.head_channels:
            self._conv("head", 1, channels, shape.head_channels)
            channels = shape.head_channels
        self._weight("logits", (channels, shape.classes), channels, shape.classes)
        self._bias("logits", shape.classes)

    def trainable(self) -> dict[str, Any]:
        """All trainable variables by name."""
        found = dict(self.weights)
        for name, norm in self.norms.items():
            found |= {f"{name}_gamma": norm.gamma, f"{name}_beta": norm.beta}
        return found

    def variables(self) -> dict[str, Any]:
        """All variables by name, statistics included."""
        found = self.trainable()
        for name, norm in self.norms.items():
            found |= {f"{name}_mean": norm.mean, f"{name}_variance": norm.variance}
        return found

    def __call__(self, x: Any, choice: Any, mode: str, share: Any = 1.0) -> Any:
        """Logits of the subnet that `choice` says.

        Args:
            x: float tensor [batch, height, width, channels].
            choice: int tensor [slots + 2, 5].
            mode: str. "train" (statistics of the batch), "calibrate" (the same, and kept), "infer" (the kept ones).
            share: float tensor. One over the number of batches calibrated with, this one included.
        """
        tf, shape = self.tf, self.shape
        run = _Pass(self, mode, share)
        x = tf.nn.relu6(run.conv("stem", x, choice[0, CHANNELS], shape.stem_stride))
        for number, slot in enumerate(shape.slots):
            row = choice[number + 1]
            if slot.optional:
                branches = run.block_or_input(number, slot, x, row)
                x = tf.cond(row[KERNEL] > 0, *branches)
            else:
                x = run.block(number, slot, x, row)
        if shape.head_channels:
            x = tf.nn.relu6(run.conv("head", x, choice[-1, CHANNELS]))
        pooled = tf.reduce_mean(x, (1, 2))
        kernel = self.weights["logits"].value[: tf.shape(pooled)[-1]]
        return tf.matmul(pooled, kernel) + self.weights["logits_bias"].value

    def _conv(self, name: str, kernel: int, inputs: int, outputs: int, bias: bool = False) -> None:
        height, width = kernel, kernel if self.shape.axes == 2 else 1
        area = height * width
        depthwise = name.endswith("_depthwise")
        # Keras counts the fans of a depthwise kernel [k, k, channels, 1] in this way too.
        self._weight(name, (height, width, inputs, outputs), area * inputs, area * outputs)
        if bias:
            self._bias(name, outputs)
        else:
            self.norms[name] = Norm(self.keras, name, inputs if depthwise else outputs)

    def _weight(self, name: str, shape: tuple[int, ...], fan_in: int, fan_out: int) -> None:
        random = np.random.default_rng((self.seed, len(self.weights)))
        limit = np.sqrt(6 / (fan_in + fan_out))
        values = random.uniform(-limit, limit, shape).astype(np.float32)
        self.weights[name] = self.keras.Variable(values, name=name)

    def _bias(self, name: str, count: int) -> None:
        self.weights[f"{name}_bias"] = self.keras.Variable("zeros", (count,), "float32", name=f"{name}_bias")


@dataclass(frozen=True)
class _Pass:
    """The layers of one forward pass."""

    network: ElasticNetwork
    mode: str
    share: Any

    def norm(self, name: str, x: Any) -> Any:
        return self.network.norms[name](self.network.tf, x, self.mode, self.share)

    def conv(self, name: str, x: Any, outputs: Any, stride: int = 1) -> Any:
        tf, kernel = self.network.tf, self.network.weights[name].value
        kernel = kernel[:, :, : tf.shape(x)[-1], :outputs]
        y = tf.nn.conv2d(x, kernel, stride, "SAME")
        if name in self.network.norms:
            return self.norm(name, y)
        return y + self.network.weights[f"{name}_bias"].value[:outputs]

    def depthwise(self, name: str, x: Any, size: Any, largest: int, stride: int) -> Any:
        tf, kernel = self.network.tf, self.network.weights[name].value
        # The centre of the largest kernel. With SAME padding all odd sizes are centred on the same pixels, at stride
        # 2 too, so the crop is the kernel with its rim set to zero.
        rim = (largest - size) // 2
        kernel = kernel[rim : largest - rim]
        if self.network.shape.axes == 2:
            kernel = kernel[:, rim : largest - rim]
        kernel = kernel[:, :, : tf.shape(x)[-1]]
        return self.norm(name, tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME"))

    def squeezed(self, name: str, x: Any, squeeze: Any) -> Any:
        tf = self.network.tf
        means = tf.reduce_mean(x, (1, 2), keepdims=True)
        reduced = tf.nn.relu(self.conv(f"{name}_reduce", means, squeeze))
        return x * tf.sigmoid(self.conv(f"{name}_gate", reduced, tf.shape(x)[-1]))

    def block(self, number: int, slot: Slot, x: Any, row: Any) -> Any:
        tf, name = self.network.tf, f"slot{number}"
        y = x
        if slot.expands:
            y = tf.cond(
                row[EXPANDS] > 0,
                lambda: tf.nn.relu6(self.conv(f"{name}_expand", x, row[EXPANDED])),
                lambda: x,
            )
        depthwise = self.depthwise(f"{name}_depthwise", y, row[KERNEL], slot.kernel, slot.stride)
        y = tf.nn.relu6(depthwise)
        if slot.squeeze:
            scaled = y
            y = tf.cond(row[SQUEEZE] > 0, lambda: self.squeezed(name, scaled, row[SQUEEZE]), lambda: scaled)
        out = self.conv(f"{name}_project", y, row[CHANNELS])
        if slot.stride != 1:
            return out
        return tf.cond(tf.shape(x)[-1] == row[CHANNELS], lambda: x + out, lambda: out)

    def block_or_input(self, number: int, slot: Slot, x: Any, row: Any) -> tuple[Any, Any]:
        return (lambda: self.block(number, slot, x, row)), (lambda: x)
