// Xtensa start-up for a core with the call0 ABI: the reset and exception vectors, the counted call.

// The core's first instruction.
        .section .text.port_entry, "ax"
        .align  4
        .globl  port_entry
port_entry:
        j       port_reset

        .section .text.port_reset, "ax"
        .literal_position
        .align  4
        .globl  port_reset
port_reset:
        movi    a0, 0x20                // PS: no exception mode, all interrupts enabled as far as INTENABLE goes
        wsr     a0, ps
        movi    a0, 0
        wsr     a0, intenable
        rsync
        movi    a1, __harness_stack_top
        movi    a0, port_start
        callx0  a0
1:      j       1b

// The vectors of the core, at fixed distances from its vector base: each goes to the one handler.
        .section .text.port_vectors, "ax"
        .macro  vector at
        .org    \at
        j       port_trap_entry
        .endm
        vector  0x30                    // kernel exception
        vector  0x50                    // user exception
        vector  0x70                    // exception in exception mode

// An exception: reported from a stack of its own.
        .align  4
        .literal_position
        .align  4
port_trap_entry:
        movi    a1, __handler_stack_top
        rsr     a2, exccause
        rsr     a3, epc1
        rsr     a4, excvaddr
        movi    a0, port_fault
        callx0  a0
2:      j       2b

// The sum of 25 stamps to a2, as port_board.cpp explains; 7 instructions a turn; uses a3, a4.
        .section .text.port_stamp, "ax"
        .align  4
port_stamp:
        movi    a2, 0
        movi    a3, PORT_TIMER_READS
1:      rsr     a4, ccount
        add     a2, a2, a4
        nop.n
        nop.n
        nop.n
        addi    a3, a3, -1
        bnez    a3, 1b
        ret

// int port_call_counted(int (*function)(void), void* stack_top, uint64_t stamps[2])
        .section .text.port_call_counted, "ax"
        .align  4
        .globl  port_call_counted
port_call_counted:
        addi    a1, a1, -32
        s32i    a0, a1, 0
        s32i    a12, a1, 4
        s32i    a13, a1, 8
        s32i    a14, a1, 12
        s32i    a15, a1, 16
        mov     a12, a1
        mov     a13, a4
        mov     a14, a2
        mov     a1, a3
        call0   port_stamp
        s32i    a2, a13, 0
        callx0  a14
        mov     a15, a2
        call0   port_stamp
        s32i    a2, a13, 8
        mov     a2, a15
        mov     a1, a12
        l32i    a0, a1, 0
        l32i    a12, a1, 4
        l32i    a13, a1, 8
        l32i    a14, a1, 12
        l32i    a15, a1, 16
        addi    a1, a1, 32
        ret

        .section .text.port_empty_function, "ax"
        .align  4
        .globl  port_empty_function
port_empty_function:
        ret

// uint32_t port_simcall(uint32_t call, uint32_t a, uint32_t b, uint32_t c)
        .section .text.port_simcall, "ax"
        .align  4
        .globl  port_simcall
port_simcall:
        simcall
        ret
