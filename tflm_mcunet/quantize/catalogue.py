"""What quantisation-aware training knows of Keras layers: those it takes, and what to do about the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_CONV = ("strides", "padding", "dilation_rate", "use_bias", "activation", "data_format")

#: Layer -> the options that its rebuilding needs; what a model may hold besides is refused by name.
OPTIONS: dict[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "ActivityRegularization": (),
    "Add": (),
    "AveragePooling1D": ("pool_size", "strides", "padding", "data_format"),
    "AveragePooling2D": ("pool_size", "strides", "padding", "data_format"),
    "BatchNormalization": ("axis", "epsilon", "center", "scale"),
    "Concatenate": ("axis",),
    "Conv1D": ("filters", "kernel_size", "groups", *_CONV),
    "Conv1DTranspose": ("filters", "kernel_size", "output_padding", *_CONV),
    "Conv2D": ("filters", "kernel_size", "groups", *_CONV),
    "Conv2DTranspose": ("filters", "kernel_size", "output_padding", *_CONV),
    "Cropping1D": ("cropping",),
    "Cropping2D": ("cropping", "data_format"),
    "Dense": ("units", "use_bias", "activation"),
    "DepthwiseConv1D": ("kernel_size", "depth_multiplier", *_CONV),
    "DepthwiseConv2D": ("kernel_size", "depth_multiplier", *_CONV),
    "Dropout": ("rate",),
    "Flatten": ("data_format",),
    "GaussianDropout": (),
    "GaussianNoise": (),
    "GlobalAveragePooling1D": ("keepdims", "data_format"),
    "GlobalAveragePooling2D": ("keepdims", "data_format"),
    "GlobalMaxPooling1D": ("keepdims", "data_format"),
    "GlobalMaxPooling2D": ("keepdims", "data_format"),
    "Identity": (),
    "LeakyReLU": ("alpha", "negative_slope"),
    "MaxPooling1D": ("pool_size", "strides", "padding", "data_format"),
    "MaxPooling2D": ("pool_size", "strides", "padding", "data_format"),
    "Multiply": (),
    "Normalization": ("axis", "invert"),
    "PReLU": ("shared_axes",),
    "Permute": ("dims",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "SeparableConv1D": ("filters", "kernel_size", "depth_multiplier", *_CONV),
    "SeparableConv2D": ("filters", "kernel_size", "depth_multiplier", *_CONV),
    "Softmax": ("axis",),
    "SpatialDropout1D": ("rate",),
    "SpatialDropout2D": ("rate", "data_format"),
    "Subtract": (),
    "UpSampling1D": ("size",),
    "UpSampling2D": ("size", "interpolation", "data_format"),
    "ZeroPadding1D": ("padding", "data_format"),
    "ZeroPadding2D": ("padding", "data_format"),
}

#: Keras's names of activations -> ours. relu and relu6 fuse into the layer before; the others stand alone.
ACTIVATION_ALIASES = {
    "linear": "linear",
    "relu": "relu",
    "relu6": "relu6",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "silu": "silu",
    "swish": "silu",
    "hard_silu": "hard_silu",
    "hard_swish": "hard_silu",
    "hard_sigmoid": "hard_sigmoid",
}

#: Functions of keras.ops and of TensorFlow that are layers by another name.
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "add": ("Add", {}),
    "addv2": ("Add", {}),
    "multiply": ("Multiply", {}),
    "mul": ("Multiply", {}),
    "subtract": ("Subtract", {}),
    "sub": ("Subtract", {}),
    **{
        name: ("Activation", {"activation": ours})
        for name, ours in ACTIVATION_ALIASES.items()
        if name not in ("linear", "softmax", "hard_sigmoid")
    },
}

#: Arithmetic with a number: (number, whether it stands first) -> (scale, offset) of x·scale + offset.
SCALAR: dict[str, Callable[[float, bool], tuple[float, float]]] = {
    "add": lambda c, first: (1.0, c),
    "addv2": lambda c, first: (1.0, c),
    "multiply": lambda c, first: (c, 0.0),
    "mul": lambda c, first: (c, 0.0),
    "subtract": lambda c, first: (-1.0, c) if first else (1.0, -c),
    "sub": lambda c, first: (-1.0, c) if first else (1.0, -c),
    "truediv": lambda c, first: (0.0, 0.0) if first else (1 / c, 0.0),
    "truedivide": lambda c, first: (0.0, 0.0) if first else (1 / c, 0.0),
    "divide": lambda c, first: (0.0, 0.0) if first else (1 / c, 0.0),
}

#: Layers whose weights are quantised, each output channel by itself.
WEIGHTED = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense")

_ADVICE = {
    "ELU": "TFLite has no INT8 kernel for it: use ReLU, LeakyReLU or Activation('hard_silu')",
    "elu": "TFLite has no INT8 kernel for it: use relu or hard_silu",
    "LayerNormalization": "use BatchNormalization, which folds into the layer before it",
    "GroupNormalization": "use BatchNormalization, which folds into the layer before it",
    "UnitNormalization": "normalise the data before the model",
    "LSTM": "use convolutions over time (Conv1D), or post-training quantisation with unroll=True",
    "GRU": "use convolutions over time (Conv1D), or post-training quantisation with unroll=True",
    "SimpleRNN": "use convolutions over time (Conv1D), or post-training quantisation with unroll=True",
    "Bidirectional": "use convolutions over time (Conv1D)",
    "Embedding": "feed the model floats: look the embedding up before it",
    "Lambda": "its function cannot be quantised: write it as Keras layers",
    "TimeDistributed": "apply the layer itself: Dense works on the last axis, Conv2D on images",
    "MultiHeadAttention": "it has no INT8 form in TFLite Micro: use convolutions",
    "Average": "use Add, then Rescaling(0.5)",
    "Maximum": "use Add or Concatenate",
    "Minimum": "use Add or Concatenate",
    "Dot": "use Dense or Conv2D",
    "Conv3D": "TFLite has no INT8 kernel for it: use Conv2D on slices",
    "ThresholdedReLU": "use ReLU",
    "RepeatVector": "use Reshape and UpSampling1D",
    "QuantizeLayer": "TF-MOT has wrapped the model already: pass the float model, or no qat_data",
    "QuantizeWrapper": "TF-MOT has wrapped the model already: pass the float model, or no qat_data",
    "QuantizeWrapperV2": "TF-MOT has wrapped the model already: pass the float model, or no qat_data",
    "Masking": "crop or pad the series before the model",
    "gelu": "use relu or hard_silu",
    "selu": "use relu or hard_silu",
    "softplus": "use relu or hard_silu",
    "leaky_relu": "use a LeakyReLU layer",
}


def advice_for(kind: str) -> str:
    """What to use instead of a layer or activation that cannot be taken."""
    return _ADVICE.get(kind, "there is no way to quantise it here: use one of Keras's standard layers")
