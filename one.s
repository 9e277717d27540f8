0000000000009aa0 <_ZN2pb3one17h7dcb1e617efda71fE>:
    9aa0:	push   rbp
    9aa1:	push   r15
    9aa3:	push   r14
    9aa5:	push   r13
    9aa7:	push   r12
    9aa9:	push   rbx
    9aaa:	sub    rsp,0x2f8
    9ab1:	mov    r13,rsi
    9ab4:	mov    rbx,rdi
    9ab7:	movabs rcx,0xcbf29ce484222325
    9ac1:	pxor   xmm0,xmm0
    9ac5:	movdqu XMMWORD PTR [rsp+0x20c],xmm0
    9ace:	movdqa XMMWORD PTR [rsp+0x200],xmm0
    9ad7:	movdqa XMMWORD PTR [rsp+0x220],xmm0
    9ae0:	mov    BYTE PTR [rsp+0x230],0x0
    9ae8:	movdqa XMMWORD PTR [rsp+0x40],xmm0
    9aee:	mov    rax,QWORD PTR [rsp+0x240]
    9af6:	mov    QWORD PTR [rsp+0x60],rax
    9afb:	movaps xmm1,XMMWORD PTR [rsp+0x200]
    9b03:	movaps XMMWORD PTR [rsp+0x20],xmm1
    9b08:	movdqa xmm1,XMMWORD PTR [rsp+0x210]
    9b11:	movdqa XMMWORD PTR [rsp+0x30],xmm1
    9b17:	movzx  eax,BYTE PTR [rsp+0x230]
    9b1f:	mov    BYTE PTR [rsp+0x50],al
    9b23:	mov    rax,QWORD PTR [rsp+0x231]
    9b2b:	mov    QWORD PTR [rsp+0x51],rax
    9b30:	mov    eax,DWORD PTR [rsp+0x239]
    9b37:	mov    DWORD PTR [rsp+0x59],eax
    9b3b:	movzx  eax,WORD PTR [rsp+0x23d]
    9b43:	mov    WORD PTR [rsp+0x5d],ax
    9b48:	movzx  eax,BYTE PTR [rsp+0x23f]
    9b50:	mov    BYTE PTR [rsp+0x5f],al
    9b54:	mov    QWORD PTR [rsp+0x68],0x0
    9b5d:	mov    QWORD PTR [rsp+0xb0],0x0
    9b69:	mov    QWORD PTR [rsp+0xb8],rcx
    9b71:	mov    WORD PTR [rsp+0xc0],0x0
    9b7b:	mov    WORD PTR [rsp+0xc4],0x0
    9b85:	mov    BYTE PTR [rsp+0xc6],0x0
    9b8d:	mov    DWORD PTR [rsp+0x1e0],0x0
    9b98:	mov    BYTE PTR [rsp+0x1e4],0x0
    9ba0:	mov    QWORD PTR [rsp+0x1a8],0x0
    9bac:	mov    QWORD PTR [rsp+0x1b8],0x0
    9bb8:	mov    QWORD PTR [rsp+0x1c8],0x0
    9bc4:	mov    WORD PTR [rsp+0x1d8],0x200
    9bce:	movdqa XMMWORD PTR [rsp+0x190],xmm0
    9bd7:	add    r13,rdi
    9bda:	mov    r12,rbx
    9bdd:	jmp    9c28 <_ZN2pb3one17h7dcb1e617efda71fE+0x188>
    9bdf:	mov    BYTE PTR [rsp+0xc6],0x1
    9be7:	mov    BYTE PTR [rsp+0x50],0x7
    9bec:	mov    BYTE PTR [rsp+0x51],sil
    9bf1:	mov    rax,QWORD PTR [rsp+0x1f0]
    9bf9:	and    rax,0xffffffffffffff00
    9bff:	mov    edx,eax
    9c01:	shr    edx,0x8
    9c04:	mov    r12,rbx
    9c07:	mov    QWORD PTR [rsp+0x1f0],rax
    9c0f:	mov    r15,QWORD PTR [rsp+0x2a8]
    9c17:	test   al,al
    9c19:	jne    ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    9c1f:	cmp    r13,r12
    9c22:	je     ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    9c28:	movzx  eax,BYTE PTR [rsp+0x50]
    9c2d:	movzx  r14d,BYTE PTR [rsp+0x51]
    9c33:	movzx  esi,r14b
    9c37:	cmp    eax,0x6
    9c3a:	mov    BYTE PTR [rsp+0x7],r14b
    9c3f:	je     9db0 <_ZN2pb3one17h7dcb1e617efda71fE+0x310>
    9c45:	cmp    eax,0x9
    9c48:	jne    a300 <_ZN2pb3one17h7dcb1e617efda71fE+0x860>
    9c4e:	cmp    r13,r12
    9c51:	jne    9c8b <_ZN2pb3one17h7dcb1e617efda71fE+0x1eb>
    9c53:	mov    BYTE PTR [rsp+0x50],0x9
    9c58:	mov    BYTE PTR [rsp+0x51],r14b
    9c5d:	and    rbp,0xffffffffffffff00
    9c64:	mov    edx,ebp
    9c66:	shr    edx,0x8
    9c69:	mov    eax,ebp
    9c6b:	test   al,al
    9c6d:	je     9c1f <_ZN2pb3one17h7dcb1e617efda71fE+0x17f>
    9c6f:	jmp    ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    9c74:	data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    9c80:	inc    r12
    9c83:	mov    rbx,r12
    9c86:	cmp    r12,r13
    9c89:	je     9c53 <_ZN2pb3one17h7dcb1e617efda71fE+0x1b3>
    9c8b:	movzx  eax,BYTE PTR [r12]
    9c90:	mov    r9d,r14d
    9c93:	movzx  ecx,r14b
    9c97:	test   cl,cl
    9c99:	je     9cb0 <_ZN2pb3one17h7dcb1e617efda71fE+0x210>
    9c9b:	cmp    ecx,0x2
    9c9e:	jne    9cd0 <_ZN2pb3one17h7dcb1e617efda71fE+0x230>
    9ca0:	lea    edx,[rax-0x30]
    9ca3:	mov    r14b,0x2
    9ca6:	cmp    dl,0xa
    9ca9:	jae    9cd0 <_ZN2pb3one17h7dcb1e617efda71fE+0x230>
    9cab:	jmp    9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9cb0:	mov    r14b,0x1
    9cb3:	cmp    al,0x30
    9cb5:	je     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9cbb:	lea    edx,[rax-0x31]
    9cbe:	mov    r14b,0x2
    9cc1:	cmp    dl,0x9
    9cc4:	jb     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9cca:	nop    WORD PTR [rax+rax*1+0x0]
    9cd0:	cmp    al,0x2e
    9cd2:	jne    9cf0 <_ZN2pb3one17h7dcb1e617efda71fE+0x250>
    9cd4:	mov    r14b,0x3
    9cd7:	lea    edx,[rcx-0x1]
    9cda:	cmp    edx,0x2
    9cdd:	jb     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9ce3:	jmp    a4a2 <_ZN2pb3one17h7dcb1e617efda71fE+0xa02>
    9ce8:	nop    DWORD PTR [rax+rax*1+0x0]
    9cf0:	movzx  esi,al
    9cf3:	lea    edx,[rax-0x30]
    9cf6:	lea    edi,[rcx-0x1]
    9cf9:	cmp    dl,0xa
    9cfc:	jae    9d1c <_ZN2pb3one17h7dcb1e617efda71fE+0x27c>
    9cfe:	cmp    edi,0x6
    9d01:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    9d07:	lea    r8,[rip+0x3b5ce]        # 452dc <_fini+0x74c>
    9d0e:	movsxd rdi,DWORD PTR [r8+rdi*4]
    9d12:	add    rdi,r8
    9d15:	jmp    rdi
    9d17:	mov    r14b,0x4
    9d1a:	jmp    9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9d1c:	cmp    edi,0x6
    9d1f:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    9d25:	lea    r8,[rip+0x3b594]        # 452c0 <_fini+0x730>
    9d2c:	movsxd rdi,DWORD PTR [r8+rdi*4]
    9d30:	add    rdi,r8
    9d33:	jmp    rdi
    9d35:	mov    r14b,0x5
    9d38:	or     esi,0x20
    9d3b:	cmp    esi,0x65
    9d3e:	je     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9d40:	jmp    a59e <_ZN2pb3one17h7dcb1e617efda71fE+0xafe>
    9d45:	mov    r14b,0x6
    9d48:	cmp    esi,0x2b
    9d4b:	je     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9d4d:	cmp    esi,0x2d
    9d50:	je     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9d52:	mov    r14b,0x7
    9d55:	cmp    dl,0xa
    9d58:	jb     9d70 <_ZN2pb3one17h7dcb1e617efda71fE+0x2d0>
    9d5a:	jmp    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    9d5f:	mov    r14b,0x7
    9d62:	data16 data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    9d70:	mov    BYTE PTR [rsp+0x200],al
    9d77:	cmp    BYTE PTR [rsp+0xc5],0x0
    9d7f:	je     9c80 <_ZN2pb3one17h7dcb1e617efda71fE+0x1e0>
    9d85:	mov    edx,0x1
    9d8a:	lea    rdi,[rsp+0x20]
    9d8f:	lea    rsi,[rsp+0x200]
    9d97:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    9d9c:	jmp    9c80 <_ZN2pb3one17h7dcb1e617efda71fE+0x1e0>
    9da1:	data16 data16 data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    9db0:	mov    QWORD PTR [rsp+0x2a0],rsi
    9db8:	mov    QWORD PTR [rsp+0x2a8],r15
    9dc0:	cmp    QWORD PTR [rsp+0x30],0x0
    9dc6:	je     9e04 <_ZN2pb3one17h7dcb1e617efda71fE+0x364>
    9dc8:	sub    r13,r12
    9dcb:	lea    rdi,[rsp+0x200]
    9dd3:	lea    rsi,[rsp+0x20]
    9dd8:	mov    rdx,r12
    9ddb:	mov    rcx,r13
    9dde:	call   15c70 <_ZN10portcullis4peek7grammar7Grammar13in_characters17hced3db2964ff2c08E>
    9de3:	cmp    DWORD PTR [rsp+0x200],0x3
    9deb:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    9df1:	mov    r12,QWORD PTR [rsp+0x208]
    9df9:	mov    r13,QWORD PTR [rsp+0x210]
    9e01:	add    r13,r12
    9e04:	mov    QWORD PTR [rsp+0x270],rbp
    9e0c:	mov    QWORD PTR [rsp+0x2b0],r13
    9e14:	data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    9e20:	sub    r13,r12
    9e23:	mov    QWORD PTR [rsp+0x278],r13
    9e2b:	movabs rax,0x7ffffffffffffff0
    9e35:	and    r13,rax
    9e38:	mov    QWORD PTR [rsp+0x18],r12
    9e3d:	lea    rax,[r12+r13*1]
    9e41:	mov    QWORD PTR [rsp+0x250],rax
    9e49:	mov    QWORD PTR [rsp+0x2b8],r13
    9e51:	test   r13,r13
    9e54:	je     a128 <_ZN2pb3one17h7dcb1e617efda71fE+0x688>
    9e5a:	xor    eax,eax
    9e5c:	mov    r11,QWORD PTR [rsp+0x18]
    9e61:	data16 data16 data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    9e70:	mov    QWORD PTR [rsp+0x10],rax
    9e75:	movzx  eax,BYTE PTR [r11]
    9e79:	movzx  ecx,BYTE PTR [r11+0xd]
    9e7e:	cmp    al,0x20
    9e80:	setl   dil
    9e84:	cmp    al,0x22
    9e86:	sete   sil
    9e8a:	cmp    al,0x5c
    9e8c:	sete   r8b
    9e90:	or     r8b,sil
    9e93:	cmp    al,0x7f
    9e95:	sete   al
    9e98:	or     al,dil
    9e9b:	or     al,r8b
    9e9e:	mov    BYTE PTR [rsp+0x1f8],al
    9ea5:	cmp    cl,0x20
    9ea8:	setl   dil
    9eac:	cmp    cl,0x22
    9eaf:	sete   al
    9eb2:	cmp    cl,0x5c
    9eb5:	sete   r8b
    9eb9:	or     r8b,al
    9ebc:	cmp    cl,0x7f
    9ebf:	sete   al
    9ec2:	or     al,dil
    9ec5:	movzx  ecx,WORD PTR [r11+0xe]
    9eca:	movd   xmm0,ecx
    9ece:	movdqa xmm1,XMMWORD PTR [rip+0x3b12a]        # 45000 <_fini+0x470>
    9ed6:	pcmpgtb xmm1,xmm0
    9eda:	movdqa xmm2,xmm0
    9ede:	pcmpeqb xmm2,XMMWORD PTR [rip+0x3b12a]        # 45010 <_fini+0x480>
    9ee6:	movdqa xmm3,xmm0
    9eea:	pcmpeqb xmm3,XMMWORD PTR [rip+0x3b12e]        # 45020 <_fini+0x490>
    9ef2:	por    xmm3,xmm2
    9ef6:	pcmpeqb xmm0,XMMWORD PTR [rip+0x3b132]        # 45030 <_fini+0x4a0>
    9efe:	por    xmm0,xmm1
    9f02:	por    xmm0,xmm3
    9f06:	movdqa XMMWORD PTR [rsp+0x2e0],xmm0
    9f0f:	pslld  xmm0,0x8
    9f14:	pextrw ecx,xmm0,0x1
    9f19:	or     al,r8b
    9f1c:	xor    r8d,r8d
    9f1f:	test   cl,0x1
    9f22:	setne  r8b
    9f26:	shl    r8,0x38
    9f2a:	xor    edi,edi
    9f2c:	test   BYTE PTR [rsp+0x2e0],0x1
    9f34:	setne  dil
    9f38:	shl    rdi,0x30
    9f3c:	movzx  eax,al
    9f3f:	shl    rax,0x28
    9f43:	mov    QWORD PTR [rsp+0x258],rax
    9f4b:	movd   xmm0,DWORD PTR [r11+0x9]
    9f51:	movdqa xmm1,XMMWORD PTR [rip+0x3b0e7]        # 45040 <_fini+0x4b0>
    9f59:	pcmpgtb xmm1,xmm0
    9f5d:	movdqa xmm2,xmm0
    9f61:	pcmpeqb xmm2,XMMWORD PTR [rip+0x3b0e7]        # 45050 <_fini+0x4c0>
    9f69:	movdqa xmm3,xmm0
    9f6d:	pcmpeqb xmm3,XMMWORD PTR [rip+0x3b0eb]        # 45060 <_fini+0x4d0>
    9f75:	por    xmm3,xmm2
    9f79:	pcmpeqb xmm0,XMMWORD PTR [rip+0x3b0ef]        # 45070 <_fini+0x4e0>
    9f81:	por    xmm0,xmm1
    9f85:	por    xmm0,xmm3
    9f89:	movdqa XMMWORD PTR [rsp+0x2d0],xmm0
    9f92:	punpcklbw xmm0,xmm0
    9f96:	punpcklwd xmm0,xmm0
    9f9a:	movdqa XMMWORD PTR [rsp+0x280],xmm0
    9fa3:	xor    esi,esi
    9fa5:	test   BYTE PTR [rsp+0x2d0],0x1
    9fad:	setne  sil
    9fb1:	shl    esi,0x8
    9fb4:	xor    r10d,r10d
    9fb7:	test   BYTE PTR [rsp+0x288],0x1
    9fbf:	setne  r10b
    9fc3:	shl    r10d,0x18
    9fc7:	xor    ebx,ebx
    9fc9:	test   BYTE PTR [rsp+0x284],0x1
    9fd1:	setne  bl
    9fd4:	shl    ebx,0x10
    9fd7:	xor    r13d,r13d
    9fda:	test   BYTE PTR [rsp+0x28c],0x1
    9fe2:	setne  r13b
    9fe6:	shl    r13,0x20
    9fea:	movq   xmm0,QWORD PTR [r11+0x1]
    9ff0:	movdqa xmm1,XMMWORD PTR [rip+0x3b088]        # 45080 <_fini+0x4f0>
    9ff8:	pcmpgtb xmm1,xmm0
    9ffc:	movdqa xmm2,xmm0
    a000:	pcmpeqb xmm2,XMMWORD PTR [rip+0x3b088]        # 45090 <_fini+0x500>
    a008:	movdqa xmm3,xmm0
    a00c:	pcmpeqb xmm3,XMMWORD PTR [rip+0x3b08c]        # 450a0 <_fini+0x510>
    a014:	por    xmm3,xmm2
    a018:	pcmpeqb xmm0,XMMWORD PTR [rip+0x3b090]        # 450b0 <_fini+0x520>
    a020:	por    xmm0,xmm1
    a024:	por    xmm0,xmm3
    a028:	movdqa xmm1,xmm0
    a02c:	punpcklbw xmm1,xmm0
    a030:	movdqa XMMWORD PTR [rsp+0x260],xmm1
    a039:	movdqa XMMWORD PTR [rsp+0x2c0],xmm0
    a042:	xor    eax,eax
    a044:	test   BYTE PTR [rsp+0x266],0x1
    a04c:	setne  al
    a04f:	shl    rax,0x20
    a053:	xor    r14d,r14d
    a056:	test   BYTE PTR [rsp+0x2c0],0x1
    a05e:	setne  r14b
    a062:	shl    r14d,0x8
    a066:	xor    r15d,r15d
    a069:	test   BYTE PTR [rsp+0x268],0x1
    a071:	setne  r15b
    a075:	shl    r15,0x28
    a079:	xor    ecx,ecx
    a07b:	test   BYTE PTR [rsp+0x26c],0x1
    a083:	setne  cl
    a086:	shl    rcx,0x38
    a08a:	xor    r12d,r12d
    a08d:	test   BYTE PTR [rsp+0x264],0x1
    a095:	setne  r12b
    a099:	shl    r12d,0x18
    a09d:	xor    ebp,ebp
    a09f:	test   BYTE PTR [rsp+0x26e],0x1
    a0a7:	setne  bpl
    a0ab:	xor    edx,edx
    a0ad:	test   BYTE PTR [rsp+0x26a],0x1
    a0b5:	setne  dl
    a0b8:	shl    rdx,0x30
    a0bc:	xor    r9d,r9d
    a0bf:	test   BYTE PTR [rsp+0x262],0x1
    a0c7:	setne  r9b
    a0cb:	shl    r9d,0x10
    a0cf:	or     r9,rdx
    a0d2:	or     r9,rax
    a0d5:	or     rbp,r13
    a0d8:	or     rbp,rbx
    a0db:	or     r12,rcx
    a0de:	or     r15,r14
    a0e1:	or     r15,r12
    a0e4:	or     r15,r9
    a0e7:	movzx  eax,BYTE PTR [rsp+0x1f8]
    a0ef:	or     r15,rax
    a0f2:	or     r10d,esi
    a0f5:	or     r10,rbp
    a0f8:	add    r10,QWORD PTR [rsp+0x258]
    a100:	or     rdi,r8
    a103:	or     rdi,r10
    a106:	mov    rax,r15
    a109:	or     rax,rdi
    a10c:	jne    a180 <_ZN2pb3one17h7dcb1e617efda71fE+0x6e0>
    a10e:	mov    rax,QWORD PTR [rsp+0x10]
    a113:	inc    rax
    a116:	add    r11,0x10
    a11a:	cmp    r11,QWORD PTR [rsp+0x250]
    a122:	jne    9e70 <_ZN2pb3one17h7dcb1e617efda71fE+0x3d0>
    a128:	mov    r14,QWORD PTR [rsp+0x278]
    a130:	mov    eax,r14d
    a133:	xor    r15d,r15d
    a136:	and    eax,0xf
    a139:	je     a1d0 <_ZN2pb3one17h7dcb1e617efda71fE+0x730>
    a13f:	mov    rbp,QWORD PTR [rsp+0x270]
    a147:	nop    WORD PTR [rax+rax*1+0x0]
    a150:	mov    rcx,QWORD PTR [rsp+0x250]
    a158:	movzx  ecx,BYTE PTR [rcx+r15*1]
    a15d:	cmp    cl,0x20
    a160:	jl     a1d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x738>
    a162:	cmp    ecx,0x22
    a165:	je     a1d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x738>
    a167:	cmp    ecx,0x5c
    a16a:	je     a1d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x738>
    a16c:	cmp    ecx,0x7f
    a16f:	je     a1d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x738>
    a171:	inc    r15
    a174:	cmp    rax,r15
    a177:	jne    a150 <_ZN2pb3one17h7dcb1e617efda71fE+0x6b0>
    a179:	mov    r15,rax
    a17c:	jmp    a1d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x738>
    a17e:	xchg   ax,ax
    a180:	tzcnt  rax,r15
    a185:	tzcnt  rcx,rdi
    a18a:	add    ecx,0x40
    a18d:	test   r15,r15
    a190:	cmovne ecx,eax
    a193:	shr    ecx,0x3
    a196:	mov    r15,QWORD PTR [rsp+0x10]
    a19b:	shl    r15,0x4
    a19f:	or     r15,rcx
    a1a2:	mov    rbp,QWORD PTR [rsp+0x270]
    a1aa:	mov    rax,QWORD PTR [rsp+0x1f0]
    a1b2:	mov    r12,QWORD PTR [rsp+0x18]
    a1b7:	mov    r14,QWORD PTR [rsp+0x278]
    a1bf:	test   r15,r15
    a1c2:	mov    r13,QWORD PTR [rsp+0x2b0]
    a1ca:	jne    a1fa <_ZN2pb3one17h7dcb1e617efda71fE+0x75a>
    a1cc:	jmp    a23c <_ZN2pb3one17h7dcb1e617efda71fE+0x79c>
    a1ce:	xchg   ax,ax
    a1d0:	mov    rbp,QWORD PTR [rsp+0x270]
    a1d8:	add    r15,QWORD PTR [rsp+0x2b8]
    a1e0:	mov    rax,QWORD PTR [rsp+0x1f0]
    a1e8:	mov    r12,QWORD PTR [rsp+0x18]
    a1ed:	test   r15,r15
    a1f0:	mov    r13,QWORD PTR [rsp+0x2b0]
    a1f8:	je     a23c <_ZN2pb3one17h7dcb1e617efda71fE+0x79c>
    a1fa:	cmp    BYTE PTR [rsp+0xc5],0x0
    a202:	je     a23c <_ZN2pb3one17h7dcb1e617efda71fE+0x79c>
    a204:	cmp    BYTE PTR [rsp+0xc0],0x0
    a20c:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a212:	cmp    r15,r14
    a215:	mov    edx,0x0
    a21a:	cmovbe rdx,r15
    a21e:	mov    rsi,r12
    a221:	mov    eax,0x1
    a226:	cmova  rsi,rax
    a22a:	lea    rdi,[rsp+0x20]
    a22f:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    a234:	mov    rax,QWORD PTR [rsp+0x1f0]
    a23c:	cmp    r15,r14
    a23f:	jae    a42f <_ZN2pb3one17h7dcb1e617efda71fE+0x98f>
    a245:	lea    rbx,[r12+r15*1]
    a249:	inc    rbx
    a24c:	add    r12,r15
    a24f:	movzx  eax,BYTE PTR [r12]
    a254:	cmp    al,0x22
    a256:	je     a43d <_ZN2pb3one17h7dcb1e617efda71fE+0x99d>
    a25c:	cmp    al,0x7e
    a25e:	ja     a2b2 <_ZN2pb3one17h7dcb1e617efda71fE+0x812>
    a260:	cmp    al,0x5c
    a262:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a268:	cmp    BYTE PTR [rsp+0xc5],0x0
    a270:	movzx  esi,BYTE PTR [rsp+0x7]
    a275:	jne    9bdf <_ZN2pb3one17h7dcb1e617efda71fE+0x13f>
    a27b:	cmp    r13,rbx
    a27e:	je     9bdf <_ZN2pb3one17h7dcb1e617efda71fE+0x13f>
    a284:	movzx  eax,BYTE PTR [rbx]
    a287:	lea    ecx,[rax-0x2f]
    a28a:	cmp    ecx,0x45
    a28d:	ja     a2a8 <_ZN2pb3one17h7dcb1e617efda71fE+0x808>
    a28f:	lea    rdx,[rip+0x3b062]        # 452f8 <_fini+0x768>
    a296:	movsxd rax,DWORD PTR [rdx+rcx*4]
    a29a:	add    rax,rdx
    a29d:	jmp    rax
    a29f:	add    r12,0x2
    a2a3:	jmp    9e20 <_ZN2pb3one17h7dcb1e617efda71fE+0x380>
    a2a8:	cmp    eax,0x22
    a2ab:	je     a29f <_ZN2pb3one17h7dcb1e617efda71fE+0x7ff>
    a2ad:	jmp    9bdf <_ZN2pb3one17h7dcb1e617efda71fE+0x13f>
    a2b2:	sub    r14,r15
    a2b5:	mov    ecx,0x0
    a2ba:	cmovae rcx,r14
    a2be:	lea    rdi,[rsp+0x200]
    a2c6:	lea    rsi,[rsp+0x20]
    a2cb:	mov    rdx,r12
    a2ce:	call   15c70 <_ZN10portcullis4peek7grammar7Grammar13in_characters17hced3db2964ff2c08E>
    a2d3:	cmp    DWORD PTR [rsp+0x200],0x3
    a2db:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a2e1:	mov    r12,QWORD PTR [rsp+0x208]
    a2e9:	mov    r13,QWORD PTR [rsp+0x210]
    a2f1:	add    r13,r12
    a2f4:	jmp    9e0c <_ZN2pb3one17h7dcb1e617efda71fE+0x36c>
    a2f9:	nop    DWORD PTR [rax+0x0]
    a300:	cmp    r12,r13
    a303:	je     c17b <_ZN2pb3one17h7dcb1e617efda71fE+0x26db>
    a309:	cmp    eax,0x7
    a30c:	je     a3c7 <_ZN2pb3one17h7dcb1e617efda71fE+0x927>
    a312:	cmp    eax,0x8
    a315:	je     a364 <_ZN2pb3one17h7dcb1e617efda71fE+0x8c4>
    a317:	cmp    eax,0xa
    a31a:	jne    a3ef <_ZN2pb3one17h7dcb1e617efda71fE+0x94f>
    a320:	mov    rax,QWORD PTR [rsp+0x60]
    a325:	test   rax,rax
    a328:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a32e:	mov    rcx,QWORD PTR [rsp+0x58]
    a333:	movzx  edx,BYTE PTR [r12]
    a338:	cmp    BYTE PTR [rcx],dl
    a33a:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a340:	dec    rax
    a343:	je     a52a <_ZN2pb3one17h7dcb1e617efda71fE+0xa8a>
    a349:	inc    rcx
    a34c:	mov    QWORD PTR [rsp+0x58],rcx
    a351:	mov    QWORD PTR [rsp+0x60],rax
    a356:	and    r15,0xffffffffffffff00
    a35d:	mov    al,0xa
    a35f:	jmp    a559 <_ZN2pb3one17h7dcb1e617efda71fE+0xab9>
    a364:	movzx  eax,BYTE PTR [r12]
    a369:	lea    ecx,[rax-0x41]
    a36c:	and    ecx,0xffffffdf
    a36f:	add    ecx,0xa
    a372:	lea    ebx,[rax-0x30]
    a375:	cmp    eax,0x3a
    a378:	cmovae ebx,ecx
    a37b:	cmp    ebx,0x10
    a37e:	jae    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a384:	mov    QWORD PTR [rsp+0x18],r12
    a389:	movzx  eax,BYTE PTR [rsp+0x52]
    a38e:	movzx  r12d,WORD PTR [rsp+0x54]
    a394:	mov    r14d,r12d
    a397:	shl    r14d,0x4
    a39b:	or     ebx,r14d
    a39e:	movzx  ecx,BYTE PTR [rsp+0x7]
    a3a3:	cmp    cl,0x3
    a3a6:	jae    a4b9 <_ZN2pb3one17h7dcb1e617efda71fE+0xa19>
    a3ac:	inc    cl
    a3ae:	and    al,0x1
    a3b0:	mov    BYTE PTR [rsp+0x50],0x8
    a3b5:	mov    BYTE PTR [rsp+0x51],cl
    a3b9:	mov    BYTE PTR [rsp+0x52],al
    a3bd:	mov    WORD PTR [rsp+0x54],bx
    a3c2:	jmp    a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    a3c7:	movzx  eax,BYTE PTR [r12]
    a3cc:	lea    ecx,[rax-0x22]
    a3cf:	cmp    ecx,0x53
    a3d2:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a3d8:	lea    rdx,[rip+0x3b031]        # 45410 <_fini+0x880>
    a3df:	movsxd rcx,DWORD PTR [rdx+rcx*4]
    a3e3:	add    rcx,rdx
    a3e6:	jmp    rcx
    a3e8:	mov    al,0x8
    a3ea:	jmp    a697 <_ZN2pb3one17h7dcb1e617efda71fE+0xbf7>
    a3ef:	mov    rbx,r12
    a3f2:	data16 data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    a400:	movzx  r14d,BYTE PTR [rbx]
    a404:	inc    rbx
    a407:	cmp    r14,0x20
    a40b:	ja     a579 <_ZN2pb3one17h7dcb1e617efda71fE+0xad9>
    a411:	movabs rcx,0x100002600
    a41b:	bt     rcx,r14
    a41f:	jae    a579 <_ZN2pb3one17h7dcb1e617efda71fE+0xad9>
    a425:	cmp    rbx,r13
    a428:	jne    a400 <_ZN2pb3one17h7dcb1e617efda71fE+0x960>
    a42a:	jmp    c17b <_ZN2pb3one17h7dcb1e617efda71fE+0x26db>
    a42f:	and    rax,0xffffffffffffff00
    a435:	mov    rbx,r13
    a438:	jmp    9bff <_ZN2pb3one17h7dcb1e617efda71fE+0x15f>
    a43d:	cmp    BYTE PTR [rsp+0xc0],0x0
    a445:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a44b:	cmp    QWORD PTR [rsp+0x68],0x0
    a451:	mov    eax,0x5
    a456:	mov    ecx,0xb
    a45b:	cmove  eax,ecx
    a45e:	test   BYTE PTR [rsp+0x7],0x1
    a463:	mov    ecx,0x4
    a468:	cmovne eax,ecx
    a46b:	mov    rcx,QWORD PTR [rsp+0x2a0]
    a473:	xor    rcx,0x3
    a477:	mov    BYTE PTR [rsp+0x50],al
    a47b:	cmp    BYTE PTR [rsp+0xc5],0x0
    a483:	mov    eax,0x0
    a488:	cmove  rcx,rax
    a48c:	mov    rax,QWORD PTR [rsp+0x1f0]
    a494:	and    rax,0xffffffffffffff00
    a49a:	or     rax,rcx
    a49d:	jmp    9bff <_ZN2pb3one17h7dcb1e617efda71fE+0x15f>
    a4a2:	cmp    ecx,0x4
    a4a5:	je     a5b9 <_ZN2pb3one17h7dcb1e617efda71fE+0xb19>
    a4ab:	cmp    ecx,0x7
    a4ae:	je     a5b9 <_ZN2pb3one17h7dcb1e617efda71fE+0xb19>
    a4b4:	jmp    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a4b9:	and    al,0x1
    a4bb:	mov    BYTE PTR [rsp+0x50],0x6
    a4c0:	mov    BYTE PTR [rsp+0x51],al
    a4c4:	cmp    BYTE PTR [rsp+0xc5],0x0
    a4cc:	je     a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    a4d2:	movzx  edx,WORD PTR [rsp+0xc0]
    a4da:	movzx  eax,WORD PTR [rsp+0xc2]
    a4e2:	mov    WORD PTR [rsp+0xc0],0x0
    a4ec:	mov    ecx,r12d
    a4ef:	and    ecx,0xfc0
    a4f5:	cmp    ecx,0xd80
    a4fb:	sete   cl
    a4fe:	test   dx,dx
    a501:	sete   sil
    a505:	mov    BYTE PTR [rsp+0x10],sil
    a50a:	test   cl,sil
    a50d:	je     a5e9 <_ZN2pb3one17h7dcb1e617efda71fE+0xb49>
    a513:	mov    WORD PTR [rsp+0xc0],0x1
    a51d:	mov    WORD PTR [rsp+0xc2],bx
    a525:	jmp    a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    a52a:	cmp    QWORD PTR [rsp+0x68],0x0
    a530:	mov    eax,0x5
    a535:	mov    ecx,0xb
    a53a:	cmove  eax,ecx
    a53d:	movzx  ecx,BYTE PTR [rsp+0xc5]
    a545:	lea    rcx,[rcx+rcx*4]
    a549:	and    r15,0xffffffffffff0000
    a550:	or     r15,rcx
    a553:	shl    esi,0x8
    a556:	or     r15,rsi
    a559:	inc    r12
    a55c:	mov    BYTE PTR [rsp+0x50],al
    a560:	mov    edx,r15d
    a563:	shr    edx,0x8
    a566:	mov    rbx,r12
    a569:	mov    eax,r15d
    a56c:	test   al,al
    a56e:	je     9c1f <_ZN2pb3one17h7dcb1e617efda71fE+0x17f>
    a574:	jmp    ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    a579:	cmp    eax,0x5
    a57c:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a582:	mov    eax,eax
    a584:	lea    rcx,[rip+0x3afd5]        # 45560 <_fini+0x9d0>
    a58b:	movsxd rax,DWORD PTR [rcx+rax*4]
    a58f:	add    rax,rcx
    a592:	jmp    rax
    a594:	mov    rcx,QWORD PTR [rsp+0x68]
    a599:	jmp    a817 <_ZN2pb3one17h7dcb1e617efda71fE+0xd77>
    a59e:	cmp    dl,0xa
    a5a1:	cmp    r9b,0x4
    a5a5:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a5ab:	mov    eax,0x16
    a5b0:	bt     eax,ecx
    a5b3:	jae    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a5b9:	cmp    QWORD PTR [rsp+0x68],0x0
    a5bf:	mov    eax,0x5
    a5c4:	mov    ecx,0xb
    a5c9:	cmove  eax,ecx
    a5cc:	mov    BYTE PTR [rsp+0x50],al
    a5d0:	movzx  eax,BYTE PTR [rsp+0xc5]
    a5d8:	and    rbp,0xffffffffffffff00
    a5df:	lea    rbp,[rbp+rax*4+0x0]
    a5e4:	jmp    9c64 <_ZN2pb3one17h7dcb1e617efda71fE+0x1c4>
    a5e9:	test   dx,dx
    a5ec:	mov    ecx,eax
    a5ee:	cmove  ecx,ebx
    a5f1:	mov    esi,ecx
    a5f3:	and    esi,0xf800
    a5f9:	cmp    esi,0xd800
    a5ff:	jne    a711 <_ZN2pb3one17h7dcb1e617efda71fE+0xc71>
    a605:	test   dx,dx
    a608:	je     c2d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x2838>
    a60e:	lea    edx,[rbx+0x2000]
    a614:	movzx  edx,dx
    a617:	cmp    edx,0xfc00
    a61d:	jb     c2d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x2838>
    a623:	movzx  ecx,cx
    a626:	cmp    ecx,0xdbff
    a62c:	ja     c2d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x2838>
    a632:	and    eax,0x3ff
    a637:	mov    ecx,ebx
    a639:	and    ecx,0x3ff
    a63f:	shl    rax,0x1a
    a643:	shl    ecx,0x10
    a646:	or     rcx,rax
    a649:	movabs rax,0x100000000
    a653:	add    rcx,rax
    a656:	mov    rax,rcx
    a659:	shr    rax,0x10
    a65d:	mov    DWORD PTR [rsp],0x0
    a664:	mov    BYTE PTR [rsp+0x10],0x1
    a669:	jmp    a8ce <_ZN2pb3one17h7dcb1e617efda71fE+0xe2e>
    a66e:	mov    al,0xc
    a670:	jmp    a697 <_ZN2pb3one17h7dcb1e617efda71fE+0xbf7>
    a672:	movzx  eax,BYTE PTR [rsp+0x7]
    a677:	and    al,0x1
    a679:	mov    WORD PTR [rsp+0x50],0x8
    a680:	mov    BYTE PTR [rsp+0x52],al
    a684:	mov    WORD PTR [rsp+0x54],0x0
    a68b:	jmp    a6dd <_ZN2pb3one17h7dcb1e617efda71fE+0xc3d>
    a68d:	mov    al,0xd
    a68f:	jmp    a697 <_ZN2pb3one17h7dcb1e617efda71fE+0xbf7>
    a691:	mov    al,0xa
    a693:	jmp    a697 <_ZN2pb3one17h7dcb1e617efda71fE+0xbf7>
    a695:	mov    al,0x9
    a697:	cmp    BYTE PTR [rsp+0xc0],0x0
    a69f:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a6a5:	mov    BYTE PTR [rsp+0x200],al
    a6ac:	cmp    BYTE PTR [rsp+0xc5],0x0
    a6b4:	je     a6cd <_ZN2pb3one17h7dcb1e617efda71fE+0xc2d>
    a6b6:	mov    edx,0x1
    a6bb:	lea    rdi,[rsp+0x20]
    a6c0:	lea    rsi,[rsp+0x200]
    a6c8:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    a6cd:	movzx  eax,BYTE PTR [rsp+0x7]
    a6d2:	and    al,0x1
    a6d4:	mov    BYTE PTR [rsp+0x50],0x6
    a6d9:	mov    BYTE PTR [rsp+0x51],al
    a6dd:	inc    r12
    a6e0:	mov    rax,QWORD PTR [rsp+0x298]
    a6e8:	mov    rcx,rax
    a6eb:	and    rcx,0xffffffffffffff00
    a6f2:	shr    eax,0x8
    a6f5:	mov    edx,eax
    a6f7:	xor    eax,eax
    a6f9:	mov    rbx,r12
    a6fc:	mov    QWORD PTR [rsp+0x298],rcx
    a704:	test   al,al
    a706:	je     9c1f <_ZN2pb3one17h7dcb1e617efda71fE+0x17f>
    a70c:	jmp    ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    a711:	movzx  eax,cx
    a714:	mov    DWORD PTR [rsp],0x0
    a71b:	cmp    eax,0x80
    a720:	jae    a8c9 <_ZN2pb3one17h7dcb1e617efda71fE+0xe29>
    a726:	mov    BYTE PTR [rsp],cl
    a729:	mov    edx,0x1
    a72e:	jmp    a942 <_ZN2pb3one17h7dcb1e617efda71fE+0xea2>
    a733:	cmp    r14b,0x3a
    a737:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a73d:	mov    BYTE PTR [rsp+0x50],0x0
    a742:	jmp    ac43 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a3>
    a747:	cmp    r14d,0x22
    a74b:	je     a76b <_ZN2pb3one17h7dcb1e617efda71fE+0xccb>
    a74d:	cmp    r14d,0x7d
    a751:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a757:	mov    rax,QWORD PTR [rsp+0x68]
    a75c:	jmp    ac1e <_ZN2pb3one17h7dcb1e617efda71fE+0x117e>
    a761:	cmp    r14b,0x22
    a765:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a76b:	mov    rcx,QWORD PTR [rsp+0x68]
    a770:	test   rcx,rcx
    a773:	je     aa07 <_ZN2pb3one17h7dcb1e617efda71fE+0xf67>
    a779:	mov    rax,QWORD PTR [rsp+0x40]
    a77e:	mov    rdx,QWORD PTR [rsp+0x48]
    a783:	dec    cl
    a785:	mov    rsi,rdx
    a788:	shr    rsi,cl
    a78b:	shrd   rax,rdx,cl
    a78f:	test   cl,0x40
    a792:	cmovne rax,rsi
    a796:	and    al,0x1
    a798:	mov    BYTE PTR [rsp+0xc5],al
    a79f:	je     ab3b <_ZN2pb3one17h7dcb1e617efda71fE+0x109b>
    a7a5:	cmp    QWORD PTR [rsp+0xb0],0x41
    a7ae:	mov    eax,0x90
    a7b3:	mov    ecx,0x58
    a7b8:	cmovae rax,rcx
    a7bc:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    a7c2:	je     a7cd <_ZN2pb3one17h7dcb1e617efda71fE+0xd2d>
    a7c4:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    a7cd:	movabs rax,0xcbf29ce484222325
    a7d7:	mov    QWORD PTR [rsp+0xb8],rax
    a7df:	mov    BYTE PTR [rsp+0xc6],0x0
    a7e7:	mov    WORD PTR [rsp+0x50],0x106
    a7ee:	jmp    ac43 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a3>
    a7f3:	mov    rcx,QWORD PTR [rsp+0x68]
    a7f8:	cmp    r14b,0x5d
    a7fc:	jne    a817 <_ZN2pb3one17h7dcb1e617efda71fE+0xd77>
    a7fe:	cmp    rcx,0x1
    a802:	mov    rax,rcx
    a805:	adc    rax,0xffffffffffffffff
    a809:	mov    QWORD PTR [rsp+0x68],rax
    a80e:	cmp    rcx,0x2
    a812:	jmp    ac32 <_ZN2pb3one17h7dcb1e617efda71fE+0x1192>
    a817:	movzx  eax,BYTE PTR [rsp+0xc4]
    a81f:	mov    BYTE PTR [rsp+0xc4],0x0
    a827:	cmp    r14d,0x5b
    a82b:	je     aa1b <_ZN2pb3one17h7dcb1e617efda71fE+0xf7b>
    a831:	cmp    r14d,0x7b
    a835:	jne    aaaa <_ZN2pb3one17h7dcb1e617efda71fE+0x100a>
    a83b:	cmp    rcx,0x7f
    a83f:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    a845:	xor    eax,eax
    a847:	mov    edx,0x1
    a84c:	shld   rax,rdx,cl
    a850:	shl    rdx,cl
    a853:	test   cl,0x40
    a856:	lea    rcx,[rcx+0x1]
    a85a:	cmovne rax,rdx
    a85e:	mov    esi,0x0
    a863:	cmovne rdx,rsi
    a867:	mov    QWORD PTR [rsp+0x68],rcx
    a86c:	or     QWORD PTR [rsp+0x20],rdx
    a871:	or     QWORD PTR [rsp+0x28],rax
    a876:	mov    BYTE PTR [rsp+0x50],0x2
    a87b:	mov    rax,QWORD PTR [rsp+0x8]
    a880:	and    rax,0xffffffffffff0000
    a886:	inc    rax
    a889:	mov    QWORD PTR [rsp+0x8],rax
    a88e:	jmp    ac45 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a5>
    a893:	mov    rax,QWORD PTR [rsp+0x68]
    a898:	cmp    r14b,0x2c
    a89c:	jne    aa81 <_ZN2pb3one17h7dcb1e617efda71fE+0xfe1>
    a8a2:	test   rax,rax
    a8a5:	je     ac0f <_ZN2pb3one17h7dcb1e617efda71fE+0x116f>
    a8ab:	dec    eax
    a8ad:	mov    ecx,eax
    a8af:	and    ecx,0x60
    a8b2:	shr    ecx,0x3
    a8b5:	mov    ecx,DWORD PTR [rsp+rcx*1+0x20]
    a8b9:	xor    edx,edx
    a8bb:	bt     ecx,eax
    a8be:	setb   dl
    a8c1:	lea    eax,[rdx+rdx*2]
    a8c4:	jmp    ac3f <_ZN2pb3one17h7dcb1e617efda71fE+0x119f>
    a8c9:	mov    ecx,eax
    a8cb:	shl    ecx,0x10
    a8ce:	and    al,0x3f
    a8d0:	or     al,0x80
    a8d2:	mov    edx,ecx
    a8d4:	shr    edx,0x16
    a8d7:	cmp    rcx,0x8000000
    a8de:	jae    a8f1 <_ZN2pb3one17h7dcb1e617efda71fE+0xe51>
    a8e0:	or     dl,0xc0
    a8e3:	mov    BYTE PTR [rsp],dl
    a8e6:	mov    BYTE PTR [rsp+0x1],al
    a8ea:	mov    edx,0x2
    a8ef:	jmp    a942 <_ZN2pb3one17h7dcb1e617efda71fE+0xea2>
    a8f1:	and    dl,0x3f
    a8f4:	or     dl,0x80
    a8f7:	mov    rsi,rcx
    a8fa:	shr    rsi,0x1c
    a8fe:	mov    rdi,rcx
    a901:	shr    rdi,0x20
    a905:	jne    a91e <_ZN2pb3one17h7dcb1e617efda71fE+0xe7e>
    a907:	or     sil,0xe0
    a90b:	mov    BYTE PTR [rsp],sil
    a90f:	mov    BYTE PTR [rsp+0x1],dl
    a913:	mov    BYTE PTR [rsp+0x2],al
    a917:	mov    edx,0x3
    a91c:	jmp    a942 <_ZN2pb3one17h7dcb1e617efda71fE+0xea2>
    a91e:	and    sil,0x3f
    a922:	or     sil,0x80
    a926:	shr    rcx,0x22
    a92a:	or     cl,0xf0
    a92d:	mov    BYTE PTR [rsp],cl
    a930:	mov    BYTE PTR [rsp+0x1],sil
    a935:	mov    BYTE PTR [rsp+0x2],dl
    a939:	mov    BYTE PTR [rsp+0x3],al
    a93d:	mov    edx,0x4
    a942:	lea    rdi,[rsp+0x20]
    a947:	mov    rsi,rsp
    a94a:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    a94f:	cmp    BYTE PTR [rsp+0x10],0x0
    a954:	je     a978 <_ZN2pb3one17h7dcb1e617efda71fE+0xed8>
    a956:	mov    r12,QWORD PTR [rsp+0x18]
    a95b:	inc    r12
    a95e:	movzx  edx,BYTE PTR [rsp+0x201]
    a966:	xor    eax,eax
    a968:	mov    rbx,r12
    a96b:	test   al,al
    a96d:	je     9c1f <_ZN2pb3one17h7dcb1e617efda71fE+0x17f>
    a973:	jmp    ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    a978:	and    r12d,0xf80
    a97f:	cmp    r12d,0xd80
    a986:	je     c2d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x2838>
    a98c:	movzx  edx,BYTE PTR [rsp+0xc5]
    a994:	cmp    bx,0x7f
    a998:	ja     a9bc <_ZN2pb3one17h7dcb1e617efda71fE+0xf1c>
    a99a:	test   dl,dl
    a99c:	je     a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    a99e:	mov    DWORD PTR [rsp],0x0
    a9a5:	mov    BYTE PTR [rsp],bl
    a9a8:	mov    edx,0x1
    a9ad:	lea    rdi,[rsp+0x20]
    a9b2:	mov    rsi,rsp
    a9b5:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    a9ba:	jmp    a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    a9bc:	mov    eax,ebx
    a9be:	and    al,0x3f
    a9c0:	or     al,0x80
    a9c2:	mov    ecx,r14d
    a9c5:	shr    ecx,0x6
    a9c8:	movzx  esi,bx
    a9cb:	cmp    esi,0x7ff
    a9d1:	ja     ab47 <_ZN2pb3one17h7dcb1e617efda71fE+0x10a7>
    a9d7:	test   dl,dl
    a9d9:	je     a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    a9df:	or     cl,0xc0
    a9e2:	mov    DWORD PTR [rsp],0x0
    a9e9:	mov    BYTE PTR [rsp],cl
    a9ec:	mov    BYTE PTR [rsp+0x1],al
    a9f0:	mov    edx,0x2
    a9f5:	lea    rdi,[rsp+0x20]
    a9fa:	mov    rsi,rsp
    a9fd:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    aa02:	jmp    a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    aa07:	mov    BYTE PTR [rsp+0xc5],0x0
    aa0f:	mov    WORD PTR [rsp+0x50],0x106
    aa16:	jmp    ac43 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a3>
    aa1b:	cmp    rcx,0x7f
    aa1f:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    aa25:	xor    eax,eax
    aa27:	mov    edx,0x1
    aa2c:	shld   rax,rdx,cl
    aa30:	lea    rdx,[rcx+0x1]
    aa34:	mov    QWORD PTR [rsp+0x68],rdx
    aa39:	mov    edx,0x1
    aa3e:	shl    rdx,cl
    aa41:	test   cl,0x40
    aa44:	cmovne rax,rdx
    aa48:	mov    ecx,0x0
    aa4d:	cmovne rdx,rcx
    aa51:	not    rdx
    aa54:	and    QWORD PTR [rsp+0x20],rdx
    aa59:	not    rax
    aa5c:	and    QWORD PTR [rsp+0x28],rax
    aa61:	mov    BYTE PTR [rsp+0x50],0x1
    aa66:	mov    rax,QWORD PTR [rsp+0x8]
    aa6b:	and    rax,0xffffffffffff0000
    aa71:	or     rax,0x101
    aa77:	mov    QWORD PTR [rsp+0x8],rax
    aa7c:	jmp    ac45 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a5>
    aa81:	test   rax,rax
    aa84:	je     ac13 <_ZN2pb3one17h7dcb1e617efda71fE+0x1173>
    aa8a:	lea    ecx,[rax-0x1]
    aa8d:	mov    edx,ecx
    aa8f:	and    edx,0x60
    aa92:	shr    edx,0x3
    aa95:	mov    edx,DWORD PTR [rsp+rdx*1+0x20]
    aa99:	bt     edx,ecx
    aa9c:	setb   cl
    aa9f:	shl    cl,0x5
    aaa2:	or     cl,0x5d
    aaa5:	jmp    ac15 <_ZN2pb3one17h7dcb1e617efda71fE+0x1175>
    aaaa:	test   rcx,rcx
    aaad:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    aab3:	cmp    r14d,0x65
    aab7:	jle    ab88 <_ZN2pb3one17h7dcb1e617efda71fE+0x10e8>
    aabd:	cmp    r14d,0x66
    aac1:	je     ac5f <_ZN2pb3one17h7dcb1e617efda71fE+0x11bf>
    aac7:	cmp    r14d,0x6e
    aacb:	je     accd <_ZN2pb3one17h7dcb1e617efda71fE+0x122d>
    aad1:	cmp    r14d,0x74
    aad5:	jne    ad94 <_ZN2pb3one17h7dcb1e617efda71fE+0x12f4>
    aadb:	mov    BYTE PTR [rsp+0xc5],al
    aae2:	test   al,al
    aae4:	je     ab28 <_ZN2pb3one17h7dcb1e617efda71fE+0x1088>
    aae6:	cmp    QWORD PTR [rsp+0xb0],0x41
    aaef:	mov    eax,0x90
    aaf4:	mov    ecx,0x58
    aaf9:	cmovae rax,rcx
    aafd:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    ab03:	je     ab0e <_ZN2pb3one17h7dcb1e617efda71fE+0x106e>
    ab05:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    ab0e:	movabs rax,0xcbf29ce484222325
    ab18:	mov    QWORD PTR [rsp+0xb8],rax
    ab20:	mov    BYTE PTR [rsp+0xc6],0x0
    ab28:	mov    WORD PTR [rsp+0x50],0x10a
    ab2f:	lea    rax,[rip+0x3e8d4]        # 4940a <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0x3d2>
    ab36:	jmp    ad28 <_ZN2pb3one17h7dcb1e617efda71fE+0x1288>
    ab3b:	mov    WORD PTR [rsp+0x50],0x106
    ab42:	jmp    ac43 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a3>
    ab47:	test   dl,dl
    ab49:	je     a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    ab4f:	movzx  edx,r14w
    ab53:	and    cl,0x3f
    ab56:	or     cl,0x80
    ab59:	shr    edx,0xc
    ab5c:	or     dl,0xe0
    ab5f:	mov    DWORD PTR [rsp],0x0
    ab66:	mov    BYTE PTR [rsp],dl
    ab69:	mov    BYTE PTR [rsp+0x1],cl
    ab6d:	mov    BYTE PTR [rsp+0x2],al
    ab71:	mov    edx,0x3
    ab76:	lea    rdi,[rsp+0x20]
    ab7b:	mov    rsi,rsp
    ab7e:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    ab83:	jmp    a956 <_ZN2pb3one17h7dcb1e617efda71fE+0xeb6>
    ab88:	cmp    r14d,0x22
    ab8c:	je     ad3b <_ZN2pb3one17h7dcb1e617efda71fE+0x129b>
    ab92:	cmp    r14d,0x2d
    ab96:	jne    ad94 <_ZN2pb3one17h7dcb1e617efda71fE+0x12f4>
    ab9c:	mov    BYTE PTR [rsp+0xc5],al
    aba3:	test   al,al
    aba5:	je     ac08 <_ZN2pb3one17h7dcb1e617efda71fE+0x1168>
    aba7:	cmp    QWORD PTR [rsp+0xb0],0x41
    abb0:	mov    eax,0x90
    abb5:	mov    ecx,0x58
    abba:	cmovae rax,rcx
    abbe:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    abc4:	je     abcf <_ZN2pb3one17h7dcb1e617efda71fE+0x112f>
    abc6:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    abcf:	movabs rax,0xcbf29ce484222325
    abd9:	mov    QWORD PTR [rsp+0xb8],rax
    abe1:	mov    BYTE PTR [rsp+0xc6],0x0
    abe9:	mov    BYTE PTR [rsp+0x200],0x2d
    abf1:	mov    edx,0x1
    abf6:	lea    rdi,[rsp+0x20]
    abfb:	lea    rsi,[rsp+0x200]
    ac03:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    ac08:	xor    eax,eax
    ac0a:	jmp    ae18 <_ZN2pb3one17h7dcb1e617efda71fE+0x1378>
    ac0f:	xor    eax,eax
    ac11:	jmp    ac3f <_ZN2pb3one17h7dcb1e617efda71fE+0x119f>
    ac13:	mov    cl,0x5d
    ac15:	cmp    r14b,cl
    ac18:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    ac1e:	cmp    rax,0x1
    ac22:	mov    rcx,rax
    ac25:	adc    rcx,0xffffffffffffffff
    ac29:	mov    QWORD PTR [rsp+0x68],rcx
    ac2e:	cmp    rax,0x2
    ac32:	mov    eax,0x5
    ac37:	mov    ecx,0xb
    ac3c:	cmovb  eax,ecx
    ac3f:	mov    BYTE PTR [rsp+0x50],al
    ac43:	xor    eax,eax
    ac45:	mov    rcx,QWORD PTR [rsp+0x8]
    ac4a:	mov    edx,ecx
    ac4c:	shr    edx,0x8
    ac4f:	mov    r12,rbx
    ac52:	test   al,al
    ac54:	je     9c1f <_ZN2pb3one17h7dcb1e617efda71fE+0x17f>
    ac5a:	jmp    ae36 <_ZN2pb3one17h7dcb1e617efda71fE+0x1396>
    ac5f:	mov    BYTE PTR [rsp+0xc5],al
    ac66:	test   al,al
    ac68:	je     acac <_ZN2pb3one17h7dcb1e617efda71fE+0x120c>
    ac6a:	cmp    QWORD PTR [rsp+0xb0],0x41
    ac73:	mov    eax,0x90
    ac78:	mov    ecx,0x58
    ac7d:	cmovae rax,rcx
    ac81:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    ac87:	je     ac92 <_ZN2pb3one17h7dcb1e617efda71fE+0x11f2>
    ac89:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    ac92:	movabs rax,0xcbf29ce484222325
    ac9c:	mov    QWORD PTR [rsp+0xb8],rax
    aca4:	mov    BYTE PTR [rsp+0xc6],0x0
    acac:	mov    WORD PTR [rsp+0x50],0xa
    acb3:	lea    rax,[rip+0x3e45a]        # 49114 <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0xdc>
    acba:	mov    QWORD PTR [rsp+0x58],rax
    acbf:	mov    QWORD PTR [rsp+0x60],0x4
    acc8:	jmp    ae21 <_ZN2pb3one17h7dcb1e617efda71fE+0x1381>
    accd:	mov    BYTE PTR [rsp+0xc5],al
    acd4:	test   al,al
    acd6:	je     ad1a <_ZN2pb3one17h7dcb1e617efda71fE+0x127a>
    acd8:	cmp    QWORD PTR [rsp+0xb0],0x41
    ace1:	mov    eax,0x90
    ace6:	mov    ecx,0x58
    aceb:	cmovae rax,rcx
    acef:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    acf5:	je     ad00 <_ZN2pb3one17h7dcb1e617efda71fE+0x1260>
    acf7:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    ad00:	movabs rax,0xcbf29ce484222325
    ad0a:	mov    QWORD PTR [rsp+0xb8],rax
    ad12:	mov    BYTE PTR [rsp+0xc6],0x0
    ad1a:	mov    WORD PTR [rsp+0x50],0x20a
    ad21:	lea    rax,[rip+0x3e6e5]        # 4940d <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0x3d5>
    ad28:	mov    QWORD PTR [rsp+0x58],rax
    ad2d:	mov    QWORD PTR [rsp+0x60],0x3
    ad36:	jmp    ae21 <_ZN2pb3one17h7dcb1e617efda71fE+0x1381>
    ad3b:	mov    BYTE PTR [rsp+0xc5],al
    ad42:	test   al,al
    ad44:	je     ad88 <_ZN2pb3one17h7dcb1e617efda71fE+0x12e8>
    ad46:	cmp    QWORD PTR [rsp+0xb0],0x41
    ad4f:	mov    eax,0x90
    ad54:	mov    ecx,0x58
    ad59:	cmovae rax,rcx
    ad5d:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    ad63:	je     ad6e <_ZN2pb3one17h7dcb1e617efda71fE+0x12ce>
    ad65:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    ad6e:	movabs rax,0xcbf29ce484222325
    ad78:	mov    QWORD PTR [rsp+0xb8],rax
    ad80:	mov    BYTE PTR [rsp+0xc6],0x0
    ad88:	mov    WORD PTR [rsp+0x50],0x6
    ad8f:	jmp    ae21 <_ZN2pb3one17h7dcb1e617efda71fE+0x1381>
    ad94:	lea    ecx,[r14-0x30]
    ad98:	cmp    cl,0xa
    ad9b:	jae    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    ada1:	mov    BYTE PTR [rsp+0xc5],al
    ada8:	test   al,al
    adaa:	je     ae0d <_ZN2pb3one17h7dcb1e617efda71fE+0x136d>
    adac:	cmp    QWORD PTR [rsp+0xb0],0x41
    adb5:	mov    eax,0x90
    adba:	mov    ecx,0x58
    adbf:	cmovae rax,rcx
    adc3:	cmp    QWORD PTR [rsp+rax*1+0x20],0x0
    adc9:	je     add4 <_ZN2pb3one17h7dcb1e617efda71fE+0x1334>
    adcb:	mov    QWORD PTR [rsp+rax*1+0x20],0x0
    add4:	movabs rax,0xcbf29ce484222325
    adde:	mov    QWORD PTR [rsp+0xb8],rax
    ade6:	mov    BYTE PTR [rsp+0xc6],0x0
    adee:	mov    BYTE PTR [rsp+0x200],r14b
    adf6:	mov    edx,0x1
    adfb:	lea    rdi,[rsp+0x20]
    ae00:	lea    rsi,[rsp+0x200]
    ae08:	call   16260 <_ZN10portcullis4peek7grammar7Grammar7keep_on17h0c423252365bb8abE>
    ae0d:	cmp    r14b,0x30
    ae11:	sete   cl
    ae14:	mov    al,0x2
    ae16:	sub    al,cl
    ae18:	mov    BYTE PTR [rsp+0x50],0x9
    ae1d:	mov    BYTE PTR [rsp+0x51],al
    ae21:	mov    rax,QWORD PTR [rsp+0x8]
    ae26:	and    rax,0xffffffffffffff00
    ae2c:	mov    QWORD PTR [rsp+0x8],rax
    ae31:	jmp    ac45 <_ZN2pb3one17h7dcb1e617efda71fE+0x11a5>
    ae36:	movzx  eax,al
    ae39:	lea    rcx,[rip+0x3a738]        # 45578 <_fini+0x9e8>
    ae40:	movsxd rax,DWORD PTR [rcx+rax*4]
    ae44:	add    rax,rcx
    ae47:	jmp    rax
    ae49:	movzx  esi,BYTE PTR [rsp+0x1e4]
    ae51:	mov    BYTE PTR [rsp+0x1e4],0x0
    ae59:	mov    rax,QWORD PTR [rsp+0x68]
    ae5e:	lea    rcx,[rax-0x1]
    ae62:	cmp    rcx,0x3
    ae66:	ja     b156 <_ZN2pb3one17h7dcb1e617efda71fE+0x16b6>
    ae6c:	cmp    rax,0x3
    ae70:	je     b288 <_ZN2pb3one17h7dcb1e617efda71fE+0x17e8>
    ae76:	cmp    rax,0x2
    ae7a:	je     b266 <_ZN2pb3one17h7dcb1e617efda71fE+0x17c6>
    ae80:	cmp    rax,0x1
    ae84:	jne    b166 <_ZN2pb3one17h7dcb1e617efda71fE+0x16c6>
    ae8a:	mov    r8b,0x1
    ae8d:	test   dl,0x1
    ae90:	je     b765 <_ZN2pb3one17h7dcb1e617efda71fE+0x1cc5>
    ae96:	jmp    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    ae9b:	movzx  eax,BYTE PTR [rsp+0x1e4]
    aea3:	mov    BYTE PTR [rsp+0x1e4],0x0
    aeab:	mov    ecx,0x61
    aeb0:	bt     ecx,eax
    aeb3:	jb     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    aeb9:	cmp    eax,0x4
    aebc:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    aec2:	mov    rdx,QWORD PTR [rsp+0xb0]
    aeca:	lea    rsi,[rsp+0x70]
    aecf:	cmp    rdx,0x41
    aed3:	jb     aedf <_ZN2pb3one17h7dcb1e617efda71fE+0x143f>
    aed5:	mov    rsi,QWORD PTR [rsp+0x70]
    aeda:	mov    rdx,QWORD PTR [rsp+0x78]
    aedf:	lea    rdi,[rsp+0x200]
    aee7:	call   f950 <_RNvNtNtCsgEmfK2I1SDS_4core3str8converts9from_utf8>
    aeec:	cmp    BYTE PTR [rsp+0x200],0x0
    aef4:	mov    rcx,QWORD PTR [rsp+0x210]
    aefc:	mov    eax,0x0
    af01:	cmovne rcx,rax
    af05:	mov    rsi,QWORD PTR [rsp+0x208]
    af0d:	mov    eax,0x1
    af12:	cmovne rsi,rax
    af16:	test   rcx,rcx
    af19:	je     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    af1f:	cmp    rcx,0x1
    af23:	jne    b51d <_ZN2pb3one17h7dcb1e617efda71fE+0x1a7d>
    af29:	movzx  eax,BYTE PTR [rsi]
    af2c:	cmp    eax,0x2b
    af2f:	je     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    af35:	cmp    eax,0x2d
    af38:	je     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    af3e:	jmp    b520 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a80>
    af43:	mov    r14,QWORD PTR [rsp+0xb0]
    af4b:	mov    r12,QWORD PTR [rsp+0x70]
    af50:	lea    r15,[rsp+0x70]
    af55:	mov    rbp,r14
    af58:	cmp    r14,0x41
    af5c:	jb     af66 <_ZN2pb3one17h7dcb1e617efda71fE+0x14c6>
    af5e:	mov    rbp,QWORD PTR [rsp+0x78]
    af63:	mov    r15,r12
    af66:	mov    rax,QWORD PTR [rsp+0x68]
    af6b:	cmp    rax,0x3
    af6f:	ja     b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    af75:	movzx  eax,BYTE PTR [rsp+rax*1+0x1e0]
    af7d:	lea    rcx,[rip+0x3a628]        # 455ac <_fini+0xa1c>
    af84:	movsxd rax,DWORD PTR [rcx+rax*4]
    af88:	add    rax,rcx
    af8b:	jmp    rax
    af8d:	movzx  edx,BYTE PTR [rsp+0xc6]
    af95:	mov    rdi,r15
    af98:	mov    rsi,rbp
    af9b:	call   16580 <_ZN10portcullis4peek16looks_like_model17h73a3dd3e71b5b075E>
    afa0:	test   al,al
    afa2:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    afa8:	mov    rax,QWORD PTR [rsp+0x190]
    afb0:	lea    rcx,[rsp+0xd0]
    afb8:	cmp    rax,0x19
    afbc:	jb     afce <_ZN2pb3one17h7dcb1e617efda71fE+0x152e>
    afbe:	mov    rcx,QWORD PTR [rsp+0xd0]
    afc6:	mov    rax,QWORD PTR [rsp+0xd8]
    afce:	mov    rsi,QWORD PTR [rsp+0xb8]
    afd6:	mov    rdx,rax
    afd9:	movabs rdi,0xffffffffffffff8
    afe3:	and    rdx,rdi
    afe6:	xor    edi,edi
    afe8:	cmp    rdx,rdi
    afeb:	je     b5d8 <_ZN2pb3one17h7dcb1e617efda71fE+0x1b38>
    aff1:	cmp    QWORD PTR [rcx+rdi*8],rsi
    aff5:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    affb:	cmp    QWORD PTR [rcx+rdi*8+0x8],rsi
    b000:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b006:	cmp    QWORD PTR [rcx+rdi*8+0x10],rsi
    b00b:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b011:	cmp    QWORD PTR [rcx+rdi*8+0x18],rsi
    b016:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b01c:	cmp    QWORD PTR [rcx+rdi*8+0x20],rsi
    b021:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b027:	cmp    QWORD PTR [rcx+rdi*8+0x28],rsi
    b02c:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b032:	cmp    QWORD PTR [rcx+rdi*8+0x30],rsi
    b037:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b03d:	cmp    QWORD PTR [rcx+rdi*8+0x38],rsi
    b042:	lea    rdi,[rdi+0x8]
    b046:	jne    afe8 <_ZN2pb3one17h7dcb1e617efda71fE+0x1548>
    b048:	jmp    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b04d:	movzx  eax,BYTE PTR [rsp+0x1e4]
    b055:	mov    BYTE PTR [rsp+0x1e4],0x0
    b05d:	lea    rcx,[rip+0x3a52c]        # 45590 <_fini+0xa00>
    b064:	movsxd rax,DWORD PTR [rcx+rax*4]
    b068:	add    rax,rcx
    b06b:	jmp    rax
    b06d:	mov    rdx,QWORD PTR [rsp+0xb0]
    b075:	lea    rsi,[rsp+0x70]
    b07a:	cmp    rdx,0x41
    b07e:	jb     b08a <_ZN2pb3one17h7dcb1e617efda71fE+0x15ea>
    b080:	mov    rsi,QWORD PTR [rsp+0x70]
    b085:	mov    rdx,QWORD PTR [rsp+0x78]
    b08a:	lea    rdi,[rsp+0x200]
    b092:	call   f950 <_RNvNtNtCsgEmfK2I1SDS_4core3str8converts9from_utf8>
    b097:	cmp    DWORD PTR [rsp+0x200],0x1
    b09f:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b0a5:	mov    rbp,QWORD PTR [rsp+0x210]
    b0ad:	lea    rax,[rbp-0x101]
    b0b4:	cmp    rax,0xffffffffffffff00
    b0ba:	jb     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b0c0:	mov    r15,QWORD PTR [rsp+0x208]
    b0c8:	mov    esi,0x1
    b0cd:	mov    rdi,rbp
    b0d0:	call   da60 <_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc>
    b0d5:	test   rax,rax
    b0d8:	je     c387 <_ZN2pb3one17h7dcb1e617efda71fE+0x28e7>
    b0de:	mov    r14,rax
    b0e1:	mov    rdi,rax
    b0e4:	mov    rsi,r15
    b0e7:	mov    rdx,rbp
    b0ea:	call   QWORD PTR [rip+0x48e38]        # 53f28 <memcpy@GLIBC_2.14>
    b0f0:	mov    rdi,QWORD PTR [rsp+0x1a8]
    b0f8:	test   rdi,rdi
    b0fb:	je     b10e <_ZN2pb3one17h7dcb1e617efda71fE+0x166e>
    b0fd:	cmp    QWORD PTR [rsp+0x1b0],0x0
    b106:	je     b10e <_ZN2pb3one17h7dcb1e617efda71fE+0x166e>
    b108:	call   QWORD PTR [rip+0x48d22]        # 53e30 <free@GLIBC_2.2.5>
    b10e:	mov    QWORD PTR [rsp+0x1a8],r14
    b116:	mov    QWORD PTR [rsp+0x1b0],rbp
    b11e:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b123:	movzx  eax,BYTE PTR [rsp+0x1e4]
    b12b:	mov    BYTE PTR [rsp+0x1e4],0x0
    b133:	mov    ecx,0x71
    b138:	bt     ecx,eax
    b13b:	jb     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b141:	cmp    eax,0x3
    b144:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b14a:	mov    BYTE PTR [rsp+0x1d9],dl
    b151:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b156:	cmp    rax,0x4
    b15a:	jae    b166 <_ZN2pb3one17h7dcb1e617efda71fE+0x16c6>
    b15c:	xor    edi,edi
    b15e:	mov    BYTE PTR [rsp+rax*1+0x1e0],dil
    b166:	cmp    rax,0x1
    b16a:	adc    rax,0xffffffffffffffff
    b16e:	xor    edx,edx
    b170:	mov    ecx,eax
    b172:	mov    edi,0x1
    b177:	shld   rdx,rdi,cl
    b17b:	shl    rdi,cl
    b17e:	test   al,0x40
    b180:	cmovne rdx,rdi
    b184:	mov    eax,0x0
    b189:	cmovne rdi,rax
    b18d:	not    rdx
    b190:	not    rdi
    b193:	and    rdx,QWORD PTR [rsp+0x48]
    b198:	and    rdi,QWORD PTR [rsp+0x40]
    b19d:	jmp    b795 <_ZN2pb3one17h7dcb1e617efda71fE+0x1cf5>
    b1a2:	mov    rdx,QWORD PTR [rsp+0xb0]
    b1aa:	lea    rsi,[rsp+0x70]
    b1af:	cmp    rdx,0x41
    b1b3:	jb     b1bf <_ZN2pb3one17h7dcb1e617efda71fE+0x171f>
    b1b5:	mov    rsi,QWORD PTR [rsp+0x70]
    b1ba:	mov    rdx,QWORD PTR [rsp+0x78]
    b1bf:	lea    rdi,[rsp+0x200]
    b1c7:	call   f950 <_RNvNtNtCsgEmfK2I1SDS_4core3str8converts9from_utf8>
    b1cc:	cmp    DWORD PTR [rsp+0x200],0x1
    b1d4:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b1da:	mov    rbp,QWORD PTR [rsp+0x210]
    b1e2:	lea    rax,[rbp-0x101]
    b1e9:	cmp    rax,0xffffffffffffff00
    b1ef:	jb     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b1f5:	mov    r15,QWORD PTR [rsp+0x208]
    b1fd:	mov    esi,0x1
    b202:	mov    rdi,rbp
    b205:	call   da60 <_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc>
    b20a:	test   rax,rax
    b20d:	je     c387 <_ZN2pb3one17h7dcb1e617efda71fE+0x28e7>
    b213:	mov    r14,rax
    b216:	mov    rdi,rax
    b219:	mov    rsi,r15
    b21c:	mov    rdx,rbp
    b21f:	call   QWORD PTR [rip+0x48d03]        # 53f28 <memcpy@GLIBC_2.14>
    b225:	mov    rdi,QWORD PTR [rsp+0x1b8]
    b22d:	test   rdi,rdi
    b230:	je     b57a <_ZN2pb3one17h7dcb1e617efda71fE+0x1ada>
    b236:	cmp    QWORD PTR [rsp+0x1c0],rbp
    b23e:	jne    b250 <_ZN2pb3one17h7dcb1e617efda71fE+0x17b0>
    b240:	mov    rsi,r14
    b243:	mov    rdx,rbp
    b246:	call   QWORD PTR [rip+0x48d04]        # 53f50 <bcmp@GLIBC_2.2.5>
    b24c:	test   eax,eax
    b24e:	je     b258 <_ZN2pb3one17h7dcb1e617efda71fE+0x17b8>
    b250:	mov    BYTE PTR [rsp+0x1d8],0x1
    b258:	mov    rdi,r14
    b25b:	call   QWORD PTR [rip+0x48bcf]        # 53e30 <free@GLIBC_2.2.5>
    b261:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b266:	cmp    esi,0x5
    b269:	je     b759 <_ZN2pb3one17h7dcb1e617efda71fE+0x1cb9>
    b26f:	cmp    esi,0x6
    b272:	jne    b15c <_ZN2pb3one17h7dcb1e617efda71fE+0x16bc>
    b278:	xor    ecx,ecx
    b27a:	test   dl,0x1
    b27d:	setne  cl
    b280:	lea    edi,[rcx+rcx*2]
    b283:	jmp    b15e <_ZN2pb3one17h7dcb1e617efda71fE+0x16be>
    b288:	xor    edi,edi
    b28a:	cmp    BYTE PTR [rsp+0x1e2],0x3
    b292:	jne    b15e <_ZN2pb3one17h7dcb1e617efda71fE+0x16be>
    b298:	mov    r8b,0x4
    b29b:	test   dl,0x1
    b29e:	je     b765 <_ZN2pb3one17h7dcb1e617efda71fE+0x1cc5>
    b2a4:	jmp    b15e <_ZN2pb3one17h7dcb1e617efda71fE+0x16be>
    b2a9:	cmp    rbp,0x5
    b2ad:	jne    b4eb <_ZN2pb3one17h7dcb1e617efda71fE+0x1a4b>
    b2b3:	cmp    BYTE PTR [r15],0x6d
    b2b7:	jne    b4eb <_ZN2pb3one17h7dcb1e617efda71fE+0x1a4b>
    b2bd:	lea    rax,[r12+0x1]
    b2c2:	cmp    r14,0x41
    b2c6:	lea    rcx,[rsp+0x71]
    b2cb:	cmovb  rax,rcx
    b2cf:	cmp    BYTE PTR [rax],0x6f
    b2d2:	jne    b4eb <_ZN2pb3one17h7dcb1e617efda71fE+0x1a4b>
    b2d8:	lea    rax,[r12+0x2]
    b2dd:	cmp    r14,0x41
    b2e1:	lea    rcx,[rsp+0x72]
    b2e6:	cmovb  rax,rcx
    b2ea:	cmp    BYTE PTR [rax],0x64
    b2ed:	jne    b4eb <_ZN2pb3one17h7dcb1e617efda71fE+0x1a4b>
    b2f3:	lea    rax,[r12+0x3]
    b2f8:	cmp    r14,0x41
    b2fc:	lea    rcx,[rsp+0x73]
    b301:	cmovb  rax,rcx
    b305:	cmp    BYTE PTR [rax],0x65
    b308:	jne    b4eb <_ZN2pb3one17h7dcb1e617efda71fE+0x1a4b>
    b30e:	add    r12,0x4
    b312:	cmp    r14,0x41
    b316:	lea    rax,[rsp+0x74]
    b31b:	cmovb  r12,rax
    b31f:	cmp    BYTE PTR [r12],0x6c
    b324:	jne    b4eb <_ZN2pb3one17h7dcb1e617efda71fE+0x1a4b>
    b32a:	mov    cl,0x2
    b32c:	mov    al,0x1
    b32e:	jmp    b50a <_ZN2pb3one17h7dcb1e617efda71fE+0x1a6a>
    b333:	cmp    rbp,0xf
    b337:	je     b7b1 <_ZN2pb3one17h7dcb1e617efda71fE+0x1d11>
    b33d:	cmp    rbp,0x11
    b341:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b347:	cmp    BYTE PTR [r15],0x6d
    b34b:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b351:	lea    rax,[r12+0x1]
    b356:	cmp    r14,0x41
    b35a:	lea    rcx,[rsp+0x71]
    b35f:	cmovb  rax,rcx
    b363:	cmp    BYTE PTR [rax],0x61
    b366:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b36c:	lea    rax,[r12+0x2]
    b371:	cmp    r14,0x41
    b375:	lea    rcx,[rsp+0x72]
    b37a:	cmovb  rax,rcx
    b37e:	cmp    BYTE PTR [rax],0x78
    b381:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b387:	lea    rax,[r12+0x3]
    b38c:	cmp    r14,0x41
    b390:	lea    rcx,[rsp+0x73]
    b395:	cmovb  rax,rcx
    b399:	cmp    BYTE PTR [rax],0x5f
    b39c:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b3a2:	lea    rax,[r12+0x4]
    b3a7:	cmp    r14,0x41
    b3ab:	lea    rcx,[rsp+0x74]
    b3b0:	cmovb  rax,rcx
    b3b4:	cmp    BYTE PTR [rax],0x6f
    b3b7:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b3bd:	lea    rax,[r12+0x5]
    b3c2:	cmp    r14,0x41
    b3c6:	lea    rcx,[rsp+0x75]
    b3cb:	cmovb  rax,rcx
    b3cf:	cmp    BYTE PTR [rax],0x75
    b3d2:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b3d8:	lea    rax,[r12+0x6]
    b3dd:	cmp    r14,0x41
    b3e1:	lea    rcx,[rsp+0x76]
    b3e6:	cmovb  rax,rcx
    b3ea:	cmp    BYTE PTR [rax],0x74
    b3ed:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b3f3:	lea    rax,[r12+0x7]
    b3f8:	cmp    r14,0x41
    b3fc:	lea    rcx,[rsp+0x77]
    b401:	cmovb  rax,rcx
    b405:	cmp    BYTE PTR [rax],0x70
    b408:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b40e:	lea    rax,[r12+0x8]
    b413:	cmp    r14,0x41
    b417:	lea    rcx,[rsp+0x78]
    b41c:	cmovb  rax,rcx
    b420:	cmp    BYTE PTR [rax],0x75
    b423:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b429:	lea    rax,[r12+0x9]
    b42e:	cmp    r14,0x41
    b432:	lea    rcx,[rsp+0x79]
    b437:	cmovb  rax,rcx
    b43b:	cmp    BYTE PTR [rax],0x74
    b43e:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b444:	lea    rax,[r12+0xa]
    b449:	cmp    r14,0x41
    b44d:	lea    rcx,[rsp+0x7a]
    b452:	cmovb  rax,rcx
    b456:	cmp    BYTE PTR [rax],0x5f
    b459:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b45f:	lea    rax,[r12+0xb]
    b464:	cmp    r14,0x41
    b468:	lea    rcx,[rsp+0x7b]
    b46d:	cmovb  rax,rcx
    b471:	cmp    BYTE PTR [rax],0x74
    b474:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b47a:	lea    rax,[r12+0xc]
    b47f:	cmp    r14,0x41
    b483:	lea    rcx,[rsp+0x7c]
    b488:	cmovb  rax,rcx
    b48c:	cmp    BYTE PTR [rax],0x6f
    b48f:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b491:	lea    rax,[r12+0xd]
    b496:	cmp    r14,0x41
    b49a:	lea    rcx,[rsp+0x7d]
    b49f:	cmovb  rax,rcx
    b4a3:	cmp    BYTE PTR [rax],0x6b
    b4a6:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b4a8:	lea    rax,[r12+0xe]
    b4ad:	cmp    r14,0x41
    b4b1:	lea    rcx,[rsp+0x7e]
    b4b6:	cmovb  rax,rcx
    b4ba:	cmp    BYTE PTR [rax],0x65
    b4bd:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b4bf:	lea    rax,[r12+0xf]
    b4c4:	cmp    r14,0x41
    b4c8:	lea    rcx,[rsp+0x7f]
    b4cd:	cmovb  rax,rcx
    b4d1:	cmp    BYTE PTR [rax],0x6e
    b4d4:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b4d6:	add    r12,0x10
    b4da:	cmp    r14,0x41
    b4de:	lea    rax,[rsp+0x80]
    b4e6:	jmp    be10 <_ZN2pb3one17h7dcb1e617efda71fE+0x2370>
    b4eb:	movzx  edx,BYTE PTR [rsp+0xc6]
    b4f3:	mov    rdi,r15
    b4f6:	mov    rsi,rbp
    b4f9:	call   16580 <_ZN10portcullis4peek16looks_like_model17h73a3dd3e71b5b075E>
    b4fe:	test   al,al
    b500:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b506:	xor    eax,eax
    b508:	xor    ecx,ecx
    b50a:	mov    BYTE PTR [rsp+0x1e4],cl
    b511:	mov    BYTE PTR [rsp+0xc4],al
    b518:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b51d:	movzx  eax,BYTE PTR [rsi]
    b520:	xor    edi,edi
    b522:	cmp    al,0x2b
    b524:	sete   dil
    b528:	mov    rdx,rcx
    b52b:	sub    rdx,rdi
    b52e:	add    rsi,rdi
    b531:	mov    rax,rdi
    b534:	neg    rax
    b537:	cmp    rdx,0x11
    b53b:	jae    b58f <_ZN2pb3one17h7dcb1e617efda71fE+0x1aef>
    b53d:	test   rdx,rdx
    b540:	je     b92c <_ZN2pb3one17h7dcb1e617efda71fE+0x1e8c>
    b546:	add    rcx,rax
    b549:	neg    rcx
    b54c:	xor    edx,edx
    b54e:	xor    eax,eax
    b550:	movzx  edi,BYTE PTR [rsi+rdx*1]
    b554:	add    edi,0xffffffd0
    b557:	cmp    edi,0x9
    b55a:	ja     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b560:	lea    rax,[rax+rax*4]
    b564:	mov    edi,edi
    b566:	lea    rax,[rdi+rax*2]
    b56a:	inc    rdx
    b56d:	mov    rdi,rcx
    b570:	add    rdi,rdx
    b573:	jne    b550 <_ZN2pb3one17h7dcb1e617efda71fE+0x1ab0>
    b575:	jmp    b92e <_ZN2pb3one17h7dcb1e617efda71fE+0x1e8e>
    b57a:	mov    QWORD PTR [rsp+0x1b8],r14
    b582:	mov    QWORD PTR [rsp+0x1c0],rbp
    b58a:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b58f:	add    rcx,rax
    b592:	neg    rcx
    b595:	xor    edi,edi
    b597:	xor    eax,eax
    b599:	mov    rdx,rcx
    b59c:	add    rdx,rdi
    b59f:	je     b92e <_ZN2pb3one17h7dcb1e617efda71fE+0x1e8e>
    b5a5:	mov    edx,0xa
    b5aa:	mul    rdx
    b5ad:	jo     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b5b3:	movzx  r8d,BYTE PTR [rsi+rdi*1]
    b5b8:	add    r8d,0xffffffd0
    b5bc:	add    rax,r8
    b5bf:	setb   dl
    b5c2:	cmp    r8d,0x9
    b5c6:	ja     9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b5cc:	inc    rdi
    b5cf:	test   dl,dl
    b5d1:	je     b599 <_ZN2pb3one17h7dcb1e617efda71fE+0x1af9>
    b5d3:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b5d8:	lea    edi,[rax*8+0x0]
    b5df:	and    edi,0x38
    b5e2:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b5e4:	cmp    QWORD PTR [rcx+rdx*8],rsi
    b5e8:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b5ee:	cmp    edi,0x8
    b5f1:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b5f3:	cmp    QWORD PTR [rcx+rdx*8+0x8],rsi
    b5f8:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b5fe:	cmp    edi,0x10
    b601:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b603:	cmp    QWORD PTR [rcx+rdx*8+0x10],rsi
    b608:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b60e:	cmp    edi,0x18
    b611:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b613:	cmp    QWORD PTR [rcx+rdx*8+0x18],rsi
    b618:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b61e:	cmp    edi,0x20
    b621:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b623:	cmp    QWORD PTR [rcx+rdx*8+0x20],rsi
    b628:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b62e:	cmp    edi,0x28
    b631:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b633:	cmp    QWORD PTR [rcx+rdx*8+0x28],rsi
    b638:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b63e:	cmp    edi,0x30
    b641:	je     b657 <_ZN2pb3one17h7dcb1e617efda71fE+0x1bb7>
    b643:	cmp    QWORD PTR [rcx+rdx*8+0x30],rsi
    b648:	je     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b64e:	cmp    edi,0x38
    b651:	jne    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b657:	cmp    rax,0x1ff
    b65d:	ja     c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b663:	lea    rdi,[rsp+0xd0]
    b66b:	call   16760 <_ZN8smallvec17SmallVec$LT$A$GT$4push17h821bb222f0f38f52E>
    b670:	cmp    QWORD PTR [rsp+0x1c8],0x0
    b679:	jne    b6bc <_ZN2pb3one17h7dcb1e617efda71fE+0x1c1c>
    b67b:	lea    rax,[rip+0x4730e]        # 52990 <_ZN10portcullis4peek9REROUTING17he97c90eb4c3ee01bE>
    b682:	mov    QWORD PTR [rsp+0x200],rax
    b68a:	lea    rax,[rip+0x4736f]        # 52a00 <_ZN10portcullis4peek9REROUTING17he97c90eb4c3ee01bE+0x70>
    b691:	mov    QWORD PTR [rsp+0x208],rax
    b699:	lea    rdi,[rsp+0x200]
    b6a1:	mov    rsi,r15
    b6a4:	mov    rdx,rbp
    b6a7:	call   167f0 <_ZN4core4iter6traits8iterator8Iterator8try_fold17h0cea9bbb7971c142E>
    b6ac:	mov    QWORD PTR [rsp+0x1c8],rax
    b6b4:	mov    QWORD PTR [rsp+0x1d0],rdx
    b6bc:	xor    eax,eax
    b6be:	add    rbp,0xfffffffffffffffb
    b6c2:	cmp    rbp,0x10
    b6c6:	ja     b508 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a68>
    b6cc:	lea    rcx,[rip+0x39eed]        # 455c0 <_fini+0xa30>
    b6d3:	movsxd rdx,DWORD PTR [rcx+rbp*4]
    b6d7:	add    rdx,rcx
    b6da:	xor    ecx,ecx
    b6dc:	jmp    rdx
    b6de:	cmp    BYTE PTR [r15],0x6d
    b6e2:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b6e8:	lea    rax,[r12+0x1]
    b6ed:	cmp    r14,0x41
    b6f1:	lea    rcx,[rsp+0x71]
    b6f6:	cmovb  rax,rcx
    b6fa:	cmp    BYTE PTR [rax],0x6f
    b6fd:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b703:	lea    rax,[r12+0x2]
    b708:	cmp    r14,0x41
    b70c:	lea    rcx,[rsp+0x72]
    b711:	cmovb  rax,rcx
    b715:	cmp    BYTE PTR [rax],0x64
    b718:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b71e:	lea    rax,[r12+0x3]
    b723:	cmp    r14,0x41
    b727:	lea    rcx,[rsp+0x73]
    b72c:	cmovb  rax,rcx
    b730:	cmp    BYTE PTR [rax],0x65
    b733:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b739:	add    r12,0x4
    b73d:	cmp    r14,0x41
    b741:	lea    rax,[rsp+0x74]
    b746:	cmovb  r12,rax
    b74a:	cmp    BYTE PTR [r12],0x6c
    b74f:	sete   al
    b752:	mov    ecx,eax
    b754:	jmp    b50a <_ZN2pb3one17h7dcb1e617efda71fE+0x1a6a>
    b759:	mov    r8b,0x2
    b75c:	test   dl,0x1
    b75f:	jne    b15c <_ZN2pb3one17h7dcb1e617efda71fE+0x16bc>
    b765:	xor    edx,edx
    b767:	mov    edi,0x1
    b76c:	shld   rdx,rdi,cl
    b770:	mov    BYTE PTR [rsp+rax*1+0x1e0],r8b
    b778:	shl    rdi,cl
    b77b:	test   cl,0x40
    b77e:	cmovne rdx,rdi
    b782:	mov    eax,0x0
    b787:	cmovne rdi,rax
    b78b:	or     rdx,QWORD PTR [rsp+0x48]
    b790:	or     rdi,QWORD PTR [rsp+0x40]
    b795:	mov    QWORD PTR [rsp+0x40],rdi
    b79a:	mov    QWORD PTR [rsp+0x48],rdx
    b79f:	dec    sil
    b7a2:	cmp    sil,0x3
    b7a6:	jae    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b7ac:	jmp    c2e7 <_ZN2pb3one17h7dcb1e617efda71fE+0x2847>
    b7b1:	cmp    BYTE PTR [r15],0x6d
    b7b5:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b7bb:	lea    rax,[r12+0x1]
    b7c0:	cmp    r14,0x41
    b7c4:	lea    rcx,[rsp+0x71]
    b7c9:	cmovb  rax,rcx
    b7cd:	cmp    BYTE PTR [rax],0x61
    b7d0:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b7d6:	lea    rax,[r12+0x2]
    b7db:	cmp    r14,0x41
    b7df:	lea    rcx,[rsp+0x72]
    b7e4:	cmovb  rax,rcx
    b7e8:	cmp    BYTE PTR [rax],0x78
    b7eb:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b7f1:	lea    rax,[r12+0x3]
    b7f6:	cmp    r14,0x41
    b7fa:	lea    rcx,[rsp+0x73]
    b7ff:	cmovb  rax,rcx
    b803:	cmp    BYTE PTR [rax],0x4f
    b806:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b80c:	lea    rax,[r12+0x4]
    b811:	cmp    r14,0x41
    b815:	lea    rcx,[rsp+0x74]
    b81a:	cmovb  rax,rcx
    b81e:	cmp    BYTE PTR [rax],0x75
    b821:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b827:	lea    rax,[r12+0x5]
    b82c:	cmp    r14,0x41
    b830:	lea    rcx,[rsp+0x75]
    b835:	cmovb  rax,rcx
    b839:	cmp    BYTE PTR [rax],0x74
    b83c:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b842:	lea    rax,[r12+0x6]
    b847:	cmp    r14,0x41
    b84b:	lea    rcx,[rsp+0x76]
    b850:	cmovb  rax,rcx
    b854:	cmp    BYTE PTR [rax],0x70
    b857:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b85d:	lea    rax,[r12+0x7]
    b862:	cmp    r14,0x41
    b866:	lea    rcx,[rsp+0x77]
    b86b:	cmovb  rax,rcx
    b86f:	cmp    BYTE PTR [rax],0x75
    b872:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b878:	lea    rax,[r12+0x8]
    b87d:	cmp    r14,0x41
    b881:	lea    rcx,[rsp+0x78]
    b886:	cmovb  rax,rcx
    b88a:	cmp    BYTE PTR [rax],0x74
    b88d:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b893:	lea    rax,[r12+0x9]
    b898:	cmp    r14,0x41
    b89c:	lea    rcx,[rsp+0x79]
    b8a1:	cmovb  rax,rcx
    b8a5:	cmp    BYTE PTR [rax],0x54
    b8a8:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b8ae:	lea    rax,[r12+0xa]
    b8b3:	cmp    r14,0x41
    b8b7:	lea    rcx,[rsp+0x7a]
    b8bc:	cmovb  rax,rcx
    b8c0:	cmp    BYTE PTR [rax],0x6f
    b8c3:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b8c9:	lea    rax,[r12+0xb]
    b8ce:	cmp    r14,0x41
    b8d2:	lea    rcx,[rsp+0x7b]
    b8d7:	cmovb  rax,rcx
    b8db:	cmp    BYTE PTR [rax],0x6b
    b8de:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b8e4:	lea    rax,[r12+0xc]
    b8e9:	cmp    r14,0x41
    b8ed:	lea    rcx,[rsp+0x7c]
    b8f2:	cmovb  rax,rcx
    b8f6:	cmp    BYTE PTR [rax],0x65
    b8f9:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b8ff:	lea    rax,[r12+0xd]
    b904:	cmp    r14,0x41
    b908:	lea    rcx,[rsp+0x7d]
    b90d:	cmovb  rax,rcx
    b911:	cmp    BYTE PTR [rax],0x6e
    b914:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b91a:	add    r12,0xe
    b91e:	cmp    r14,0x41
    b922:	lea    rax,[rsp+0x7e]
    b927:	jmp    be10 <_ZN2pb3one17h7dcb1e617efda71fE+0x2370>
    b92c:	xor    eax,eax
    b92e:	mov    rcx,QWORD PTR [rsp+0x198]
    b936:	mov    rdx,QWORD PTR [rsp+0x1a0]
    b93e:	cmp    rax,rdx
    b941:	setb   sil
    b945:	test   cl,sil
    b948:	cmovne rax,rdx
    b94c:	mov    edx,0x1
    b951:	cmove  rcx,rdx
    b955:	mov    QWORD PTR [rsp+0x198],rcx
    b95d:	mov    QWORD PTR [rsp+0x1a0],rax
    b965:	jmp    9bda <_ZN2pb3one17h7dcb1e617efda71fE+0x13a>
    b96a:	movzx  eax,BYTE PTR [r15]
    b96e:	cmp    eax,0x67
    b971:	je     bfbe <_ZN2pb3one17h7dcb1e617efda71fE+0x251e>
    b977:	cmp    eax,0x6d
    b97a:	je     b351 <_ZN2pb3one17h7dcb1e617efda71fE+0x18b1>
    b980:	jmp    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b985:	cmp    BYTE PTR [r15],0x73
    b989:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b98f:	lea    rax,[r12+0x1]
    b994:	cmp    r14,0x41
    b998:	lea    rcx,[rsp+0x71]
    b99d:	cmovb  rax,rcx
    b9a1:	cmp    BYTE PTR [rax],0x74
    b9a4:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b9aa:	lea    rax,[r12+0x2]
    b9af:	cmp    r14,0x41
    b9b3:	lea    rcx,[rsp+0x72]
    b9b8:	cmovb  rax,rcx
    b9bc:	cmp    BYTE PTR [rax],0x72
    b9bf:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b9c5:	lea    rax,[r12+0x3]
    b9ca:	cmp    r14,0x41
    b9ce:	lea    rcx,[rsp+0x73]
    b9d3:	cmovb  rax,rcx
    b9d7:	cmp    BYTE PTR [rax],0x65
    b9da:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b9e0:	lea    rax,[r12+0x4]
    b9e5:	cmp    r14,0x41
    b9e9:	lea    rcx,[rsp+0x74]
    b9ee:	cmovb  rax,rcx
    b9f2:	cmp    BYTE PTR [rax],0x61
    b9f5:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    b9fb:	add    r12,0x5
    b9ff:	cmp    r14,0x41
    ba03:	lea    rax,[rsp+0x75]
    ba08:	cmovb  r12,rax
    ba0c:	xor    eax,eax
    ba0e:	cmp    BYTE PTR [r12],0x6d
    ba13:	sete   al
    ba16:	lea    ecx,[rax+rax*2]
    ba19:	jmp    b50a <_ZN2pb3one17h7dcb1e617efda71fE+0x1a6a>
    ba1e:	cmp    BYTE PTR [r15],0x6d
    ba22:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    ba28:	lea    rax,[r12+0x1]
    ba2d:	cmp    r14,0x41
    ba31:	lea    rcx,[rsp+0x71]
    ba36:	cmovb  rax,rcx
    ba3a:	cmp    BYTE PTR [rax],0x61
    ba3d:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    ba43:	lea    rax,[r12+0x2]
    ba48:	cmp    r14,0x41
    ba4c:	lea    rcx,[rsp+0x72]
    ba51:	cmovb  rax,rcx
    ba55:	cmp    BYTE PTR [rax],0x78
    ba58:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    ba5e:	lea    rax,[r12+0x3]
    ba63:	cmp    r14,0x41
    ba67:	lea    rcx,[rsp+0x73]
    ba6c:	cmovb  rax,rcx
    ba70:	cmp    BYTE PTR [rax],0x5f
    ba73:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    ba79:	lea    rax,[r12+0x4]
    ba7e:	cmp    r14,0x41
    ba82:	lea    rcx,[rsp+0x74]
    ba87:	cmovb  rax,rcx
    ba8b:	cmp    BYTE PTR [rax],0x63
    ba8e:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    ba94:	lea    rax,[r12+0x5]
    ba99:	cmp    r14,0x41
    ba9d:	lea    rcx,[rsp+0x75]
    baa2:	cmovb  rax,rcx
    baa6:	cmp    BYTE PTR [rax],0x6f
    baa9:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    baaf:	lea    rax,[r12+0x6]
    bab4:	cmp    r14,0x41
    bab8:	lea    rcx,[rsp+0x76]
    babd:	cmovb  rax,rcx
    bac1:	cmp    BYTE PTR [rax],0x6d
    bac4:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    baca:	lea    rax,[r12+0x7]
    bacf:	cmp    r14,0x41
    bad3:	lea    rcx,[rsp+0x77]
    bad8:	cmovb  rax,rcx
    badc:	cmp    BYTE PTR [rax],0x70
    badf:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bae5:	lea    rax,[r12+0x8]
    baea:	cmp    r14,0x41
    baee:	lea    rcx,[rsp+0x78]
    baf3:	cmovb  rax,rcx
    baf7:	cmp    BYTE PTR [rax],0x6c
    bafa:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bb00:	lea    rax,[r12+0x9]
    bb05:	cmp    r14,0x41
    bb09:	lea    rcx,[rsp+0x79]
    bb0e:	cmovb  rax,rcx
    bb12:	cmp    BYTE PTR [rax],0x65
    bb15:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bb1b:	lea    rax,[r12+0xa]
    bb20:	cmp    r14,0x41
    bb24:	lea    rcx,[rsp+0x7a]
    bb29:	cmovb  rax,rcx
    bb2d:	cmp    BYTE PTR [rax],0x74
    bb30:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bb36:	lea    rax,[r12+0xb]
    bb3b:	cmp    r14,0x41
    bb3f:	lea    rcx,[rsp+0x7b]
    bb44:	cmovb  rax,rcx
    bb48:	cmp    BYTE PTR [rax],0x69
    bb4b:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bb51:	lea    rax,[r12+0xc]
    bb56:	cmp    r14,0x41
    bb5a:	lea    rcx,[rsp+0x7c]
    bb5f:	cmovb  rax,rcx
    bb63:	cmp    BYTE PTR [rax],0x6f
    bb66:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bb6c:	lea    rax,[r12+0xd]
    bb71:	cmp    r14,0x41
    bb75:	lea    rcx,[rsp+0x7d]
    bb7a:	cmovb  rax,rcx
    bb7e:	cmp    BYTE PTR [rax],0x6e
    bb81:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bb87:	lea    rax,[r12+0xe]
    bb8c:	cmp    r14,0x41
    bb90:	lea    rcx,[rsp+0x7e]
    bb95:	cmovb  rax,rcx
    bb99:	cmp    BYTE PTR [rax],0x5f
    bb9c:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bba2:	lea    rax,[r12+0xf]
    bba7:	cmp    r14,0x41
    bbab:	lea    rcx,[rsp+0x7f]
    bbb0:	cmovb  rax,rcx
    bbb4:	cmp    BYTE PTR [rax],0x74
    bbb7:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bbbd:	lea    rax,[r12+0x10]
    bbc2:	cmp    r14,0x41
    bbc6:	lea    rcx,[rsp+0x80]
    bbce:	cmovb  rax,rcx
    bbd2:	cmp    BYTE PTR [rax],0x6f
    bbd5:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bbdb:	lea    rax,[r12+0x11]
    bbe0:	cmp    r14,0x41
    bbe4:	lea    rcx,[rsp+0x81]
    bbec:	cmovb  rax,rcx
    bbf0:	cmp    BYTE PTR [rax],0x6b
    bbf3:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bbf9:	lea    rax,[r12+0x12]
    bbfe:	cmp    r14,0x41
    bc02:	lea    rcx,[rsp+0x82]
    bc0a:	cmovb  rax,rcx
    bc0e:	cmp    BYTE PTR [rax],0x65
    bc11:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bc17:	lea    rax,[r12+0x13]
    bc1c:	cmp    r14,0x41
    bc20:	lea    rcx,[rsp+0x83]
    bc28:	cmovb  rax,rcx
    bc2c:	cmp    BYTE PTR [rax],0x6e
    bc2f:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bc35:	add    r12,0x14
    bc39:	cmp    r14,0x41
    bc3d:	lea    rax,[rsp+0x84]
    bc45:	jmp    be10 <_ZN2pb3one17h7dcb1e617efda71fE+0x2370>
    bc4a:	cmp    BYTE PTR [r15],0x72
    bc4e:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bc54:	lea    rax,[r12+0x1]
    bc59:	cmp    r14,0x41
    bc5d:	lea    rcx,[rsp+0x71]
    bc62:	cmovb  rax,rcx
    bc66:	cmp    BYTE PTR [rax],0x65
    bc69:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bc6f:	lea    rax,[r12+0x2]
    bc74:	cmp    r14,0x41
    bc78:	lea    rcx,[rsp+0x72]
    bc7d:	cmovb  rax,rcx
    bc81:	cmp    BYTE PTR [rax],0x71
    bc84:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bc8a:	lea    rax,[r12+0x3]
    bc8f:	cmp    r14,0x41
    bc93:	lea    rcx,[rsp+0x73]
    bc98:	cmovb  rax,rcx
    bc9c:	cmp    BYTE PTR [rax],0x75
    bc9f:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bca5:	lea    rax,[r12+0x4]
    bcaa:	cmp    r14,0x41
    bcae:	lea    rcx,[rsp+0x74]
    bcb3:	cmovb  rax,rcx
    bcb7:	cmp    BYTE PTR [rax],0x65
    bcba:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bcc0:	lea    rax,[r12+0x5]
    bcc5:	cmp    r14,0x41
    bcc9:	lea    rcx,[rsp+0x75]
    bcce:	cmovb  rax,rcx
    bcd2:	cmp    BYTE PTR [rax],0x73
    bcd5:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bcdb:	lea    rax,[r12+0x6]
    bce0:	cmp    r14,0x41
    bce4:	lea    rcx,[rsp+0x76]
    bce9:	cmovb  rax,rcx
    bced:	cmp    BYTE PTR [rax],0x74
    bcf0:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bcf6:	add    r12,0x7
    bcfa:	cmp    r14,0x41
    bcfe:	lea    rax,[rsp+0x77]
    bd03:	cmovb  r12,rax
    bd07:	cmp    BYTE PTR [r12],0x73
    bd0c:	sete   al
    bd0f:	mov    ecx,0x0
    bd14:	mov    edx,0x6
    bd19:	cmove  ecx,edx
    bd1c:	jmp    b50a <_ZN2pb3one17h7dcb1e617efda71fE+0x1a6a>
    bd21:	cmp    BYTE PTR [r15],0x6d
    bd25:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bd2b:	lea    rax,[r12+0x1]
    bd30:	cmp    r14,0x41
    bd34:	lea    rcx,[rsp+0x71]
    bd39:	cmovb  rax,rcx
    bd3d:	cmp    BYTE PTR [rax],0x61
    bd40:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bd46:	lea    rax,[r12+0x2]
    bd4b:	cmp    r14,0x41
    bd4f:	lea    rcx,[rsp+0x72]
    bd54:	cmovb  rax,rcx
    bd58:	cmp    BYTE PTR [rax],0x78
    bd5b:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bd61:	lea    rax,[r12+0x3]
    bd66:	cmp    r14,0x41
    bd6a:	lea    rcx,[rsp+0x73]
    bd6f:	cmovb  rax,rcx
    bd73:	cmp    BYTE PTR [rax],0x5f
    bd76:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bd7c:	lea    rax,[r12+0x4]
    bd81:	cmp    r14,0x41
    bd85:	lea    rcx,[rsp+0x74]
    bd8a:	cmovb  rax,rcx
    bd8e:	cmp    BYTE PTR [rax],0x74
    bd91:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bd97:	lea    rax,[r12+0x5]
    bd9c:	cmp    r14,0x41
    bda0:	lea    rcx,[rsp+0x75]
    bda5:	cmovb  rax,rcx
    bda9:	cmp    BYTE PTR [rax],0x6f
    bdac:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bdb2:	lea    rax,[r12+0x6]
    bdb7:	cmp    r14,0x41
    bdbb:	lea    rcx,[rsp+0x76]
    bdc0:	cmovb  rax,rcx
    bdc4:	cmp    BYTE PTR [rax],0x6b
    bdc7:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bdcd:	lea    rax,[r12+0x7]
    bdd2:	cmp    r14,0x41
    bdd6:	lea    rcx,[rsp+0x77]
    bddb:	cmovb  rax,rcx
    bddf:	cmp    BYTE PTR [rax],0x65
    bde2:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bde8:	lea    rax,[r12+0x8]
    bded:	cmp    r14,0x41
    bdf1:	lea    rcx,[rsp+0x78]
    bdf6:	cmovb  rax,rcx
    bdfa:	cmp    BYTE PTR [rax],0x6e
    bdfd:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be03:	add    r12,0x9
    be07:	cmp    r14,0x41
    be0b:	lea    rax,[rsp+0x79]
    be10:	cmovb  r12,rax
    be14:	cmp    BYTE PTR [r12],0x73
    be19:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be1f:	mov    cl,0x4
    be21:	mov    al,0x1
    be23:	jmp    b50a <_ZN2pb3one17h7dcb1e617efda71fE+0x1a6a>
    be28:	cmp    BYTE PTR [r15],0x67
    be2c:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be32:	lea    rax,[r12+0x1]
    be37:	cmp    r14,0x41
    be3b:	lea    rcx,[rsp+0x71]
    be40:	cmovb  rax,rcx
    be44:	cmp    BYTE PTR [rax],0x65
    be47:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be4d:	lea    rax,[r12+0x2]
    be52:	cmp    r14,0x41
    be56:	lea    rcx,[rsp+0x72]
    be5b:	cmovb  rax,rcx
    be5f:	cmp    BYTE PTR [rax],0x6e
    be62:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be68:	lea    rax,[r12+0x3]
    be6d:	cmp    r14,0x41
    be71:	lea    rcx,[rsp+0x73]
    be76:	cmovb  rax,rcx
    be7a:	cmp    BYTE PTR [rax],0x65
    be7d:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be83:	lea    rax,[r12+0x4]
    be88:	cmp    r14,0x41
    be8c:	lea    rcx,[rsp+0x74]
    be91:	cmovb  rax,rcx
    be95:	cmp    BYTE PTR [rax],0x72
    be98:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    be9e:	lea    rax,[r12+0x5]
    bea3:	cmp    r14,0x41
    bea7:	lea    rcx,[rsp+0x75]
    beac:	cmovb  rax,rcx
    beb0:	cmp    BYTE PTR [rax],0x61
    beb3:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    beb9:	lea    rax,[r12+0x6]
    bebe:	cmp    r14,0x41
    bec2:	lea    rcx,[rsp+0x76]
    bec7:	cmovb  rax,rcx
    becb:	cmp    BYTE PTR [rax],0x74
    bece:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bed4:	lea    rax,[r12+0x7]
    bed9:	cmp    r14,0x41
    bedd:	lea    rcx,[rsp+0x77]
    bee2:	cmovb  rax,rcx
    bee6:	cmp    BYTE PTR [rax],0x69
    bee9:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    beef:	lea    rax,[r12+0x8]
    bef4:	cmp    r14,0x41
    bef8:	lea    rcx,[rsp+0x78]
    befd:	cmovb  rax,rcx
    bf01:	cmp    BYTE PTR [rax],0x6f
    bf04:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bf0a:	lea    rax,[r12+0x9]
    bf0f:	cmp    r14,0x41
    bf13:	lea    rcx,[rsp+0x79]
    bf18:	cmovb  rax,rcx
    bf1c:	cmp    BYTE PTR [rax],0x6e
    bf1f:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bf25:	lea    rax,[r12+0xa]
    bf2a:	cmp    r14,0x41
    bf2e:	lea    rcx,[rsp+0x7a]
    bf33:	cmovb  rax,rcx
    bf37:	cmp    BYTE PTR [rax],0x43
    bf3a:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bf40:	lea    rax,[r12+0xb]
    bf45:	cmp    r14,0x41
    bf49:	lea    rcx,[rsp+0x7b]
    bf4e:	cmovb  rax,rcx
    bf52:	cmp    BYTE PTR [rax],0x6f
    bf55:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bf5b:	lea    rax,[r12+0xc]
    bf60:	cmp    r14,0x41
    bf64:	lea    rcx,[rsp+0x7c]
    bf69:	cmovb  rax,rcx
    bf6d:	cmp    BYTE PTR [rax],0x6e
    bf70:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bf76:	lea    rax,[r12+0xd]
    bf7b:	cmp    r14,0x41
    bf7f:	lea    rcx,[rsp+0x7d]
    bf84:	cmovb  rax,rcx
    bf88:	cmp    BYTE PTR [rax],0x66
    bf8b:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bf91:	lea    rax,[r12+0xe]
    bf96:	cmp    r14,0x41
    bf9a:	lea    rcx,[rsp+0x7e]
    bf9f:	cmovb  rax,rcx
    bfa3:	cmp    BYTE PTR [rax],0x69
    bfa6:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bfac:	add    r12,0xf
    bfb0:	cmp    r14,0x41
    bfb4:	lea    rax,[rsp+0x7f]
    bfb9:	jmp    c163 <_ZN2pb3one17h7dcb1e617efda71fE+0x26c3>
    bfbe:	lea    rax,[r12+0x1]
    bfc3:	cmp    r14,0x41
    bfc7:	lea    rcx,[rsp+0x71]
    bfcc:	cmovb  rax,rcx
    bfd0:	cmp    BYTE PTR [rax],0x65
    bfd3:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bfd9:	lea    rax,[r12+0x2]
    bfde:	cmp    r14,0x41
    bfe2:	lea    rcx,[rsp+0x72]
    bfe7:	cmovb  rax,rcx
    bfeb:	cmp    BYTE PTR [rax],0x6e
    bfee:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    bff4:	lea    rax,[r12+0x3]
    bff9:	cmp    r14,0x41
    bffd:	lea    rcx,[rsp+0x73]
    c002:	cmovb  rax,rcx
    c006:	cmp    BYTE PTR [rax],0x65
    c009:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c00f:	lea    rax,[r12+0x4]
    c014:	cmp    r14,0x41
    c018:	lea    rcx,[rsp+0x74]
    c01d:	cmovb  rax,rcx
    c021:	cmp    BYTE PTR [rax],0x72
    c024:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c02a:	lea    rax,[r12+0x5]
    c02f:	cmp    r14,0x41
    c033:	lea    rcx,[rsp+0x75]
    c038:	cmovb  rax,rcx
    c03c:	cmp    BYTE PTR [rax],0x61
    c03f:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c045:	lea    rax,[r12+0x6]
    c04a:	cmp    r14,0x41
    c04e:	lea    rcx,[rsp+0x76]
    c053:	cmovb  rax,rcx
    c057:	cmp    BYTE PTR [rax],0x74
    c05a:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c060:	lea    rax,[r12+0x7]
    c065:	cmp    r14,0x41
    c069:	lea    rcx,[rsp+0x77]
    c06e:	cmovb  rax,rcx
    c072:	cmp    BYTE PTR [rax],0x69
    c075:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c07b:	lea    rax,[r12+0x8]
    c080:	cmp    r14,0x41
    c084:	lea    rcx,[rsp+0x78]
    c089:	cmovb  rax,rcx
    c08d:	cmp    BYTE PTR [rax],0x6f
    c090:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c096:	lea    rax,[r12+0x9]
    c09b:	cmp    r14,0x41
    c09f:	lea    rcx,[rsp+0x79]
    c0a4:	cmovb  rax,rcx
    c0a8:	cmp    BYTE PTR [rax],0x6e
    c0ab:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c0b1:	lea    rax,[r12+0xa]
    c0b6:	cmp    r14,0x41
    c0ba:	lea    rcx,[rsp+0x7a]
    c0bf:	cmovb  rax,rcx
    c0c3:	cmp    BYTE PTR [rax],0x5f
    c0c6:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c0cc:	lea    rax,[r12+0xb]
    c0d1:	cmp    r14,0x41
    c0d5:	lea    rcx,[rsp+0x7b]
    c0da:	cmovb  rax,rcx
    c0de:	cmp    BYTE PTR [rax],0x63
    c0e1:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c0e7:	lea    rax,[r12+0xc]
    c0ec:	cmp    r14,0x41
    c0f0:	lea    rcx,[rsp+0x7c]
    c0f5:	cmovb  rax,rcx
    c0f9:	cmp    BYTE PTR [rax],0x6f
    c0fc:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c102:	lea    rax,[r12+0xd]
    c107:	cmp    r14,0x41
    c10b:	lea    rcx,[rsp+0x7d]
    c110:	cmovb  rax,rcx
    c114:	cmp    BYTE PTR [rax],0x6e
    c117:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c11d:	lea    rax,[r12+0xe]
    c122:	cmp    r14,0x41
    c126:	lea    rcx,[rsp+0x7e]
    c12b:	cmovb  rax,rcx
    c12f:	cmp    BYTE PTR [rax],0x66
    c132:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c138:	lea    rax,[r12+0xf]
    c13d:	cmp    r14,0x41
    c141:	lea    rcx,[rsp+0x7f]
    c146:	cmovb  rax,rcx
    c14a:	cmp    BYTE PTR [rax],0x69
    c14d:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c153:	add    r12,0x10
    c157:	cmp    r14,0x41
    c15b:	lea    rax,[rsp+0x80]
    c163:	cmovb  r12,rax
    c167:	cmp    BYTE PTR [r12],0x67
    c16c:	jne    b506 <_ZN2pb3one17h7dcb1e617efda71fE+0x1a66>
    c172:	mov    cl,0x5
    c174:	mov    al,0x1
    c176:	jmp    b50a <_ZN2pb3one17h7dcb1e617efda71fE+0x1a6a>
    c17b:	movzx  r13d,BYTE PTR [rsp+0x50]
    c181:	mov    rax,QWORD PTR [rsp+0xb0]
    c189:	mov    r15,QWORD PTR [rsp+0x1a8]
    c191:	mov    rdx,QWORD PTR [rsp+0x1b0]
    c199:	mov    rbx,QWORD PTR [rsp+0x1b8]
    c1a1:	mov    rcx,QWORD PTR [rsp+0x1c0]
    c1a9:	cmp    r13b,0xb
    c1ad:	mov    QWORD PTR [rsp+0x250],rdx
    c1b5:	jne    c1f8 <_ZN2pb3one17h7dcb1e617efda71fE+0x2758>
    c1b7:	cmp    QWORD PTR [rsp+0x198],0x2
    c1c0:	sete   BYTE PTR [rsp+0x10]
    c1c5:	mov    r14,rcx
    c1c8:	test   rcx,rcx
    c1cb:	sete   BYTE PTR [rsp+0x18]
    c1d0:	mov    QWORD PTR [rsp+0x258],rdx
    c1d8:	mov    QWORD PTR [rsp+0x1f8],r15
    c1e0:	mov    r12,QWORD PTR [rsp+0xd0]
    c1e8:	mov    rbp,QWORD PTR [rsp+0x190]
    c1f0:	cmp    rax,0x41
    c1f4:	jae    c232 <_ZN2pb3one17h7dcb1e617efda71fE+0x2792>
    c1f6:	jmp    c23d <_ZN2pb3one17h7dcb1e617efda71fE+0x279d>
    c1f8:	mov    r14,rcx
    c1fb:	mov    BYTE PTR [rsp+0x10],0x1
    c200:	lea    rcx,[rip+0x3d1e3]        # 493ea <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0x3b2>
    c207:	mov    QWORD PTR [rsp+0x1f8],rcx
    c20f:	mov    ecx,0x11
    c214:	mov    QWORD PTR [rsp+0x258],rcx
    c21c:	mov    r12,QWORD PTR [rsp+0xd0]
    c224:	mov    rbp,QWORD PTR [rsp+0x190]
    c22c:	cmp    rax,0x41
    c230:	jb     c23d <_ZN2pb3one17h7dcb1e617efda71fE+0x279d>
    c232:	mov    rdi,QWORD PTR [rsp+0x70]
    c237:	call   QWORD PTR [rip+0x47bf3]        # 53e30 <free@GLIBC_2.2.5>
    c23d:	cmp    rbp,0x19
    c241:	jb     c254 <_ZN2pb3one17h7dcb1e617efda71fE+0x27b4>
    c243:	mov    rdi,r12
    c246:	call   QWORD PTR [rip+0x47be4]        # 53e30 <free@GLIBC_2.2.5>
    c24c:	cmp    r13b,0xb
    c250:	je     c286 <_ZN2pb3one17h7dcb1e617efda71fE+0x27e6>
    c252:	jmp    c25a <_ZN2pb3one17h7dcb1e617efda71fE+0x27ba>
    c254:	cmp    r13b,0xb
    c258:	je     c286 <_ZN2pb3one17h7dcb1e617efda71fE+0x27e6>
    c25a:	test   r15,r15
    c25d:	je     c273 <_ZN2pb3one17h7dcb1e617efda71fE+0x27d3>
    c25f:	cmp    QWORD PTR [rsp+0x250],0x0
    c268:	je     c273 <_ZN2pb3one17h7dcb1e617efda71fE+0x27d3>
    c26a:	mov    rdi,r15
    c26d:	call   QWORD PTR [rip+0x47bbd]        # 53e30 <free@GLIBC_2.2.5>
    c273:	test   rbx,rbx
    c276:	je     c286 <_ZN2pb3one17h7dcb1e617efda71fE+0x27e6>
    c278:	test   r14,r14
    c27b:	je     c286 <_ZN2pb3one17h7dcb1e617efda71fE+0x27e6>
    c27d:	mov    rdi,rbx
    c280:	call   QWORD PTR [rip+0x47baa]        # 53e30 <free@GLIBC_2.2.5>
    c286:	cmp    BYTE PTR [rsp+0x10],0x0
    c28b:	je     c295 <_ZN2pb3one17h7dcb1e617efda71fE+0x27f5>
    c28d:	xor    r15d,r15d
    c290:	jmp    c372 <_ZN2pb3one17h7dcb1e617efda71fE+0x28d2>
    c295:	xor    r15d,r15d
    c298:	cmp    QWORD PTR [rsp+0x1f8],0x0
    c2a1:	je     c2c1 <_ZN2pb3one17h7dcb1e617efda71fE+0x2821>
    c2a3:	mov    r14,QWORD PTR [rsp+0x258]
    c2ab:	test   r14,r14
    c2ae:	je     c2c1 <_ZN2pb3one17h7dcb1e617efda71fE+0x2821>
    c2b0:	mov    rdi,QWORD PTR [rsp+0x1f8]
    c2b8:	call   QWORD PTR [rip+0x47b72]        # 53e30 <free@GLIBC_2.2.5>
    c2be:	mov    r15,r14
    c2c1:	test   rbx,rbx
    c2c4:	sete   al
    c2c7:	or     al,BYTE PTR [rsp+0x18]
    c2cb:	test   al,0x1
    c2cd:	je     c369 <_ZN2pb3one17h7dcb1e617efda71fE+0x28c9>
    c2d3:	jmp    c372 <_ZN2pb3one17h7dcb1e617efda71fE+0x28d2>
    c2d8:	lea    rax,[rip+0x3cf3b]        # 4921a <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0x1e2>
    c2df:	mov    QWORD PTR [rsp+0x200],rax
    c2e7:	cmp    QWORD PTR [rsp+0xb0],0x41
    c2f0:	jb     c317 <_ZN2pb3one17h7dcb1e617efda71fE+0x2877>
    c2f2:	mov    rdi,QWORD PTR [rsp+0x70]
    c2f7:	call   QWORD PTR [rip+0x47b33]        # 53e30 <free@GLIBC_2.2.5>
    c2fd:	cmp    QWORD PTR [rsp+0x190],0x19
    c306:	jae    c322 <_ZN2pb3one17h7dcb1e617efda71fE+0x2882>
    c308:	mov    rdi,QWORD PTR [rsp+0x1a8]
    c310:	test   rdi,rdi
    c313:	jne    c33d <_ZN2pb3one17h7dcb1e617efda71fE+0x289d>
    c315:	jmp    c34e <_ZN2pb3one17h7dcb1e617efda71fE+0x28ae>
    c317:	cmp    QWORD PTR [rsp+0x190],0x19
    c320:	jb     c308 <_ZN2pb3one17h7dcb1e617efda71fE+0x2868>
    c322:	mov    rdi,QWORD PTR [rsp+0xd0]
    c32a:	call   QWORD PTR [rip+0x47b00]        # 53e30 <free@GLIBC_2.2.5>
    c330:	mov    rdi,QWORD PTR [rsp+0x1a8]
    c338:	test   rdi,rdi
    c33b:	je     c34e <_ZN2pb3one17h7dcb1e617efda71fE+0x28ae>
    c33d:	cmp    QWORD PTR [rsp+0x1b0],0x0
    c346:	je     c34e <_ZN2pb3one17h7dcb1e617efda71fE+0x28ae>
    c348:	call   QWORD PTR [rip+0x47ae2]        # 53e30 <free@GLIBC_2.2.5>
    c34e:	mov    rbx,QWORD PTR [rsp+0x1b8]
    c356:	xor    r15d,r15d
    c359:	test   rbx,rbx
    c35c:	je     c372 <_ZN2pb3one17h7dcb1e617efda71fE+0x28d2>
    c35e:	cmp    QWORD PTR [rsp+0x1c0],0x0
    c367:	je     c372 <_ZN2pb3one17h7dcb1e617efda71fE+0x28d2>
    c369:	mov    rdi,rbx
    c36c:	call   QWORD PTR [rip+0x47abe]        # 53e30 <free@GLIBC_2.2.5>
    c372:	mov    rax,r15
    c375:	add    rsp,0x2f8
    c37c:	pop    rbx
    c37d:	pop    r12
    c37f:	pop    r13
    c381:	pop    r14
    c383:	pop    r15
    c385:	pop    rbp
    c386:	ret
    c396:	jmp    c3a0 <_ZN2pb3one17h7dcb1e617efda71fE+0x2900>
    c398:	jmp    c3a0 <_ZN2pb3one17h7dcb1e617efda71fE+0x2900>
    c39a:	jmp    c3a0 <_ZN2pb3one17h7dcb1e617efda71fE+0x2900>
    c39c:	jmp    c3a0 <_ZN2pb3one17h7dcb1e617efda71fE+0x2900>
    c39e:	jmp    c3a0 <_ZN2pb3one17h7dcb1e617efda71fE+0x2900>
    c3a0:	mov    rbx,rax
    c3a3:	lea    rdi,[rsp+0x20]
    c3a8:	call   d3c0 <_ZN4core3ptr43drop_in_place$LT$portcullis..peek..Peek$GT$17h18c31eb91c76c222E>
    c3ad:	mov    rdi,rbx
    c3b0:	call   4030 <_Unwind_Resume@plt>
    c3b5:	cs nop WORD PTR [rax+rax*1+0x0]
    c3bf:	nop

