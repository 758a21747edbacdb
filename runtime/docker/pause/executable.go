package pause

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

const (
	// base is where the file is mapped. Above the lowest address that Linux lets a process map (64 KiB on ARM),
	// and at a multiple of the largest page size (64 KiB on arm64).
	base  = 0x400000
	align = 0x10000
)

// Executable is the program for an architecture, named as GOARCH: "amd64", "arm64" or "arm".
func Executable(arch string) ([]byte, error) {
	target, known := targets[arch]
	if !known {
		return nil, fmt.Errorf("no pause program for architecture %q: there are amd64, arm64 and arm", arch)
	}
	var file bytes.Buffer
	for _, part := range target.headers() {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			return nil, fmt.Errorf("write pause program: %w", err)
		}
	}
	file.Write(target.code)
	return file.Bytes(), nil
}

// headers are the ELF header and two program headers: the whole file mapped readable and executable, and a stack that is
// not executable (without the second, Linux makes it so).
func (t target) headers() []any {
	if t.class == elf.ELFCLASS64 {
		return t.headers64()
	}
	return t.headers32()
}

func (t target) headers64() []any {
	header := elf.Header64{
		Ident: t.ident(), Type: uint16(elf.ET_EXEC), Machine: uint16(t.machine), Version: uint32(elf.EV_CURRENT), Flags: t.flags,
		Ehsize:    uint16(binary.Size(elf.Header64{})),
		Phoff:     uint64(binary.Size(elf.Header64{})),
		Phentsize: uint16(binary.Size(elf.Prog64{})), Phnum: 2,
	}
	start := header.Phoff + uint64(header.Phentsize)*uint64(header.Phnum)
	size := start + uint64(len(t.code))
	header.Entry = base + start
	return []any{header,
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X),
			Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: align},
		elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16},
	}
}

func (t target) headers32() []any {
	header := elf.Header32{
		Ident: t.ident(), Type: uint16(elf.ET_EXEC), Machine: uint16(t.machine), Version: uint32(elf.EV_CURRENT), Flags: t.flags,
		Ehsize:    uint16(binary.Size(elf.Header32{})),
		Phoff:     uint32(binary.Size(elf.Header32{})),
		Phentsize: uint16(binary.Size(elf.Prog32{})), Phnum: 2,
	}
	start := header.Phoff + uint32(header.Phentsize)*uint32(header.Phnum)
	size := start + uint32(len(t.code))
	header.Entry = base + start
	return []any{header,
		elf.Prog32{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X),
			Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: align},
		elf.Prog32{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16},
	}
}

func (t target) ident() [elf.EI_NIDENT]byte {
	ident := [elf.EI_NIDENT]byte{}
	copy(ident[:], elf.ELFMAG)
	ident[elf.EI_CLASS] = byte(t.class)
	ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	return ident
}
