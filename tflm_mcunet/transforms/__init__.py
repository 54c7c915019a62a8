"""Graph → Graph, one file per rewrite, each exact: no byte that the model computes changes."""

from tflm_mcunet.transforms.canonical import canonical, clean
from tflm_mcunet.transforms.edit import Rewritten
from tflm_mcunet.transforms.fold_edges import fold_edges
from tflm_mcunet.transforms.fold_pad import fold_pad
from tflm_mcunet.transforms.fuse_activation import fuse_activation
from tflm_mcunet.transforms.grow_kernel import grow_kernels
from tflm_mcunet.transforms.identities import drop_dead_code, drop_identities

__all__ = [
    "Rewritten",
    "canonical",
    "clean",
    "drop_dead_code",
    "drop_identities",
    "fold_edges",
    "fold_pad",
    "fuse_activation",
    "grow_kernels",
]
