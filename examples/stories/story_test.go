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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const readyDeadline = 90 * time.Second

// story is one script and its daemon.
type story struct {
	docker *client.Client
	node   string
	log    string   // file of all its daemons' logs
	within []string // what the daemon is started by, as "nsenter --net=…"; empty for nothing

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
	kubeconfig := ts.Getenv("KUBECONFIG")
	if err := os.Remove(kubeconfig); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	line := slices.Concat(s.within, []string{filepath.Join(ts.Getenv("WORK"), ".bin", "coracle")}, serveArguments(ts, args))
	s.daemon, s.ended = exec.Command(line[0], line[1:]...), make(chan struct{})
	s.daemon.Dir, s.daemon.Stdout, s.daemon.Stderr = ts.MkAbs("."), log, log
	for _, name := range []string{"PATH", "HOME", "DOCKER_HOST", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"} {
		s.daemon.Env = append(s.daemon.Env, name+"="+ts.Getenv(name))
	}
	s.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.daemon.Start(); err != nil {
		return err
	}
	go func(daemon *exec.Cmd, ended chan struct{}) {
		_ = daemon.Wait()
		close(ended)
	}(s.daemon, s.ended)
	return s.awaitReady(kubeconfig)
}

func (s *story) awaitReady(kubeconfig string) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyDeadline)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("the daemon has ended: %s", s.daemon.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("the daemon is not ready after %s", readyDeadline)
		}
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			continue // not written yet
		}
		api, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		if api.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil {
			return nil
		}
	}
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
