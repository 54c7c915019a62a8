"""Draws small networks: branches, residuals, gates, several inputs and outputs, everything that shares memory."""

from __future__ import annotations

from hypothesis import strategies as st

from tflm_mcunet.builder import GraphBuilder
from tflm_mcunet.graph import Graph
from tflm_mcunet.ops import SAME, VALID


class Network:
    """A network under construction; `maps` are the images that a next layer may take."""

    def __init__(self, seed: int) -> None:
        self.b = GraphBuilder(seed)
        self.random = self.b.random
        self.maps = [self._input() for _ in range(self.random.integers(1, 3))]

    def _pick(self, options):
        return options[self.random.integers(len(options))]

    def _input(self) -> int:
        shape = (1, *self.random.integers(4, 11, 2), self.random.integers(1, 7))
        if self.random.random() < 0.2:
            x = self.b.input(shape, "float32")
            return self.b.op("QUANTIZE", [x], dtype="int8", scale=0.05, zero_point=-3)
        return self.b.input(shape)

    def shape(self, x: int) -> tuple[int, ...]:
        return self.b.tensors[x].shape

    def activation(self) -> str:
        return self._pick(("NONE", "RELU", "RELU6"))

    def conv(self, x: int) -> int:
        kernel = self._pick(((1, 1), (3, 3), (2, 4)))
        stride, dilation = self._pick(((1, 1), (1, 1), (2, 2), (1, 3))), self._pick(((1, 1), (1, 1), (2, 1)))
        return self.b.conv_2d(
            x, self._pick((1, 4, 9)), kernel, stride=stride, dilation=dilation, activation=self.activation()
        )

    def depthwise(self, x: int) -> int:
        stride, multiplier = self._pick(((1, 1), (1, 1), (2, 2))), self._pick((1, 1, 2))
        kernel = self._pick(((3, 3), (5, 5), (1, 2)))
        activation = self.activation()
        return self.b.depthwise_conv_2d(
            x, kernel, stride=stride, multiplier=multiplier, activation=activation
        )

    def pool(self, x: int) -> int:
        type = self._pick(("AVERAGE_POOL_2D", "MAX_POOL_2D"))
        if min(self.shape(x)[1:3]) >= 2 and self.random.random() < 0.5:
            return self.b.pool_2d(type, x, (2, 2), padding=VALID)
        return self.b.pool_2d(type, x, (3, 2), stride=(1, 1), padding=SAME)

    def residual(self, x: int) -> int:
        y = self.b.conv_2d(x, self.shape(x)[3], (3, 3), activation=self.activation())
        pair = (x, y) if self.random.random() < 0.5 else (y, x)
        return self.b.binary(self._pick(("ADD", "SUB", "MUL")), *pair, activation=self.activation())

    def gate(self, x: int) -> int:
        """A squeeze-and-excite block."""
        b = self.b
        y = b.conv_2d(b.mean(x, (1, 2), keep_dims=True), self.shape(x)[3])
        y = b.op(self._pick(("LOGISTIC",)), [y], scale=1 / 256, zero_point=-128)
        return b.binary("MUL", x, y)

    def elementwise(self, x: int) -> int:
        type = self._pick(("RELU", "HARD_SWISH", "LEAKY_RELU", "TANH"))
        if type == "TANH":
            return self.b.op(type, [x], scale=1 / 128, zero_point=0)
        return self.b.op(type, [x], {"alpha": 0.125} if type == "LEAKY_RELU" else {})

    def pad(self, x: int) -> int:
        return self.b.pad(
            x, [(0, 0), *((int(self.random.integers(3)), int(self.random.integers(3))) for _ in "hw"), (0, 0)]
        )

    def concatenate(self, x: int) -> int:
        source = self.b.tensors[x]
        y = self.b.conv_2d(x, 3, scale=source.scale, zero_point=source.zero_point)
        return self.b.concatenation([y, x] if self.random.random() < 0.5 else [x, y, y])

    def split(self, x: int) -> int:
        b, channels = self.b, self.shape(x)[3]
        if channels % 2:
            return self.conv(x)
        first = b.op("SPLIT", [b.constant(-1), x], {"num_splits": 2}, outputs=2)
        return b.binary("ADD", first, b.op("RELU6", [first + 1]))

    def reshape(self, x: int) -> int:
        n, h, w, c = self.shape(x)
        y = self.b.reshape(x, (n, w, h, c))
        return self.b.op("TRANSPOSE", [y, self.b.constant((0, 2, 1, 3))]) if self.random.random() < 0.5 else y

    def resize(self, x: int) -> int:
        _, h, w, _ = self.shape(x)
        if max(h, w) > 12:
            return self.pool(x)
        options = {"align_corners": False, "half_pixel_centers": True}
        return self.b.op("RESIZE_NEAREST_NEIGHBOR", [x, self.b.constant((2 * h, 2 * w))], options)

    def crop(self, x: int) -> int:
        shape = self.shape(x)
        begin = (0, min(1, shape[1] - 1), 0, 0)
        masks = dict.fromkeys(
            ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
        )
        bounds = (begin, shape, (1, 1, 2, 1))
        return self.b.op("STRIDED_SLICE", [x, *(self.b.constant(v) for v in bounds)], masks)

    def head(self, x: int) -> int:
        b = self.b
        y = b.mean(x, (1, 2)) if self.random.random() < 0.5 else x
        y = b.fully_connected(y, 7, activation=self.activation())
        return b.softmax(y) if self.random.random() < 0.5 else b.op("DEQUANTIZE", [y], dtype="float32")


_LAYERS = (
    "concatenate",
    "conv",
    "conv",
    "crop",
    "depthwise",
    "depthwise",
    "elementwise",
    "gate",
    "pad",
    "pool",
    "reshape",
    "residual",
    "residual",
    "resize",
    "split",
)


def network(seed: int) -> Graph:
    """A network of up to 12 layers; a third of them branches off an earlier one."""
    n = Network(seed)
    for _ in range(n.random.integers(2, 13)):
        x = n.maps[-1] if n.random.random() < 0.67 else n._pick(n.maps)
        n.maps.append(getattr(n, n._pick(_LAYERS))(x))
    outputs = [n.head(n.maps[-1])]
    for x in n.maps[:-1]:
        # Maps that are outputs and read as well; a graph input now and then.
        if n.random.random() < 0.12:
            outputs.append(x)
    n.random.shuffle(outputs)
    return n.b.finish([int(i) for i in outputs])


networks = st.integers(0, 2**32 - 1).map(network)
