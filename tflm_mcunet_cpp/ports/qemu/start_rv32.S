// RV32 start-up in machine mode: stacks, a trap handler on its own stack, memory protection, the counted call.

        .option arch, +zicsr

        .section .text.port_reset, "ax"
        .globl  port_reset
port_reset:
        .option push
        .option norelax
        la      gp, __global_pointer$
        .option pop
        la      sp, __harness_stack_top
        la      tp, __tls_start
        la      t0, port_trap_entry
        csrw    mtvec, t0
        csrw    mie, zero
        // Physical memory protection: naturally aligned powers of two, locked, so that machine mode obeys them. What no
        // entry allows, the last one forbids: writing to flash, null pointers, the memory below the stack.
        .macro  protect entry, origin, bytes
        la      t0, \origin
        srli    t0, t0, 2
        li      t1, (\bytes >> 3) - 1
        or      t0, t0, t1
        csrw    pmpaddr\entry, t0
        .endm
        protect 0, __harness_code_origin, 0x20000
        protect 1, __program_stack_bottom, 0x20000
        protect 2, __sram_origin, 0x400000
        protect 3, __flash_origin, 0x1000000
        li      t0, -1
        csrw    pmpaddr4, t0
        li      t0, 0x9D9B9B9F          // flash: read, execute; SRAM and stack: read, write; harness: all three
        csrw    pmpcfg0, t0
        li      t0, 0x98                // everything: nothing
        csrw    pmpcfg1, t0
        call    port_start
1:      j       1b

        .section .text.port_trap_entry, "ax"
        .balign 4
        .globl  port_trap_entry
port_trap_entry:
        la      sp, __handler_stack_top
        csrr    a0, mcause
        csrr    a1, mepc
        csrr    a2, mtval
        call    port_fault
1:      j       1b

// minstret in a1:a0 without a branch, so that every stamp takes the same number of instructions: when the upper half
// changed between its two reads, the sign of the lower half tells which one belongs to it.
        .macro  stamp
        csrr    a1, minstreth
        csrr    a0, minstret
        csrr    t1, minstreth
        srai    t2, a0, 31
        not     t3, t2
        and     a1, a1, t2
        and     t1, t1, t3
        or      a1, a1, t1
        .endm

// int port_call_counted(int (*function)(void), void* stack_top, uint64_t stamps[2])
        .section .text.port_call_counted, "ax"
        .globl  port_call_counted
port_call_counted:
        addi    sp, sp, -32
        sw      ra, 28(sp)
        sw      s0, 24(sp)
        sw      s1, 20(sp)
        sw      s2, 16(sp)
        sw      s3, 12(sp)
        mv      s0, sp
        mv      s1, a2
        mv      s2, a0
        mv      sp, a1
        stamp
        sw      a0, 0(s1)
        sw      a1, 4(s1)
        jalr    s2
        mv      s3, a0
        stamp
        sw      a0, 8(s1)
        sw      a1, 12(s1)
        mv      a0, s3
        mv      sp, s0
        lw      ra, 28(sp)
        lw      s0, 24(sp)
        lw      s1, 20(sp)
        lw      s2, 16(sp)
        lw      s3, 12(sp)
        addi    sp, sp, 32
        ret

        .section .text.port_empty_function, "ax"
        .globl  port_empty_function
port_empty_function:
        ret

// uint32_t port_semihosting(uint32_t operation, uintptr_t argument)
// The three uncompressed instructions are the mark that the emulator looks for; they must not straddle a page.
        .section .text.port_semihosting, "ax"
        .option push
        .option norvc
        .option norelax
        .balign 16
        .globl  port_semihosting
port_semihosting:
        slli    x0, x0, 0x1f
        ebreak
        srai    x0, x0, 7
        ret
        .option pop
