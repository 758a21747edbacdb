package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Machine is one that has power. Its methods fail once it has none.
type Machine struct {
	// Dir is the directory of all its files; the last element is its host name.
	Dir string

	init *os.Process // as seen from this machine
}

// Options are what a machine is made of.
type Options struct {
	// Dir is the absolute path of a directory, made if missing. Its subdirectory lib is the machine's /var/lib, and a file
	// of it that is left from before is found there again.
	Dir string
	// Programs is a directory of this machine that the other sees as ProgramsDir; "" is none.
	Programs string
	// Tethered has the machine lose its power when this process ends, however it ends.
	Tethered bool
}

// ProgramsDir is where a machine sees Options.Programs: the first of its search path.
const ProgramsDir = "/run/programs"

// bootDeadline is for a few mounts, on a machine that may be busy.
const bootDeadline = time.Minute

// Start gives power to a machine. It must have none.
func Start(ctx context.Context, options Options) (*Machine, error) {
	if _, err := Find(options.Dir); !errors.Is(err, ErrOff) {
		return nil, fmt.Errorf("start machine %s: %w", options.Dir, errors.Join(errors.New("it has power already"), err))
	}
	if err := os.MkdirAll(filepath.Join(options.Dir, "lib"), 0o755); err != nil {
		return nil, fmt.Errorf("make a machine's disk: %w", err)
	}
	log, err := openLog(options.Dir, "boot")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	booted, tell, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer booted.Close()
	first, err := startInit(options, log, tell)
	tell.Close()
	if err != nil {
		return nil, err
	}
	m := &Machine{Dir: options.Dir, init: first}
	_ = booted.SetReadDeadline(deadline(ctx, bootDeadline))
	if line, err := bufio.NewReader(booted).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("start machine %s: %w", m.Name(), err), m.Off(), m.logged("boot"))
	} else if problem := strings.TrimSpace(line); problem != "ready" {
		return nil, errors.Join(fmt.Errorf("start machine %s: %s", m.Name(), problem), m.Off())
	}
	return m, m.linkSocket()
}

func startInit(options Options, log, tell *os.File) (*os.Process, error) {
	command := exec.Command("/proc/self/exe")
	command.Args = []string{initName, options.Dir, options.Programs, ""}
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{tell}
	command.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true, // Ctrl-C is not for it
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if options.Tethered {
		tether, err := newTether()
		if err != nil {
			return nil, err
		}
		defer tether.Close()
		command.Args[3], command.ExtraFiles = tethered, append(command.ExtraFiles, tether)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the first process of machine %s: %w", options.Dir, err)
	}
	go func() { _ = command.Wait() }() // so that no zombie stays; it never ends by itself
	return command.Process, nil
}

// newTether is the end of a pipe whose other end is closed by the end of this process, and by nothing else.
func newTether() (*os.File, error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	return os.NewFile(uintptr(ends[0]), "tether"), nil
}

// ErrOff says that a machine has no power.
var ErrOff = errors.New("the machine is switched off")

// Find is the machine of that directory, or ErrOff.
func Find(dir string) (*Machine, error) {
	all, err := FindAll(dir)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.Dir == dir {
			return m, nil
		}
	}
	return nil, ErrOff
}

// FindAll are the machines that have power and whose directory is dir or below it.
func FindAll(dir string) ([]*Machine, error) {
	processes, err := processes()
	if err != nil {
		return nil, err
	}
	var found []*Machine
	for _, p := range processes {
		if !isInit(p, dir) {
			continue
		}
		held, err := hold(p, func(now process) bool { return isInit(now, dir) })
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, &Machine{Dir: p.arguments[1], init: held})
	}
	return found, nil
}

func isInit(p process, dir string) bool {
	return len(p.arguments) > 1 && p.arguments[0] == initName && isBelow(p.arguments[1], dir)
}

func isBelow(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// Name is its host name.
func (m *Machine) Name() string { return filepath.Base(m.Dir) }

// Off takes the power away, and returns when nothing runs there any more.
func (m *Machine) Off() error {
	if err := m.init.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("switch off machine %s: %w", m.Name(), err)
	}
	// The first process ends last.
	err := eventually(context.Background(), bootDeadline, func() (bool, error) {
		p, err := read(m.init.Pid)
		return errors.Is(err, fs.ErrNotExist) || p.ended || !isInit(p, m.Dir), nil
	})
	if err != nil {
		return fmt.Errorf("switch off machine %s: its processes do not end: %w", m.Name(), err)
	}
	return removeCgroups(m.cgroup())
}

// Path is where this machine sees a file of the other, while that has power.
func (m *Machine) Path(path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", m.init.Pid), path)
}

// Namespace is the path of its network namespace, for `nsenter --net=<path>`.
func (m *Machine) Namespace() string { return fmt.Sprintf("/proc/%d/ns/net", m.init.Pid) }

func openLog(dir, name string) (*os.File, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a machine's log: %w", err)
	}
	return log, nil
}

// logged is the end of a log as an error: it says what went wrong there.
func (m *Machine) logged(name string) error {
	content, err := os.ReadFile(filepath.Join(m.Dir, name+".log"))
	if err != nil {
		return err
	}
	return fmt.Errorf("%s/%s.log ends with:\n%s", m.Dir, name, content[max(0, len(content)-2000):])
}

func deadline(ctx context.Context, most time.Duration) time.Time {
	latest := time.Now().Add(most)
	if own, has := ctx.Deadline(); has && own.Before(latest) {
		return own
	}
	return latest
}

// eventually asks until the answer is yes, an error, or too late.
func eventually(ctx context.Context, most time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
