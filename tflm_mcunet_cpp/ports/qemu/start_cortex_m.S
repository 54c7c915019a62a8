// Cortex-M start-up: vector table, FPU and MVE, fault handlers on their own stack, the counted call.
//
// Thread mode runs on the process stack (PSP): the harness on its own, the program on another. The handlers keep the
// main stack (MSP), so that a fault is reported even when the program ran out of its stack.

        .syntax unified
        .thumb

        .section .vectors, "a"
        .globl  __vectors
__vectors:
        .word   __handler_stack_top
        .word   port_reset
        .rept   14
        .word   port_fault_entry
        .endr

        .section .text.port_reset, "ax"
        .thumb_func
        .globl  port_reset
port_reset:
        ldr     r0, =__harness_stack_top
        msr     psp, r0
        movs    r0, #2                  // CONTROL.SPSEL: thread mode uses PSP
        msr     control, r0
        isb
        ldr     r0, =0xE000ED88         // CPACR: full access to CP10 and CP11 (FPU, MVE)
        ldr     r1, [r0]
        orr     r1, r1, #(0xF << 20)
        str     r1, [r0]
        dsb
        isb
        bl      port_start
        b       .

// Every exception ends here. The stacked frame (r0-r3, r12, lr, pc, xPSR) is on PSP, unless stacking itself failed
// (CFSR bits STKERR, MSTKERR, or STKOF) or the fault came from a handler.
        .section .text.port_fault_entry, "ax"
        .thumb_func
        .globl  port_fault_entry
port_fault_entry:
        ldr     r3, =0xE000ED28
        ldr     r0, [r3]                // CFSR
        ldr     r2, [r3, #0x10]         // BFAR
        tst     r0, #0x80               // MMARVALID
        it      ne
        ldrne   r2, [r3, #0x0C]         // MMFAR
        ldr     r3, =0x8080             // neither address register is valid: say 0
        tst     r0, r3
        it      eq
        moveq   r2, #0
        movs    r1, #0
        ldr     r3, =0x00101010         // STKOF, STKERR, MSTKERR
        tst     r0, r3
        bne     1f
        tst     lr, #4                  // EXC_RETURN.SPSEL
        beq     1f
        mrs     r1, psp
        ldr     r1, [r1, #24]
1:      bl      port_fault
        b       .

// uint64 stamp in r0:r1, as port_board.cpp explains; 7 instructions a turn; uses r2, r3, r12.
        .section .text.port_stamp, "ax"
        .thumb_func
port_stamp:
        ldr     r3, =PORT_TIMER_VALUE
        movs    r0, #0
        movs    r1, #0
        movs    r2, #PORT_TIMER_READS
1:      ldr     r12, [r3]
#if PORT_TIMER_COUNTS_DOWN
        mvn     r12, r12
#else
        nop
#endif
        adds    r0, r0, r12
        adc     r1, r1, #0
        nop
        subs    r2, r2, #1
        bne     1b
        bx      lr

// int port_call_counted(int (*function)(void), void* stack_top, uint64_t stamps[2])
        .section .text.port_call_counted, "ax"
        .thumb_func
        .globl  port_call_counted
port_call_counted:
        push    {r4-r8, lr}
        mov     r4, sp
        mov     r5, r2
        mov     r6, r0
        mov     sp, r1
        bl      port_stamp
        strd    r0, r1, [r5]
        blx     r6
        mov     r7, r0
        bl      port_stamp
        strd    r0, r1, [r5, #8]
        mov     r0, r7
        mov     sp, r4
        pop     {r4-r8, pc}

        .section .text.port_empty_function, "ax"
        .thumb_func
        .globl  port_empty_function
port_empty_function:
        bx      lr

// uint32_t port_semihosting(uint32_t operation, uintptr_t argument)
        .section .text.port_semihosting, "ax"
        .thumb_func
        .globl  port_semihosting
port_semihosting:
        bkpt    0xAB
        bx      lr
