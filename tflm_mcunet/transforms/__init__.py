"""Graph → Graph, one file per rewrite, each exact: no byte that the model computes changes."""

from tflm_mcunet.transforms.canonical import canonical, clean
from tflm_mcunet.transforms.edit import Rewritten
from tflm_mcunet.transforms.equal_splits import equal_splits
from tflm_mcunet.transforms.explicit_state import ExplicitState, explicit_state
from tflm_mcunet.transforms.fold_edges import fold_edges
from tflm_mcunet.transforms.fold_pad import fold_pad
from tflm_mcunet.transforms.fuse_activation import fuse_activation
from tflm_mcunet.transforms.grow_kernel import grow_kernels
from tflm_mcunet.transforms.identities import drop_dead_code, drop_identities

__all__ = [
    "ExplicitState",
    "Rewritten",
    "canonical",
    "clean",
    "drop_dead_code",
    "drop_identities",
    "equal_splits",
    "explicit_state",
    "fold_edges",
    "fold_pad",
    "fuse_activation",
    "grow_kernels",
]
