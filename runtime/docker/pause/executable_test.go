package pause_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"coracle.dev/coracle/runtime/docker/pause"
)

func TestExecutableIsSmallStaticELF(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM} {
		t.Run(arch, func(t *testing.T) {
			program := executable(t, arch)
			if len(program) > 256 {
				t.Errorf("%d bytes, want at most 256", len(program))
			}
			file, err := elf.NewFile(bytes.NewReader(program))
			if err != nil {
				t.Fatal(err)
			}
			if file.Type != elf.ET_EXEC || file.Machine != machine || len(file.Progs) != 2 {
				t.Fatalf("got %v for %v with %d segments, want an executable for %v with 2", file.Type, file.Machine, len(file.Progs), machine)
			}
			load, stack := file.Progs[0], file.Progs[1]
			if load.Type != elf.PT_LOAD || load.Flags != elf.PF_R|elf.PF_X || load.Filesz != uint64(len(program)) {
				t.Errorf("first segment %+v: want the whole file, readable and executable", load.ProgHeader)
			}
			if load.Vaddr%load.Align != load.Off%load.Align {
				t.Errorf("segment at %#x cannot be mapped from offset %#x", load.Vaddr, load.Off)
			}
			if file.Entry <= load.Vaddr || file.Entry >= load.Vaddr+load.Memsz {
				t.Errorf("entry %#x is outside of the segment", file.Entry)
			}
			if stack.Type != elf.PT_GNU_STACK || stack.Flags&elf.PF_X != 0 {
				t.Errorf("second segment %+v: want a stack that is not executable", stack.ProgHeader)
			}
		})
	}
}

func TestExecutableUnknownArchitecture(t *testing.T) {
	_, err := pause.Executable("riscv64")
	if err == nil || !strings.Contains(err.Error(), `"riscv64"`) {
		t.Fatalf("got %v, want an error that names riscv64", err)
	}
}

// The program must still sleep after a signal that interrupts its system call, use no CPU, and die of KILL.
func TestExecutableSleepsUntilKilled(t *testing.T) {
	for arch, emulator := range map[string]string{"amd64": "", "arm64": "qemu-aarch64-static", "arm": "qemu-arm-static"} {
		t.Run(arch, func(t *testing.T) {
			command := []string{write(t, executable(t, arch))}
			if arch != goruntime.GOARCH {
				path, err := exec.LookPath(emulator)
				if err != nil {
					t.Skipf("%s is missing: install qemu-user-static", emulator)
				}
				command = append([]string{path}, command...)
			}
			process := exec.Command(command[0], command[1:]...)
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- process.Wait() }()
			alive(t, ended, 200*time.Millisecond)
			for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				if err := process.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			alive(t, ended, 200*time.Millisecond)
			if err := process.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatal("still there 10 s after KILL")
			}
			if used := process.ProcessState.UserTime(); emulator == "" && used > 50*time.Millisecond {
				t.Errorf("used %v of CPU, want none: it does not sleep", used)
			}
		})
	}
}

func alive(t *testing.T, ended <-chan error, after time.Duration) {
	t.Helper()
	select {
	case err := <-ended:
		t.Fatalf("ended by itself: %v", err)
	case <-time.After(after):
	}
}

func executable(t *testing.T, arch string) []byte {
	t.Helper()
	program, err := pause.Executable(arch)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func write(t *testing.T, program []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