000000000000c3c0 <_ZN2pb4main17h7883ca85edccda1aE>:
    c3c0:	push   rbp
    c3c1:	push   r15
    c3c3:	push   r14
    c3c5:	push   r13
    c3c7:	push   r12
    c3c9:	push   rbx
    c3ca:	sub    rsp,0x1f8
    c3d1:	movabs rax,0x1b600000000
    c3db:	mov    QWORD PTR [rsp+0x48],rax
    c3e0:	mov    DWORD PTR [rsp+0x50],0x0
    c3e8:	mov    WORD PTR [rsp+0x54],0x0
    c3ef:	mov    BYTE PTR [rsp+0x50],0x1
    c3f4:	movups xmm0,XMMWORD PTR [rip+0x3ac25]        # 47020 <_fini+0x2490>
    c3fb:	movaps XMMWORD PTR [rsp+0x80],xmm0
    c403:	movups xmm0,XMMWORD PTR [rip+0x3ac06]        # 47010 <_fini+0x2480>
    c40a:	movaps XMMWORD PTR [rsp+0x70],xmm0
    c40f:	mov    WORD PTR [rsp+0x90],0x6e
    c419:	mov    al,0x1
    c41b:	test   al,al
    c41d:	jne    c440 <_ZN2pb4main17h7883ca85edccda1aE+0x80>
    c41f:	xor    ecx,ecx
    c421:	data16 data16 data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    c430:	cmp    BYTE PTR [rsp+rcx*1+0x70],0x0
    c435:	je     c507 <_ZN2pb4main17h7883ca85edccda1aE+0x147>
    c43b:	inc    rcx
    c43e:	jne    c430 <_ZN2pb4main17h7883ca85edccda1aE+0x70>
    c440:	movabs rcx,0x8080808080808080
    c44a:	movabs rdx,0x101010101010100
    c454:	mov    rax,QWORD PTR [rsp+0x70]
    c459:	mov    rsi,QWORD PTR [rsp+0x78]
    c45e:	mov    rdi,rdx
    c461:	sub    rdi,rax
    c464:	or     rdi,rax
    c467:	mov    rax,rdx
    c46a:	sub    rax,rsi
    c46d:	or     rax,rsi
    c470:	and    rax,rdi
    c473:	not    rax
    c476:	test   rax,rcx
    c479:	jne    c4c8 <_ZN2pb4main17h7883ca85edccda1aE+0x108>
    c47b:	mov    eax,0x10
    c480:	xor    esi,esi
    c482:	test   sil,sil
    c485:	jne    c4ca <_ZN2pb4main17h7883ca85edccda1aE+0x10a>
    c487:	mov    rsi,QWORD PTR [rsp+rax*1+0x70]
    c48c:	mov    rdi,QWORD PTR [rsp+rax*1+0x78]
    c491:	mov    r8,rdx
    c494:	sub    r8,rsi
    c497:	or     r8,rsi
    c49a:	sub    rdx,rdi
    c49d:	or     rdx,rdi
    c4a0:	and    r8,rcx
    c4a3:	and    r8,rdx
    c4a6:	cmp    r8,rcx
    c4a9:	jne    c4ca <_ZN2pb4main17h7883ca85edccda1aE+0x10a>
    c4ab:	mov    eax,0x20
    c4b0:	mov    edx,0x20
    c4b5:	sub    rdx,0x22
    c4b9:	je     c4ee <_ZN2pb4main17h7883ca85edccda1aE+0x12e>
    c4bb:	neg    rdx
    c4be:	lea    rsi,[rsp+rax*1]
    c4c2:	add    rsi,0x70
    c4c6:	jmp    c4da <_ZN2pb4main17h7883ca85edccda1aE+0x11a>
    c4c8:	xor    eax,eax
    c4ca:	lea    rsi,[rsp+rax*1]
    c4ce:	add    rsi,0x70
    c4d2:	mov    edx,0x22
    c4d7:	sub    rdx,rax
    c4da:	xor    ecx,ecx
    c4dc:	nop    DWORD PTR [rax+0x0]
    c4e0:	cmp    BYTE PTR [rsi+rcx*1],0x0
    c4e4:	je     c504 <_ZN2pb4main17h7883ca85edccda1aE+0x144>
    c4e6:	inc    rcx
    c4e9:	cmp    rdx,rcx
    c4ec:	jne    c4e0 <_ZN2pb4main17h7883ca85edccda1aE+0x120>
    c4ee:	lea    rax,[rip+0x46d03]        # 531f8 <_ZN10portcullis4peek9REROUTING17he97c90eb4c3ee01bE+0x868>
    c4f5:	mov    QWORD PTR [rsp+0x10],rax
    c4fa:	mov    rbx,QWORD PTR [rsp+0x10]
    c4ff:	jmp    c5fc <_ZN2pb4main17h7883ca85edccda1aE+0x23c>
    c504:	add    rcx,rax
    c507:	cmp    rcx,0x21
    c50b:	jne    c4ee <_ZN2pb4main17h7883ca85edccda1aE+0x12e>
    c50d:	lea    rdi,[rsp+0x8]
    c512:	lea    rsi,[rsp+0x70]
    c517:	lea    rdx,[rsp+0x48]
    c51c:	call   22830 <_RNvMsi_NtNtNtCsjrHSEGnQ3l9_3std3sys2fs4unixNtB5_4File6open_c>
    c521:	cmp    DWORD PTR [rsp+0x8],0x1
    c526:	je     d05b <_ZN2pb4main17h7883ca85edccda1aE+0xc9b>
    c52c:	mov    r14d,DWORD PTR [rsp+0xc]
    c531:	lea    rdx,[rip+0x3d531]        # 49a69 <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0xa31>
    c538:	lea    rdi,[rsp+0x70]
    c53d:	mov    esi,r14d
    c540:	mov    ecx,0x1000
    c545:	call   3cbb0 <_RNvNtNtNtCsjrHSEGnQ3l9_3std3sys2fs4unix9try_statx>
    c54a:	mov    rax,QWORD PTR [rsp+0x70]
    c54f:	cmp    rax,0x3
    c553:	jne    c5cc <_ZN2pb4main17h7883ca85edccda1aE+0x20c>
    c555:	xorps  xmm0,xmm0
    c558:	movaps XMMWORD PTR [rsp+0xf0],xmm0
    c560:	movaps XMMWORD PTR [rsp+0xe0],xmm0
    c568:	movaps XMMWORD PTR [rsp+0xd0],xmm0
    c570:	movaps XMMWORD PTR [rsp+0xc0],xmm0
    c578:	movaps XMMWORD PTR [rsp+0xb0],xmm0
    c580:	movaps XMMWORD PTR [rsp+0xa0],xmm0
    c588:	movaps XMMWORD PTR [rsp+0x90],xmm0
    c590:	movaps XMMWORD PTR [rsp+0x80],xmm0
    c598:	movaps XMMWORD PTR [rsp+0x70],xmm0
    c59d:	lea    rsi,[rsp+0x70]
    c5a2:	mov    edi,r14d
    c5a5:	call   QWORD PTR [rip+0x47a1d]        # 53fc8 <fstat64@GLIBC_2.33>
    c5ab:	cmp    eax,0xffffffff
    c5ae:	je     c62a <_ZN2pb4main17h7883ca85edccda1aE+0x26a>
    c5b0:	mov    r15,QWORD PTR [rsp+0xa0]
    c5b8:	movabs rbx,0x2600000003
    c5c2:	test   r15,r15
    c5c5:	js     c5f3 <_ZN2pb4main17h7883ca85edccda1aE+0x233>
    c5c7:	jmp    cbea <_ZN2pb4main17h7883ca85edccda1aE+0x82a>
    c5cc:	cmp    eax,0x2
    c5cf:	jne    c5d8 <_ZN2pb4main17h7883ca85edccda1aE+0x218>
    c5d1:	mov    rax,QWORD PTR [rsp+0x78]
    c5d6:	jmp    c63a <_ZN2pb4main17h7883ca85edccda1aE+0x27a>
    c5d8:	mov    r15,QWORD PTR [rsp+0xc0]
    c5e0:	movabs rbx,0x2600000003
    c5ea:	test   r15,r15
    c5ed:	jns    cbea <_ZN2pb4main17h7883ca85edccda1aE+0x82a>
    c5f3:	mov    edi,r14d
    c5f6:	call   QWORD PTR [rip+0x478e4]        # 53ee0 <close@GLIBC_2.2.5>
    c5fc:	mov    QWORD PTR [rsp+0x70],rbx
    c601:	lea    rdi,[rip+0x3d522]        # 49b2a <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0xaf2>
    c608:	lea    rcx,[rip+0x45d49]        # 52358 <__do_global_dtors_aux_fini_array_entry+0x50>
    c60f:	lea    r8,[rip+0x45cfa]        # 52310 <__do_global_dtors_aux_fini_array_entry+0x8>
    c616:	lea    rdx,[rsp+0x70]
    c61b:	mov    esi,0x2b
    c620:	call   4420 <_RNvNtCsgEmfK2I1SDS_4core6result13unwrap_failed>
    c625:	jmp    d12a <_ZN2pb4main17h7883ca85edccda1aE+0xd6a>
    c62a:	call   QWORD PTR [rip+0x47820]        # 53e50 <__errno_location@GLIBC_2.2.5>
    c630:	mov    eax,DWORD PTR [rax]
    c632:	shl    rax,0x20
    c636:	or     rax,0x2
    c63a:	mov    ecx,eax
    c63c:	and    ecx,0x3
    c63f:	lea    edx,[rcx-0x2]
    c642:	cmp    edx,0x2
    c645:	jb     c680 <_ZN2pb4main17h7883ca85edccda1aE+0x2c0>
    c647:	test   rcx,rcx
    c64a:	je     c680 <_ZN2pb4main17h7883ca85edccda1aE+0x2c0>
    c64c:	lea    rbx,[rax-0x1]
    c650:	mov    r15,QWORD PTR [rax-0x1]
    c654:	mov    r12,QWORD PTR [rax+0x7]
    c658:	mov    rax,QWORD PTR [r12]
    c65c:	test   rax,rax
    c65f:	je     c666 <_ZN2pb4main17h7883ca85edccda1aE+0x2a6>
    c661:	mov    rdi,r15
    c664:	call   rax
    c666:	cmp    QWORD PTR [r12+0x8],0x0
    c66c:	je     c677 <_ZN2pb4main17h7883ca85edccda1aE+0x2b7>
    c66e:	mov    rdi,r15
    c671:	call   QWORD PTR [rip+0x477b9]        # 53e30 <free@GLIBC_2.2.5>
    c677:	mov    rdi,rbx
    c67a:	call   QWORD PTR [rip+0x477b0]        # 53e30 <free@GLIBC_2.2.5>
    c680:	mov    QWORD PTR [rsp+0x8],0x0
    c689:	mov    QWORD PTR [rsp+0x10],0x1
    c692:	mov    QWORD PTR [rsp+0x18],0x0
    c69b:	mov    eax,0x2000
    c6a0:	mov    QWORD PTR [rsp],rax
    c6a4:	mov    al,0x1
    c6a6:	mov    QWORD PTR [rsp+0x60],rax
    c6ab:	lea    rsi,[rsp+0x8]
    c6b0:	mov    edi,r14d
    c6b3:	call   44a60 <_RINvNvNtCsjrHSEGnQ3l9_3std2io19default_read_to_end16small_probe_readNtNtB6_2fs4FileEB6_>
    c6b8:	mov    rbx,rdx
    c6bb:	test   al,0x1
    c6bd:	jne    cf8d <_ZN2pb4main17h7883ca85edccda1aE+0xbcd>
    c6c3:	test   rbx,rbx
    c6c6:	je     c8a0 <_ZN2pb4main17h7883ca85edccda1aE+0x4e0>
    c6cc:	mov    rsi,QWORD PTR [rsp+0x8]
    c6d1:	mov    r15,QWORD PTR [rsp+0x18]
    c6d6:	mov    QWORD PTR [rsp+0x58],0x0
    c6df:	mov    r13,QWORD PTR [rip+0x4780a]        # 53ef0 <read@GLIBC_2.2.5>
    c6e6:	xor    r12d,r12d
    c6e9:	mov    QWORD PTR [rsp+0x20],0x0
    c6f2:	data16 data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    c700:	cmp    r15,rsi
    c703:	jne    c739 <_ZN2pb4main17h7883ca85edccda1aE+0x379>
    c705:	cmp    rsi,QWORD PTR [rsp+0x58]
    c70a:	jne    c739 <_ZN2pb4main17h7883ca85edccda1aE+0x379>
    c70c:	mov    edi,r14d
    c70f:	lea    rsi,[rsp+0x8]
    c714:	call   44a60 <_RINvNvNtCsjrHSEGnQ3l9_3std2io19default_read_to_end16small_probe_readNtNtB6_2fs4FileEB6_>
    c719:	mov    rbx,rdx
    c71c:	cmp    rax,0x1
    c720:	je     cf8d <_ZN2pb4main17h7883ca85edccda1aE+0xbcd>
    c726:	test   rbx,rbx
    c729:	je     c8a0 <_ZN2pb4main17h7883ca85edccda1aE+0x4e0>
    c72f:	mov    rsi,QWORD PTR [rsp+0x8]
    c734:	mov    r15,QWORD PTR [rsp+0x18]
    c739:	mov    DWORD PTR [rsp+0x38],r12d
    c73e:	mov    r12,QWORD PTR [rsp+0x10]
    c743:	cmp    r15,rsi
    c746:	je     c856 <_ZN2pb4main17h7883ca85edccda1aE+0x496>
    c74c:	mov    rbp,QWORD PTR [rsp+0x8]
    c751:	add    r12,r15
    c754:	mov    QWORD PTR [rsp+0x30],rbp
    c759:	mov    QWORD PTR [rsp+0x28],r15
    c75e:	sub    rbp,r15
    c761:	mov    rax,QWORD PTR [rsp]
    c765:	cmp    rax,rbp
    c768:	cmovb  rbp,rax
    c76c:	movabs r15,0x7fffffffffffffff
    c776:	cmp    rbp,r15
    c779:	cmovb  r15,rbp
    c77d:	nop    DWORD PTR [rax]
    c780:	mov    edi,r14d
    c783:	mov    rsi,r12
    c786:	mov    rdx,r15
    c789:	call   r13
    c78c:	cmp    rax,0xffffffffffffffff
    c790:	jne    c7b0 <_ZN2pb4main17h7883ca85edccda1aE+0x3f0>
    c792:	call   QWORD PTR [rip+0x476b8]        # 53e50 <__errno_location@GLIBC_2.2.5>
    c798:	movsxd rbx,DWORD PTR [rax]
    c79b:	cmp    rbx,0x4
    c79f:	je     c780 <_ZN2pb4main17h7883ca85edccda1aE+0x3c0>
    c7a1:	jmp    cf7b <_ZN2pb4main17h7883ca85edccda1aE+0xbbb>
    c7a6:	cs nop WORD PTR [rax+rax*1+0x0]
    c7b0:	mov    rcx,QWORD PTR [rsp+0x20]
    c7b5:	cmp    rax,rcx
    c7b8:	cmova  rcx,rax
    c7bc:	mov    r15,QWORD PTR [rsp+0x28]
    c7c1:	add    r15,rax
    c7c4:	mov    QWORD PTR [rsp+0x18],r15
    c7c9:	test   rax,rax
    c7cc:	mov    r12d,DWORD PTR [rsp+0x38]
    c7d1:	je     c8a0 <_ZN2pb4main17h7883ca85edccda1aE+0x4e0>
    c7d7:	mov    rdx,rcx
    c7da:	sub    rdx,rax
    c7dd:	mov    QWORD PTR [rsp+0x20],rdx
    c7e2:	inc    r12d
    c7e5:	cmp    rax,rbp
    c7e8:	mov    edx,0x0
    c7ed:	cmovae r12d,edx
    c7f1:	cmp    BYTE PTR [rsp+0x60],0x0
    c7f6:	mov    rsi,QWORD PTR [rsp+0x30]
    c7fb:	je     c700 <_ZN2pb4main17h7883ca85edccda1aE+0x340>
    c801:	cmp    r12d,0x2
    c805:	mov    r8,QWORD PTR [rsp]
    c809:	mov    rdx,r8
    c80c:	mov    rdi,0xffffffffffffffff
    c813:	cmovge rdx,rdi
    c817:	cmp    rcx,rbp
    c81a:	cmove  rdx,r8
    c81e:	mov    QWORD PTR [rsp],rdx
    c822:	cmp    rax,rbp
    c825:	jne    c700 <_ZN2pb4main17h7883ca85edccda1aE+0x340>
    c82b:	mov    QWORD PTR [rsp],rdx
    c82f:	cmp    rbp,rdx
    c832:	jb     c700 <_ZN2pb4main17h7883ca85edccda1aE+0x340>
    c838:	lea    rax,[rdx+rdx*1]
    c83c:	mov    QWORD PTR [rsp],rax
    c840:	test   rdx,rdx
    c843:	jns    c700 <_ZN2pb4main17h7883ca85edccda1aE+0x340>
    c849:	mov    QWORD PTR [rsp],0xffffffffffffffff
    c851:	jmp    c700 <_ZN2pb4main17h7883ca85edccda1aE+0x340>
    c856:	lea    rax,[rsi+0x20]
    c85a:	lea    rbp,[rsi+rsi*1]
    c85e:	cmp    rax,rbp
    c861:	cmova  rbp,rax
    c865:	mov    r8d,0x1
    c86b:	mov    r9d,0x1
    c871:	lea    rdi,[rsp+0x70]
    c876:	mov    rdx,r12
    c879:	mov    rcx,rbp
    c87c:	call   4b60 <_RNvMs4_NtCslNYArtu3iFV_5alloc7raw_vecNtB5_11RawVecInner11finish_growCsjrHSEGnQ3l9_3std>
    c881:	cmp    DWORD PTR [rsp+0x70],0x1
    c886:	je     d076 <_ZN2pb4main17h7883ca85edccda1aE+0xcb6>
    c88c:	mov    r12,QWORD PTR [rsp+0x78]
    c891:	mov    QWORD PTR [rsp+0x10],r12
    c896:	mov    QWORD PTR [rsp+0x8],rbp
    c89b:	jmp    c751 <_ZN2pb4main17h7883ca85edccda1aE+0x391>
    c8a0:	mov    r15,QWORD PTR [rsp+0x8]
    c8a5:	mov    rbx,QWORD PTR [rsp+0x10]
    c8aa:	mov    r12,QWORD PTR [rsp+0x18]
    c8af:	mov    edi,r14d
    c8b2:	call   QWORD PTR [rip+0x47628]        # 53ee0 <close@GLIBC_2.2.5>
    c8b8:	mov    rax,r15
    c8bb:	neg    rax
    c8be:	jo     c5fc <_ZN2pb4main17h7883ca85edccda1aE+0x23c>
    c8c4:	mov    rax,QWORD PTR [rip+0x48125]        # 549f0 <_RNvNtNtNtNtCsjrHSEGnQ3l9_3std3sys4args4unix3imp4ARGV.0>
    c8cb:	mov    QWORD PTR [rsp+0x28],rax
    c8d0:	test   rax,rax
    c8d3:	je     c8f9 <_ZN2pb4main17h7883ca85edccda1aE+0x539>
    c8d5:	movabs rax,0x555555555555555
    c8df:	mov    r13,QWORD PTR [rip+0x48102]        # 549e8 <_RNvNtNtNtNtCsjrHSEGnQ3l9_3std3sys4args4unix3imp4ARGC.0>
    c8e6:	cmp    r13,rax
    c8e9:	jbe    cacc <_ZN2pb4main17h7883ca85edccda1aE+0x70c>
    c8ef:	call   41a0 <_RNvNtCslNYArtu3iFV_5alloc7raw_vec17capacity_overflow>
    c8f4:	jmp    d12a <_ZN2pb4main17h7883ca85edccda1aE+0xd6a>
    c8f9:	mov    QWORD PTR [rsp],r15
    c8fd:	mov    r13d,0x8
    c903:	xor    r15d,r15d
    c906:	xor    ecx,ecx
    c908:	mov    QWORD PTR [rsp+0x30],r12
    c90d:	lea    rax,[r15*8+0x0]
    c915:	lea    rax,[rax+rax*2]
    c919:	mov    QWORD PTR [rsp+0x38],rax
    c91e:	add    rax,r13
    c921:	mov    QWORD PTR [rsp+0x70],r13
    c926:	mov    QWORD PTR [rsp+0x78],r13
    c92b:	mov    QWORD PTR [rsp+0x28],rcx
    c930:	mov    QWORD PTR [rsp+0x80],rcx
    c938:	mov    QWORD PTR [rsp+0x88],rax
    c940:	test   r15,r15
    c943:	je     d065 <_ZN2pb4main17h7883ca85edccda1aE+0xca5>
    c949:	movabs rcx,0x8000000000000000
    c953:	lea    rax,[r13+0x18]
    c957:	mov    QWORD PTR [rsp+0x78],rax
    c95c:	mov    rbp,QWORD PTR [r13+0x0]
    c960:	cmp    rbp,rcx
    c963:	je     d065 <_ZN2pb4main17h7883ca85edccda1aE+0xca5>
    c969:	mov    r14,QWORD PTR [r13+0x8]
    c96d:	mov    r12,QWORD PTR [r13+0x10]
    c971:	lea    rdi,[rsp+0x8]
    c976:	mov    rsi,r14
    c979:	mov    rdx,r12
    c97c:	call   f950 <_RNvNtNtCsgEmfK2I1SDS_4core3str8converts9from_utf8>
    c981:	cmp    DWORD PTR [rsp+0x8],0x1
    c986:	je     d0a3 <_ZN2pb4main17h7883ca85edccda1aE+0xce3>
    c98c:	test   rbp,rbp
    c98f:	je     c99a <_ZN2pb4main17h7883ca85edccda1aE+0x5da>
    c991:	mov    rdi,r14
    c994:	call   QWORD PTR [rip+0x47496]        # 53e30 <free@GLIBC_2.2.5>
    c99a:	cmp    r15,0x1
    c99e:	movabs rcx,0x8000000000000000
    c9a8:	je     d065 <_ZN2pb4main17h7883ca85edccda1aE+0xca5>
    c9ae:	lea    rax,[r13+0x30]
    c9b2:	mov    QWORD PTR [rsp+0x78],rax
    c9b7:	mov    rax,QWORD PTR [r13+0x18]
    c9bb:	mov    QWORD PTR [rsp+0x20],rax
    c9c0:	cmp    rax,rcx
    c9c3:	je     d065 <_ZN2pb4main17h7883ca85edccda1aE+0xca5>
    c9c9:	mov    r12,QWORD PTR [r13+0x20]
    c9cd:	mov    r14,QWORD PTR [r13+0x28]
    c9d1:	lea    rdi,[rsp+0x8]
    c9d6:	mov    rsi,r12
    c9d9:	mov    rdx,r14
    c9dc:	call   f950 <_RNvNtNtCsgEmfK2I1SDS_4core3str8converts9from_utf8>
    c9e1:	cmp    DWORD PTR [rsp+0x8],0x1
    c9e6:	je     d0d8 <_ZN2pb4main17h7883ca85edccda1aE+0xd18>
    c9ec:	cmp    r14,0x1
    c9f0:	je     ca02 <_ZN2pb4main17h7883ca85edccda1aE+0x642>
    c9f2:	test   r14,r14
    c9f5:	je     d112 <_ZN2pb4main17h7883ca85edccda1aE+0xd52>
    c9fb:	movzx  edx,BYTE PTR [r12]
    ca00:	jmp    ca1b <_ZN2pb4main17h7883ca85edccda1aE+0x65b>
    ca02:	movzx  edx,BYTE PTR [r12]
    ca07:	mov    al,0x1
    ca09:	cmp    edx,0x2b
    ca0c:	je     cf44 <_ZN2pb4main17h7883ca85edccda1aE+0xb84>
    ca12:	cmp    edx,0x2d
    ca15:	je     cf44 <_ZN2pb4main17h7883ca85edccda1aE+0xb84>
    ca1b:	xor    ecx,ecx
    ca1d:	cmp    dl,0x2b
    ca20:	sete   cl
    ca23:	mov    rax,rcx
    ca26:	neg    rax
    ca29:	mov    rdx,r14
    ca2c:	sub    rdx,rcx
    ca2f:	add    rcx,r12
    ca32:	cmp    rdx,0x11
    ca36:	jae    ca81 <_ZN2pb4main17h7883ca85edccda1aE+0x6c1>
    ca38:	test   rdx,rdx
    ca3b:	je     cc0b <_ZN2pb4main17h7883ca85edccda1aE+0x84b>
    ca41:	add    r14,rax
    ca44:	neg    r14
    ca47:	xor    ebp,ebp
    ca49:	xor    eax,eax
    ca4b:	nop    DWORD PTR [rax+rax*1+0x0]
    ca50:	movzx  edx,BYTE PTR [rcx+rax*1]
    ca54:	add    edx,0xffffffd0
    ca57:	cmp    edx,0x9
    ca5a:	ja     d054 <_ZN2pb4main17h7883ca85edccda1aE+0xc94>
    ca60:	lea    rsi,[rbp*4+0x0]
    ca68:	add    rsi,rbp
    ca6b:	mov    edx,edx
    ca6d:	lea    rbp,[rdx+rsi*2]
    ca71:	inc    rax
    ca74:	mov    rdx,r14
    ca77:	add    rdx,rax
    ca7a:	jne    ca50 <_ZN2pb4main17h7883ca85edccda1aE+0x690>
    ca7c:	jmp    cc0d <_ZN2pb4main17h7883ca85edccda1aE+0x84d>
    ca81:	add    r14,rax
    ca84:	neg    r14
    ca87:	xor    ebp,ebp
    ca89:	mov    esi,0xa
    ca8e:	xor    edi,edi
    ca90:	mov    rax,r14
    ca93:	add    rax,rdi
    ca96:	je     cc0d <_ZN2pb4main17h7883ca85edccda1aE+0x84d>
    ca9c:	mov    rax,rbp
    ca9f:	mul    rsi
    caa2:	movzx  edx,BYTE PTR [rcx+rdi*1]
    caa6:	jo     cf3a <_ZN2pb4main17h7883ca85edccda1aE+0xb7a>
    caac:	add    edx,0xffffffd0
    caaf:	cmp    edx,0xa
    cab2:	jae    d054 <_ZN2pb4main17h7883ca85edccda1aE+0xc94>
    cab8:	mov    rbp,rax
    cabb:	mov    eax,edx
    cabd:	inc    rdi
    cac0:	add    rbp,rax
    cac3:	jae    ca90 <_ZN2pb4main17h7883ca85edccda1aE+0x6d0>
    cac5:	mov    al,0x2
    cac7:	jmp    cf44 <_ZN2pb4main17h7883ca85edccda1aE+0xb84>
    cacc:	test   r13,r13
    cacf:	mov    QWORD PTR [rsp],r15
    cad3:	je     c8fd <_ZN2pb4main17h7883ca85edccda1aE+0x53d>
    cad9:	mov    QWORD PTR [rsp+0x30],r12
    cade:	lea    rax,[r13*8+0x0]
    cae6:	lea    r12,[rax+rax*2]
    caea:	mov    rdi,r12
    caed:	call   QWORD PTR [rip+0x47455]        # 53f48 <malloc@GLIBC_2.2.5>
    caf3:	test   rax,rax
    caf6:	je     d119 <_ZN2pb4main17h7883ca85edccda1aE+0xd59>
    cafc:	mov    rcx,rax
    caff:	mov    QWORD PTR [rsp+0x70],r13
    cb04:	mov    QWORD PTR [rsp+0x78],rax
    cb09:	mov    QWORD PTR [rsp+0x80],0x0
    cb15:	mov    r14d,0x2
    cb1b:	xor    r15d,r15d
    cb1e:	mov    QWORD PTR [rsp+0x38],r13
    cb23:	jmp    cb5b <_ZN2pb4main17h7883ca85edccda1aE+0x79b>
    cb25:	data16 cs nop WORD PTR [rax+rax*1+0x0]
    cb30:	inc    r15
    cb33:	mov    QWORD PTR [rcx+r14*8-0x10],r12
    cb38:	mov    QWORD PTR [rcx+r14*8-0x8],r13
    cb3d:	mov    QWORD PTR [rcx+r14*8],r12
    cb41:	mov    QWORD PTR [rsp+0x80],r15
    cb49:	add    r14,0x3
    cb4d:	mov    r13,QWORD PTR [rsp+0x38]
    cb52:	cmp    r13,r15
    cb55:	je     cf23 <_ZN2pb4main17h7883ca85edccda1aE+0xb63>
    cb5b:	mov    rax,QWORD PTR [rsp+0x28]
    cb60:	mov    rbp,QWORD PTR [rax+r15*8]
    cb64:	test   rbp,rbp
    cb67:	je     cf26 <_ZN2pb4main17h7883ca85edccda1aE+0xb66>
    cb6d:	mov    QWORD PTR [rsp+0x20],rcx
    cb72:	mov    rdi,rbp
    cb75:	call   QWORD PTR [rip+0x47335]        # 53eb0 <strlen@GLIBC_2.2.5>
    cb7b:	mov    r12,rax
    cb7e:	test   rax,rax
    cb81:	je     cbc0 <_ZN2pb4main17h7883ca85edccda1aE+0x800>
    cb83:	mov    rdi,r12
    cb86:	call   QWORD PTR [rip+0x473bc]        # 53f48 <malloc@GLIBC_2.2.5>
    cb8c:	test   rax,rax
    cb8f:	je     d091 <_ZN2pb4main17h7883ca85edccda1aE+0xcd1>
    cb95:	mov    r13,rax
    cb98:	mov    rdi,rax
    cb9b:	mov    rsi,rbp
    cb9e:	mov    rdx,r12
    cba1:	call   QWORD PTR [rip+0x47381]        # 53f28 <memcpy@GLIBC_2.14>
    cba7:	cmp    r15,QWORD PTR [rsp+0x70]
    cbac:	mov    rcx,QWORD PTR [rsp+0x20]
    cbb1:	jne    cb30 <_ZN2pb4main17h7883ca85edccda1aE+0x770>
    cbb7:	jmp    cbd6 <_ZN2pb4main17h7883ca85edccda1aE+0x816>
    cbb9:	nop    DWORD PTR [rax+0x0]
    cbc0:	mov    r13d,0x1
    cbc6:	cmp    r15,QWORD PTR [rsp+0x70]
    cbcb:	mov    rcx,QWORD PTR [rsp+0x20]
    cbd0:	jne    cb30 <_ZN2pb4main17h7883ca85edccda1aE+0x770>
    cbd6:	lea    rdi,[rsp+0x70]
    cbdb:	call   8560 <_RNvMs3_NtCslNYArtu3iFV_5alloc7raw_vecINtB5_6RawVecINtNtNtCsduwmD7cSIQq_5gimli4read4unit14AttributeValueINtNtBR_12endian_slice11EndianSliceNtNtBT_9endianity12LittleEndianEjEE8grow_oneCsjrHSEGnQ3l9_3std>
    cbe0:	mov    rcx,QWORD PTR [rsp+0x78]
    cbe5:	jmp    cb30 <_ZN2pb4main17h7883ca85edccda1aE+0x770>
    cbea:	je     ceb3 <_ZN2pb4main17h7883ca85edccda1aE+0xaf3>
    cbf0:	mov    esi,0x1
    cbf5:	mov    rdi,r15
    cbf8:	call   da60 <_RNvCsfLfy6EI15iL_7___rustc12___rust_alloc>
    cbfd:	test   rax,rax
    cc00:	jne    cebb <_ZN2pb4main17h7883ca85edccda1aE+0xafb>
    cc06:	jmp    c5f3 <_ZN2pb4main17h7883ca85edccda1aE+0x233>
    cc0b:	xor    ebp,ebp
    cc0d:	cmp    QWORD PTR [rsp+0x20],0x0
    cc13:	je     cc1e <_ZN2pb4main17h7883ca85edccda1aE+0x85e>
    cc15:	mov    rdi,r12
    cc18:	call   QWORD PTR [rip+0x47212]        # 53e30 <free@GLIBC_2.2.5>
    cc1e:	mov    rax,QWORD PTR [rsp+0x38]
    cc23:	add    rax,0xffffffffffffffd0
    cc27:	movabs rcx,0xaaaaaaaaaaaaaaab
    cc31:	mul    rcx
    cc34:	cmp    r15,0x2
    cc38:	jne    cd07 <_ZN2pb4main17h7883ca85edccda1aE+0x947>
    cc3e:	cmp    QWORD PTR [rsp+0x28],0x0
    cc44:	je     cc4f <_ZN2pb4main17h7883ca85edccda1aE+0x88f>
    cc46:	mov    rdi,r13
    cc49:	call   QWORD PTR [rip+0x471e1]        # 53e30 <free@GLIBC_2.2.5>
    cc4f:	mov    QWORD PTR [rsp+0x68],0x0
    cc58:	test   rbp,rbp
    cc5b:	mov    r12,QWORD PTR [rsp+0x30]
    cc60:	je     cc96 <_ZN2pb4main17h7883ca85edccda1aE+0x8d6>
    cc62:	xor    r14d,r14d
    cc65:	lea    r15,[rsp+0x70]
    cc6a:	nop    WORD PTR [rax+rax*1+0x0]
    cc70:	mov    QWORD PTR [rsp+0x70],rbx
    cc75:	mov    QWORD PTR [rsp+0x78],r12
    cc7a:	mov    rdi,QWORD PTR [rsp+0x70]
    cc7f:	mov    rsi,QWORD PTR [rsp+0x78]
    cc84:	call   9aa0 <_ZN2pb3one17h7dcb1e617efda71fE>
    cc89:	add    r14,rax
    cc8c:	mov    QWORD PTR [rsp+0x68],r14
    cc91:	dec    rbp
    cc94:	jne    cc70 <_ZN2pb4main17h7883ca85edccda1aE+0x8b0>
    cc96:	lea    rax,[rsp+0x68]
    cc9b:	mov    QWORD PTR [rsp+0x48],rax
    cca0:	lea    rax,[rip+0x4c89]        # 11930 <_RNvXsd_NtNtNtCsgEmfK2I1SDS_4core3fmt3num3impyNtB9_7Display3fmt>
    cca7:	mov    QWORD PTR [rsp+0x50],rax
    ccac:	lea    rax,[rip+0x3d4b9]        # 4a16c <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0x1134>
    ccb3:	mov    QWORD PTR [rsp+0x8],rax
    ccb8:	mov    QWORD PTR [rsp+0x10],0x6
    ccc1:	mov    eax,DWORD PTR [rip+0x47391]        # 54058 <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT+0x38>
    ccc7:	test   eax,eax
    ccc9:	mov    r15,QWORD PTR [rsp]
    cccd:	jne    cfa9 <_ZN2pb4main17h7883ca85edccda1aE+0xbe9>
    ccd3:	mov    r14,QWORD PTR fs:0xfffffffffffffff8
    ccdc:	test   r14,r14
    ccdf:	je     cd3c <_ZN2pb4main17h7883ca85edccda1aE+0x97c>
    cce1:	mov    rax,QWORD PTR [rip+0x47338]        # 54020 <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT>
    cce8:	cmp    r14,rax
    cceb:	jne    cd82 <_ZN2pb4main17h7883ca85edccda1aE+0x9c2>
    ccf1:	mov    ebp,DWORD PTR [rip+0x47335]        # 5402c <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT+0xc>
    ccf7:	cmp    ebp,0xffffffff
    ccfa:	je     cfb3 <_ZN2pb4main17h7883ca85edccda1aE+0xbf3>
    cd00:	inc    ebp
    cd02:	jmp    cd9e <_ZN2pb4main17h7883ca85edccda1aE+0x9de>
    cd07:	mov    r14,rdx
    cd0a:	shr    r14,0x4
    cd0e:	lea    r15,[r13+0x38]
    cd12:	mov    r12,QWORD PTR [rip+0x47117]        # 53e30 <free@GLIBC_2.2.5>
    cd19:	jmp    cd2d <_ZN2pb4main17h7883ca85edccda1aE+0x96d>
    cd1b:	nop    DWORD PTR [rax+rax*1+0x0]
    cd20:	add    r15,0x18
    cd24:	dec    r14
    cd27:	je     cc3e <_ZN2pb4main17h7883ca85edccda1aE+0x87e>
    cd2d:	cmp    QWORD PTR [r15-0x8],0x0
    cd32:	je     cd20 <_ZN2pb4main17h7883ca85edccda1aE+0x960>
    cd34:	mov    rdi,QWORD PTR [r15]
    cd37:	call   r12
    cd3a:	jmp    cd20 <_ZN2pb4main17h7883ca85edccda1aE+0x960>
    cd3c:	mov    rax,QWORD PTR [rip+0x47cf5]        # 54a38 <_RNvNvMNtNtCsjrHSEGnQ3l9_3std6thread2idNtB4_8ThreadId3new7COUNTER>
    cd43:	data16 data16 data16 cs nop WORD PTR [rax+rax*1+0x0]
    cd50:	cmp    rax,0xffffffffffffffff
    cd54:	je     cf71 <_ZN2pb4main17h7883ca85edccda1aE+0xbb1>
    cd5a:	lea    r14,[rax+0x1]
    cd5e:	lock cmpxchg QWORD PTR [rip+0x47cd1],r14        # 54a38 <_RNvNvMNtNtCsjrHSEGnQ3l9_3std6thread2idNtB4_8ThreadId3new7COUNTER>
    cd67:	jne    cd50 <_ZN2pb4main17h7883ca85edccda1aE+0x990>
    cd69:	mov    QWORD PTR fs:0xfffffffffffffff8,r14
    cd72:	mov    rax,QWORD PTR [rip+0x472a7]        # 54020 <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT>
    cd79:	cmp    r14,rax
    cd7c:	je     ccf1 <_ZN2pb4main17h7883ca85edccda1aE+0x931>
    cd82:	mov    ebp,0x1
    cd87:	xor    eax,eax
    cd89:	lock cmpxchg DWORD PTR [rip+0x47297],ebp        # 54028 <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT+0x8>
    cd91:	jne    cfd0 <_ZN2pb4main17h7883ca85edccda1aE+0xc10>
    cd97:	mov    QWORD PTR [rip+0x47282],r14        # 54020 <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT>
    cd9e:	mov    DWORD PTR [rip+0x47288],ebp        # 5402c <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT+0xc>
    cda4:	lea    rax,[rip+0x47275]        # 54020 <_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT>
    cdab:	mov    QWORD PTR [rsp+0x40],rax
    cdb0:	lea    r14,[rsp+0x40]
    cdb5:	mov    QWORD PTR [rsp+0x70],r14
    cdba:	mov    QWORD PTR [rsp+0x78],0x0
    cdc3:	lea    rsi,[rip+0x46386]        # 53150 <_ZN10portcullis4peek9REROUTING17he97c90eb4c3ee01bE+0x7c0>
    cdca:	lea    rdx,[rip+0x3b360]        # 48131 <_fini+0x35a1>
    cdd1:	lea    rdi,[rsp+0x70]
    cdd6:	lea    rcx,[rsp+0x48]
    cddb:	call   e0f0 <_RNvNtCsgEmfK2I1SDS_4core3fmt5write>
    cde0:	mov    rcx,QWORD PTR [rsp+0x78]
    cde5:	mov    r12,r15
    cde8:	test   al,al
    cdea:	je     ce14 <_ZN2pb4main17h7883ca85edccda1aE+0xa54>
    cdec:	mov    r15,rcx
    cdef:	test   rcx,rcx
    cdf2:	jne    ce6b <_ZN2pb4main17h7883ca85edccda1aE+0xaab>
    cdf4:	lea    rdi,[rip+0x3c957]        # 49752 <_RNvNtNtNtCsgEmfK2I1SDS_4core7unicode12unicode_data15grapheme_extend17SHORT_OFFSET_RUNS+0x71a>
    cdfb:	lea    rdx,[rip+0x46336]        # 53138 <_ZN10portcullis4peek9REROUTING17he97c90eb4c3ee01bE+0x7a8>
    ce02:	mov    esi,0xad
    ce07:	mov    r15,r12
    ce0a:	call   4230 <_RNvNtCsgEmfK2I1SDS_4core9panicking9panic_fmt>
    ce0f:	jmp    d12a <_ZN2pb4main17h7883ca85edccda1aE+0xd6a>
    ce14:	test   rcx,rcx
    ce17:	je     ce68 <_ZN2pb4main17h7883ca85edccda1aE+0xaa8>
    ce19:	mov    eax,ecx
    ce1b:	and    eax,0x3
    ce1e:	xor    r15d,r15d
    ce21:	lea    edx,[rax-0x2]
    ce24:	cmp    edx,0x2
    ce27:	jb     ce6b <_ZN2pb4main17h7883ca85edccda1aE+0xaab>
    ce29:	test   rax,rax
    ce2c:	je     ce6b <_ZN2pb4main17h7883ca85edccda1aE+0xaab>
    ce2e:	lea    rax,[rcx-0x1]
    ce32:	mov    QWORD PTR [rsp+0x20],rax
    ce37:	mov    r15,QWORD PTR [rcx-0x1]
    ce3b:	mov    r13,QWORD PTR [rcx+0x7]
    ce3f:	mov    rax,QWORD PTR [r13+0x0]
    ce43:	test   rax,rax
    ce46:	je     ce4d <_ZN2pb4main17h7883ca85edccda1aE+0xa8d>
    ce48:	mov    rdi,r15
    ce4b:	call   rax
    ce4d:	cmp    QWORD PTR [r13+0x8],0x0
    ce52:	je     ce5d <_ZN2pb4main17h7883ca85edccda1aE+0xa9d>
    ce54:	mov    rdi,r15
    ce57:	call   QWORD PTR [rip+0x46fd3]        # 53e30 <free@GLIBC_2.2.5>
    ce5d:	mov    rdi,QWORD PTR [rsp+0x20]
    ce62:	call   QWORD PTR [rip+0x46fc8]        # 53e30 <free@GLIBC_2.2.5>
    ce68:	xor    r15d,r15d
    ce6b:	mov    rsi,QWORD PTR [rsp+0x40]
    ce70:	dec    DWORD PTR [rsi+0xc]
    ce73:	jne    ce8a <_ZN2pb4main17h7883ca85edccda1aE+0xaca>
    ce75:	mov    QWORD PTR [rsi],0x0
    ce7c:	xor    eax,eax
    ce7e:	xchg   DWORD PTR [rsi+0x8],eax
    ce81:	cmp    eax,0x2
    ce84:	je     cfe1 <_ZN2pb4main17h7883ca85edccda1aE+0xc21>
    ce8a:	test   r15,r15
    ce8d:	jne    d005 <_ZN2pb4main17h7883ca85edccda1aE+0xc45>
    ce93:	test   r12,r12
    ce96:	je     cea1 <_ZN2pb4main17h7883ca85edccda1aE+0xae1>
    ce98:	mov    rdi,rbx
    ce9b:	call   QWORD PTR [rip+0x46f8f]        # 53e30 <free@GLIBC_2.2.5>
    cea1:	add    rsp,0x1f8
    cea8:	pop    rbx
    cea9:	pop    r12
    ceab:	pop    r13
    cead:	pop    r14
    ceaf:	pop    r15
    ceb1:	pop    rbp
    ceb2:	ret
