package stories

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/rogpeppe/go-internal/testscript"
)

const readyDeadline = 90 * time.Second

// story is one script and its daemon.
type story struct {
	docker *client.Client
	node   string
	log    string   // file of all its daemons' logs
	within []string // what the daemon is started by, as "nsenter …"; empty for nothing

	daemon *exec.Cmd // nil while none runs
	ended  chan struct{}
}

// serve starts the daemon and waits until it is ready.
func (s *story) serve(ts *testscript.TestScript, args []string) error {
	if s.daemon != nil {
		return errors.New("the daemon runs already")
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// That of the last daemon would answer for this one.
	if err := os.Remove(ts.Getenv("KUBECONFIG")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	line := slices.Concat(s.within, []string{filepath.Join(ts.Getenv("WORK"), ".bin", "coracle")}, serveArguments(ts, args))
	s.daemon, s.ended = exec.Command(line[0], line[1:]...), make(chan struct{})
	s.daemon.Dir, s.daemon.Stdout, s.daemon.Stderr = ts.MkAbs("."), log, log
	s.daemon.Env = environment(ts)
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // no test leaves one behind
	if err := s.daemon.Start(); err != nil {
		return err
	}
	go func(daemon *exec.Cmd, ended chan struct{}) {
		_ = daemon.Wait()
		close(ended)
	}(s.daemon, s.ended)
	return s.awaitReady(ts)
}

// awaitReady asks as people do, from where the daemon is.
func (s *story) awaitReady(ts *testscript.TestScript) error {
	deadline := time.NewTimer(readyDeadline)
	defer deadline.Stop()
	for {
		question := exec.Command(filepath.Join(ts.Getenv("WORK"), ".bin", "kubectl"), "get", "--raw", "/readyz")
		question.Env = environment(ts)
		if question.Run() == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-s.ended:
			return fmt.Errorf("the daemon has ended: %s", s.daemon.ProcessState)
		case <-deadline.C:
			return fmt.Errorf("the daemon is not ready after %s", readyDeadline)
		}
	}
}

// environment is what programs see that the story does not run itself.
func environment(ts *testscript.TestScript) []string {
	var all []string
	for _, name := range []string{"PATH", "HOME", "DOCKER_HOST", "KUBECONFIG", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"} {
		all = append(all, name+"="+ts.Getenv(name))
	}
	return all
}

// stop ends the daemon with the signal: SIGKILL, or os.Interrupt for the polite way, which is SIGTERM.
func (s *story) stop(signal os.Signal) error {
	if s.daemon == nil {
		return nil
	}
	if signal == os.Interrupt {
		signal = syscall.SIGTERM
	}
	if err := s.daemon.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	code := s.daemon.ProcessState
	s.daemon = nil
	if signal == syscall.SIGTERM && !code.Success() {
		return fmt.Errorf("told to stop, the daemon ended with: %s", code)
	}
	return nil
}

// clean removes all that the story left on the engine.
func (s *story) clean(ctx context.Context) error {
	all, err := list(ctx, s.docker, s.node)
	failed := []error{err}
	for _, c := range all {
		failed = append(failed, s.docker.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	if _, err := s.docker.NetworkInspect(ctx, s.node, network.InspectOptions{}); err == nil {
		failed = append(failed, s.docker.NetworkRemove(ctx, s.node))
	}
	return errors.Join(failed...)
}
