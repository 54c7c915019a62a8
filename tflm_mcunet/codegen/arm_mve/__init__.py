"""The MVE family of Cortex-M55 and M85: portable Calls to Calls of `kernels/arm_mve`, where that is exact."""
