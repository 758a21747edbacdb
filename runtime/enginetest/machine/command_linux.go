package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Within is what makes a command line run there, put before it: in all namespaces, in a directory that is there too, and with
// no other engine than the machine's.
func (m *Machine) Within(dir string) []string {
	return []string{"nsenter", "--target", strconv.Itoa(m.init.Pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--wdns=" + dir,
		"env", "--unset=DOCKER_HOST"}
}

// Command is as exec.CommandContext has it, but runs there, in the root directory. A kubeconfig of this machine's is not there.
func (m *Machine) Command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	line := slices.Concat(m.Within("/"), []string{"--unset=KUBECONFIG", "PATH=" + ProgramsDir + ":" + os.Getenv("PATH"), name}, arguments)
	return exec.CommandContext(ctx, line[0], line[1:]...)
}

// Service is a program that runs in the background.
type Service struct {
	Name string   // of its log, <Dir>/<Name>.log
	Line []string // the command line
}

// StartService starts a program, and leaves it to the machine's first process. One that runs already is left alone.
func (m *Machine) StartService(ctx context.Context, service Service) error {
	running, err := m.service(service)
	if err != nil || running != nil {
		return err
	}
	log, err := openLog(m.Dir, service.Name)
	if err != nil {
		return err
	}
	defer log.Close()
	// The shell ends at once, so the program's parent is the first process of the machine, as for any orphan.
	command := m.Command(ctx, "sh", append([]string{"-c", `"$@" </dev/null & `, "sh"}, service.Line...)...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Run(); err != nil {
		return fmt.Errorf("start %s on %s: %w", service.Name, m.Name(), errors.Join(err, m.logged(service.Name)))
	}
	err = eventually(ctx, bootDeadline, func() (bool, error) {
		all, err := processes()
		return !slices.ContainsFunc(all, func(p process) bool { return p.parent == m.init.Pid && isStarting(p, service) }), err
	})
	if err != nil {
		return fmt.Errorf("start %s on %s: %w", service.Name, m.Name(), err)
	}
	return nil
}

// isStarting says that a process may become the service: it is the shell still, or has, for a moment, no command line at all.
func isStarting(p process, service Service) bool {
	arguments, line := len(p.arguments), len(service.Line)
	return arguments == 0 || arguments > line && slices.Equal(p.arguments[arguments-line:], service.Line)
}

// Runs says whether the service does.
func (m *Machine) Runs(service Service) (bool, error) {
	running, err := m.service(service)
	return running != nil, err
}

// serviceDeadline is how long a service may take to end: an engine stops its containers first.
const serviceDeadline = 2 * time.Minute

// SignalService sends a signal, and waits for the end of the service if that is a deadly one.
func (m *Machine) SignalService(ctx context.Context, service Service, signal syscall.Signal) error {
	running, err := m.service(service)
	if err != nil || running == nil {
		return err
	}
	if err := running.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s on %s: %w", service.Name, m.Name(), err)
	}
	if signal != syscall.SIGKILL && signal != syscall.SIGTERM && signal != syscall.SIGINT {
		return nil
	}
	err = eventually(ctx, serviceDeadline, func() (bool, error) {
		left, err := m.service(service)
		return left == nil, err
	})
	if err != nil {
		return fmt.Errorf("stop %s on %s: %w", service.Name, m.Name(), err)
	}
	return nil
}

// service is its process: a child of the first process with the very command line. Nil is none.
func (m *Machine) service(service Service) (*os.Process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	is := func(p process) bool { return p.parent == m.init.Pid && slices.Equal(p.arguments, service.Line) }
	in := slices.IndexFunc(all, is)
	if in < 0 {
		return nil, nil
	}
	held, err := hold(all[in], is)
	if errors.Is(err, os.ErrProcessDone) {
		return nil, nil
	}
	return held, err
}
