"""The family of RISC-V cores without SIMD (rv32im): portable Calls to Calls of `kernels/riscv`, where that is exact."""
