"""The DSP family of Cortex-M4, M7 and M33: portable Calls to Calls of `kernels/arm_dsp`, where that is exact."""
