/*
 * One trampoline for each C function of the library. In front of this text
 * stand the macros LOAD and TABLE, behind it one line "entry INDEX NAME" for
 * each function. The names are hidden: the library's own calls never end here.
 */

	.section .note.GNU-stack,"",@progbits

	.section .data.rel.local,"aw",@progbits
	.p2align 3
	.globl	TABLE
	.hidden	TABLE
TABLE:

/*
 * A slot points to the second half of its trampoline until the table is
 * filled, and to the function from then on.
 */
.macro entry index name
	.text
	.p2align 4
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	endbr64
	jmp	*TABLE+8*\index(%rip)
.Lempty\index:
	endbr64
	movl	$\index, %r11d
	jmp	first
	.cfi_endproc
	.size	\name, .-\name
	.section .data.rel.local,"aw",@progbits
	.quad	.Lempty\index
.endm

/*
 * first fills the table and goes on to function r11, with every register in
 * which a caller can pass something as it was.
 */
	.text
	.p2align 4
	.type	first, @function
first:
	.cfi_startproc
	subq	$200, %rsp
	.cfi_adjust_cfa_offset 200
	movaps	%xmm0, (%rsp)
	movaps	%xmm1, 16(%rsp)
	movaps	%xmm2, 32(%rsp)
	movaps	%xmm3, 48(%rsp)
	movaps	%xmm4, 64(%rsp)
	movaps	%xmm5, 80(%rsp)
	movaps	%xmm6, 96(%rsp)
	movaps	%xmm7, 112(%rsp)
	movq	%rdi, 128(%rsp)
	movq	%rsi, 136(%rsp)
	movq	%rdx, 144(%rsp)
	movq	%rcx, 152(%rsp)
	movq	%r8, 160(%rsp)
	movq	%r9, 168(%rsp)
	movq	%rax, 176(%rsp)
	movq	%r10, 184(%rsp)
	movq	%r11, 192(%rsp)
	call	LOAD
	movaps	(%rsp), %xmm0
	movaps	16(%rsp), %xmm1
	movaps	32(%rsp), %xmm2
	movaps	48(%rsp), %xmm3
	movaps	64(%rsp), %xmm4
	movaps	80(%rsp), %xmm5
	movaps	96(%rsp), %xmm6
	movaps	112(%rsp), %xmm7
	movq	128(%rsp), %rdi
	movq	136(%rsp), %rsi
	movq	144(%rsp), %rdx
	movq	152(%rsp), %rcx
	movq	160(%rsp), %r8
	movq	168(%rsp), %r9
	movq	184(%rsp), %r10
	movq	192(%rsp), %r11
	leaq	TABLE(%rip), %rax
	movq	(%rax,%r11,8), %r11
	movq	176(%rsp), %rax
	addq	$200, %rsp
	.cfi_adjust_cfa_offset -200
	jmp	*%r11
	.cfi_endproc
	.size	first, .-first

