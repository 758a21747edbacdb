package pause

import (
	"debug/elf"
	"encoding/binary"
)

// target is one architecture: how its executables are marked and what they run. All are little-endian.
type target struct {
	machine elf.Machine
	class   elf.Class
	flags   uint32 // e_flags
	code    []byte
}

// targets by GOARCH. Each program is an endless loop around a system call that waits for a signal; as the first process of
// a PID namespace it gets none that it has no handler for, except KILL from outside.
var targets = map[string]target{
	"amd64": {machine: elf.EM_X86_64, class: elf.ELFCLASS64, code: []byte{
		0xb8, 0x22, 0x00, 0x00, 0x00, // loop: mov eax, 34 (pause)
		0x0f, 0x05, //                         syscall
		0xeb, 0xf7, //                         jmp loop (9 bytes back from the next instruction)
	}},
	// arm64 has no pause: ppoll of no descriptors without a timeout waits for ever too.
	"arm64": {machine: elf.EM_AARCH64, class: elf.ELFCLASS64, code: words(
		0xd2800928, // loop: mov x8, #73 (ppoll)
		0xd2800000, //       mov x0, #0  (descriptors)
		0xd2800001, //       mov x1, #0  (how many)
		0xd2800002, //       mov x2, #0  (no timeout)
		0xd2800003, //       mov x3, #0  (signal mask as it is)
		0xd4000001, //       svc #0
		0x17fffffa, //       b loop (6 words back)
	)},
	// Nothing here is newer than ARMv4, so a Raspberry Pi Zero runs it too.
	"arm": {machine: elf.EM_ARM, class: elf.ELFCLASS32, flags: armEABI5, code: words(
		0xe3a0701d, // loop: mov r7, #29 (pause)
		0xef000000, //       svc #0
		0xeafffffc, //       b loop (2 words back, counted from two instructions ahead)
	)},
}

// armEABI5 tells the kernel that system calls are numbered as the embedded ABI, version 5, does. Source: ELF for the
// Arm Architecture, e_flags.
const armEABI5 = 0x05000000

func words(instructions ...uint32) []byte {
	var code []byte
	for _, instruction := range instructions {
		code = binary.LittleEndian.AppendUint32(code, instruction)
	}
	return code
}
