/*
 * One trampoline for each C function of the library. In front of this text
 * stand the macros LOAD and TABLE, behind it one line "entry INDEX NAME" for
 * each function. The names are hidden: the library's own calls never end here.
 */

	.section .note.GNU-stack,"",%progbits

	.section .data.rel.local,"aw",%progbits
	.p2align 3
	.globl	TABLE
	.hidden	TABLE
TABLE:

/*
 * A slot points to the second half of its trampoline until the table is
 * filled, and to the function from then on. "hint #34" is bti c: it lets an
 * indirect jump land here. ldar makes what another thread has loaded visible
 * before the jump to it.
 */
.macro entry index name
	.text
	.p2align 4
	.globl	\name
	.hidden	\name
	.type	\name, %function
\name:
	.cfi_startproc
	hint	#34
	adrp	x16, TABLE+8*\index
	add	x16, x16, :lo12:TABLE+8*\index
	ldar	x17, [x16]
	br	x17
.Lempty\index:
	hint	#34
	mov	w17, #\index
	b	first
	.cfi_endproc
	.size	\name, .-\name
	.section .data.rel.local,"aw",%progbits
	.xword	.Lempty\index
.endm

/*
 * first fills the table and goes on to function x17, with every register in
 * which a caller can pass something as it was: x0 to x7, x8 for the place of a
 * large result, q0 to q7.
 */
	.text
	.p2align 4
	.type	first, %function
first:
	.cfi_startproc
	stp	x29, x30, [sp, #-224]!
	.cfi_adjust_cfa_offset 224
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	stp	x8, x17, [sp, #80]
	stp	q0, q1, [sp, #96]
	stp	q2, q3, [sp, #128]
	stp	q4, q5, [sp, #160]
	stp	q6, q7, [sp, #192]
	bl	LOAD
	ldp	q6, q7, [sp, #192]
	ldp	q4, q5, [sp, #160]
	ldp	q2, q3, [sp, #128]
	ldp	q0, q1, [sp, #96]
	ldp	x8, x17, [sp, #80]
	ldp	x6, x7, [sp, #64]
	ldp	x4, x5, [sp, #48]
	ldp	x2, x3, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #224
	.cfi_adjust_cfa_offset -224
	.cfi_restore x29
	.cfi_restore x30
	adrp	x16, TABLE
	add	x16, x16, :lo12:TABLE
	ldr	x17, [x16, x17, lsl #3]
	br	x17
	.cfi_endproc
	.size	first, .-first

