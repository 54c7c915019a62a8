"""Builds int8 Graphs op by op, with seeded weights: for the search's oracle, for tests, without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tflm_mcunet.graph import Graph, Op, Quantization, Tensor
from tflm_mcunet.ops import ACTIVATIONS, OPS, SAME

_ACTIVATION_CODES = {name: code for code, name in ACTIVATIONS.items()}


class GraphBuilder:
    """Collects tensors and operators; every method returns the index of the tensor that it made.

    Weights and biases are drawn from a seeded generator, and output scales are chosen so that random inputs use
    the int8 range well: a graph that saturates everywhere would hide wrong arithmetic.

    Args:
        seed: int. Of all random constants and scales.
        values: bool. False fills weights with zeros and scales with one value: quick, and enough to plan memory.

    Example:
        >>> b = GraphBuilder(seed=1)
        >>> x = b.input((1, 8, 8, 3))
        >>> y = b.conv_2d(x, filters=4, kernel=(3, 3), activation="RELU6")
        >>> b.finish([y]).tensors[y].shape
        (1, 8, 8, 4)
    """

    def __init__(self, seed: int = 0, *, values: bool = True) -> None:
        self.random = np.random.default_rng(seed)
        self.values = values
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []
        self.inputs: list[int] = []

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scale: float | None = None,
        zero_point: int = 0,
        data: np.ndarray | None = None,
        name: str | None = None,
    ) -> int:
        """Add a tensor; a constant where `data` is given."""
        quantization = None if scale is None else Quantization((float(np.float32(scale)),), (zero_point,))
        raw = None if data is None else np.ascontiguousarray(data).tobytes()
        index = len(self.tensors)
        fields = (name or f"t{index}", tuple(int(n) for n in shape), dtype, quantization, raw)
        self.tensors.append(Tensor(*fields))
        return index

    def constant(self, values: Any, dtype: str = "int32", **keywords: Any) -> int:
        """Add a constant from values."""
        array = np.asarray(values, dtype=dtype)
        return self.tensor(array.shape, dtype, data=array, **keywords)

    def input(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scale: float | None = None,
        zero_point: int | None = None,
        name: str | None = None,
    ) -> int:
        """Add a graph input; int8 inputs are quantised, by default with a drawn scale and zero point."""
        if dtype == "int8":
            scale = float(self.random.uniform(0.005, 0.1)) if scale is None else scale
            zero_point = int(self.random.integers(-128, 128)) if zero_point is None else zero_point
        index = self.tensor(shape, dtype, scale=scale, zero_point=zero_point or 0, name=name)
        self.inputs.append(index)
        return index

    def op(
        self,
        type: str,
        inputs: Sequence[int],
        options: Mapping[str, Any] | None = None,
        *,
        dtype: str | None = None,
        shape: Sequence[int] | None = None,
        scale: float | None = None,
        zero_point: int | None = None,
        outputs: int = 1,
        version: int = 1,
    ) -> int:
        """Add any operator; the output shape comes from the table of facts unless it is given.

        The output is quantised like the first computed input unless `scale` is given. With several outputs (of
        one shape) the index of the first is returned; the others follow it.
        """
        operation = Op(type, tuple(inputs), (), dict(options or {}), version=version)
        source = self.tensors[next(i for i in inputs if i >= 0 and not self.tensors[i].is_constant)]
        dtype = dtype or source.dtype
        if shape is None:
            # Some shape functions count the outputs or read the output tensor: show them the op as it will be.
            drawn = Op(type, tuple(inputs), (len(self.tensors),) * outputs, operation.options)
            shape = OPS[type].output_shape(self._graph(()), drawn)
            if shape is None:
                raise ValueError(f"{type}: give the output shape")
        if dtype == "int8":
            scale = source.scale if scale is None else scale
            zero_point = source.zero_point if zero_point is None else zero_point
        else:
            scale = None
        indices = [self.tensor(shape, dtype, scale=scale, zero_point=zero_point or 0) for _ in range(outputs)]
        self.ops.append(Op(type, tuple(inputs), tuple(indices), operation.options, version=version))
        return indices[0]

    def conv_2d(
        self,
        x: int,
        filters: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: str = "NONE",
        per_channel: bool = True,
        bias: bool = True,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> int:
        """CONV_2D with weights [filters, kernel_h, kernel_w, channels]."""
        channels = self.tensors[x].shape[3]
        shape, options = (filters, *kernel, channels), self._spatial(stride, dilation, padding, activation)
        depth, axis = kernel[0] * kernel[1] * channels, 0 if per_channel else None
        return self._weighted(
            "CONV_2D", x, shape, axis, filters, depth, options, bias, activation, scale, zero_point
        )

    def depthwise_conv_2d(
        self,
        x: int,
        kernel: tuple[int, int] = (3, 3),
        *,
        multiplier: int = 1,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: str = "NONE",
        per_channel: bool = True,
        bias: bool = True,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> int:
        """DEPTHWISE_CONV_2D with weights [1, kernel_h, kernel_w, channels · multiplier]."""
        filters = self.tensors[x].shape[3] * multiplier
        options = {
            **self._spatial(stride, dilation, padding, activation),
            "depth_multiplier": multiplier,
        }
        shape, depth, axis = (1, *kernel, filters), kernel[0] * kernel[1], 3 if per_channel else None
        return self._weighted(
            "DEPTHWISE_CONV_2D", x, shape, axis, filters, depth, options, bias, activation, scale, zero_point
        )

    def fully_connected(
        self,
        x: int,
        units: int,
        *,
        activation: str = "NONE",
        per_channel: bool = False,
        bias: bool = True,
        keep_num_dims: bool = False,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> int:
        """FULLY_CONNECTED with weights [units, depth]; the depth is all but the first dimension."""
        source = self.tensors[x].shape
        depth = source[-1] if keep_num_dims else int(np.prod(source[1:]))
        options = {
            "fused_activation_function": _ACTIVATION_CODES[activation],
            "weights_format": 0,
            "keep_num_dims": keep_num_dims,
            "asymmetric_quantize_inputs": False,
        }
        shape, axis = (units, depth), 0 if per_channel else None
        return self._weighted(
            "FULLY_CONNECTED", x, shape, axis, units, depth, options, bias, activation, scale, zero_point
        )

    def pool_2d(
        self,
        type: str,
        x: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] | None = None,
        padding: int = SAME,
        activation: str = "NONE",
    ) -> int:
        """AVERAGE_POOL_2D or MAX_POOL_2D; the stride is the kernel unless given."""
        stride_h, stride_w = stride or kernel
        options = {
            "padding": padding,
            "stride_w": stride_w,
            "stride_h": stride_h,
            "filter_width": kernel[1],
            "filter_height": kernel[0],
            "fused_activation_function": _ACTIVATION_CODES[activation],
        }
        return self.op(type, [x], options)

    def binary(
        self,
        type: str,
        x: int,
        y: int,
        *,
        activation: str = "NONE",
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> int:
        """ADD, SUB or MUL."""
        a, b = self.tensors[x], self.tensors[y]
        if scale is None:
            scale = a.scale * b.scale * 64 if type == "MUL" else (a.scale + b.scale) * 0.7
        zero_point = self._zero_point(activation) if zero_point is None else zero_point
        options: dict[str, Any] = {"fused_activation_function": _ACTIVATION_CODES[activation]}
        if type != "MUL":
            options["pot_scale_int16"] = True
        return self.op(type, [x, y], options, scale=scale, zero_point=zero_point)

    def pad(self, x: int, pads: Sequence[tuple[int, int]]) -> int:
        """PAD with (before, after) along each axis."""
        return self.op("PAD", [x, self.constant(pads)])

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        """RESHAPE to a constant shape."""
        return self.op("RESHAPE", [x, self.constant(list(shape))], {"new_shape": list(shape)})

    def mean(self, x: int, axes: Sequence[int], keep_dims: bool = False, **keywords: Any) -> int:
        """MEAN over constant axes."""
        return self.op("MEAN", [x, self.constant(list(axes))], {"keep_dims": keep_dims}, **keywords)

    def concatenation(self, xs: Sequence[int], axis: int = 3) -> int:
        """CONCATENATION of tensors with one scale."""
        options = {"axis": axis, "fused_activation_function": 0}
        return self.op("CONCATENATION", list(xs), options)

    def softmax(self, x: int, beta: float = 1.0) -> int:
        """SOFTMAX over the last axis, with TFLite's fixed output scale."""
        return self.op("SOFTMAX", [x], {"beta": beta}, scale=1 / 256, zero_point=-128)

    def finish(self, outputs: Sequence[int], name: str = "main") -> Graph:
        """The Graph with these outputs."""
        return self._graph(outputs, name)

    def _graph(self, outputs: Sequence[int], name: str = "main") -> Graph:
        return Graph(tuple(self.tensors), tuple(self.ops), tuple(self.inputs), tuple(outputs), name)

    @staticmethod
    def _spatial(
        stride: tuple[int, int], dilation: tuple[int, int], padding: int, activation: str
    ) -> dict[str, Any]:
        return {
            "padding": padding,
            "stride_w": stride[1],
            "stride_h": stride[0],
            "dilation_w_factor": dilation[1],
            "dilation_h_factor": dilation[0],
            "fused_activation_function": _ACTIVATION_CODES[activation],
        }

    def _zero_point(self, activation: str) -> int:
        """A drawn output zero point; -128 is what converters give a clamped activation, and common."""
        if activation != "NONE" and self.random.random() < 0.7:
            return -128
        return int(self.random.integers(-128, 128))

    def _weighted(
        self,
        type: str,
        x: int,
        shape: tuple[int, ...],
        axis: int | None,
        filters: int,
        depth: int,
        options: dict[str, Any],
        bias: bool,
        activation: str,
        scale: float | None,
        zero_point: int | None,
    ) -> int:
        if not self.values:
            inputs = [x, *self._zeros(shape, axis, filters, bias)]
            return self.op(type, inputs, options, scale=0.05, zero_point=0, version=3)
        weights = self.random.integers(-127, 128, shape, dtype=np.int8)
        source = self.tensors[x]
        count = filters if axis is not None else 1
        # Weights shrink where values have grown large, or scales would overflow in deep graphs.
        unit = np.float32(0.01 / max(source.scale, 1.0))
        drawn = self.random.uniform(0.2, 1.0, count).astype(np.float32) * unit
        scales = tuple(float(s) for s in drawn)
        quantization = Quantization(scales, (0,) * count, axis or 0)
        w = self.tensor(shape, data=weights)
        self.tensors[w] = Tensor(f"t{w}", shape, "int8", quantization, weights.tobytes())
        inputs = [x, w]
        if bias:
            spread = 1500 * depth**0.5
            values = self.random.normal(0, spread, filters).astype(np.int32)
            b = self.tensor((filters,), "int32", data=values)
            bias_scales = tuple(float(np.float32(source.scale) * np.float32(s)) for s in scales)
            self.tensors[b] = Tensor(
                f"t{b}", (filters,), "int32", Quantization(bias_scales, (0,) * count), values.tobytes()
            )
            inputs.append(b)
        else:
            inputs.append(-1)
        if scale is None:
            # The accumulator's spread is about 73² · sqrt(depth): three of it on either side fill the range.
            scale = float(source.scale * np.mean(drawn) * 5400 * depth**0.5 / 42)
        zero_point = self._zero_point(activation) if zero_point is None else zero_point
        return self.op(type, inputs, options, scale=scale, zero_point=zero_point, version=3)

    def _zeros(self, shape: tuple[int, ...], axis: int | None, filters: int, bias: bool) -> tuple[int, int]:
        """Weights and bias without values of their own."""
        count, w = filters if axis is not None else 1, len(self.tensors)
        scales, zeros = (0.01,) * count, (0,) * count
        data = bytes(math.prod(shape))
        self.tensors.append(Tensor(f"t{w}", shape, "int8", Quantization(scales, zeros, axis or 0), data))
        if not bias:
            return w, -1
        bias_data = bytes(4 * filters)
        self.tensors.append(Tensor(f"t{w + 1}", (filters,), "int32", Quantization(scales, zeros), bias_data))
        return w, w + 1
