package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	firstPort     = 6443 // where Kubernetes' API is expected
	readyDeadline = 2 * time.Minute
)

// daemon is a running `coracle serve`.
type daemon struct {
	command *exec.Cmd
	log     string
	config  *rest.Config // to its API
	ended   chan struct{}
}

// startDaemon starts coracle on the demo's repository, and returns when it is ready.
func startDaemon(ctx context.Context, out io.Writer, dir, binary string) (*daemon, error) {
	port, err := freePort(firstPort)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	d := &daemon{log: filepath.Join(dir, logName), ended: make(chan struct{})}
	log, err := os.Create(d.log)
	if err != nil {
		return nil, fmt.Errorf("make the daemon's log: %w", err)
	}
	defer log.Close()
	data := filepath.Join(dir, dataName)
	d.command = exec.Command(binary, "serve", "--data-dir", data, "--repo", filepath.Join(dir, bareName), "--poll", "@every 1s",
		"--listen", address, "--node-name", nodeName, "--pod-network", networkName, "--pod-cidr", podCIDR)
	d.command.Stdout, d.command.Stderr = log, log
	d.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo, which stops it
	kubeconfig := filepath.Join(data, "kubeconfig")
	if err := os.Remove(kubeconfig); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the last run's kubeconfig: %w", err)
	}
	fmt.Fprintf(out, "starting coracle; its API is https://%s, its log %s\n", address, d.log)
	if err := d.command.Start(); err != nil {
		return nil, fmt.Errorf("start coracle: %w", err)
	}
	go func() {
		_ = d.command.Wait() // its exit code is read from the process state
		close(d.ended)
	}()
	if err := d.awaitReady(ctx, kubeconfig); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// freePort is the first port from there on at which nothing of this machine listens.
func freePort(from int) (int, error) {
	var err error
	for port := from; port < from+100; port++ {
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port from %d on: %w", from, err)
}

func (d *daemon) awaitReady(ctx context.Context, kubeconfig string) error {
	ctx, cancel := context.WithTimeout(ctx, readyDeadline)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-d.ended:
			return d.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for coracle: %w; see %s", ctx.Err(), d.log)
		}
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			continue // not written yet
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return fmt.Errorf("make a client: %w", err)
		}
		if err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err == nil {
			d.config = config
			return nil
		}
	}
}

// wait returns when the daemon ends by itself, which is an error, or once ctx has ended and so it is stopped.
func (d *daemon) wait(ctx context.Context) error {
	select {
	case <-d.ended:
		return d.failure()
	case <-ctx.Done():
		return d.stop()
	}
}

func (d *daemon) stop() error {
	if err := d.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop coracle: %w", err)
	}
	<-d.ended
	return nil
}

// failure is the end of the log: coracle's last line says why it ended.
func (d *daemon) failure() error {
	log, err := os.ReadFile(d.log)
	if err != nil {
		return fmt.Errorf("coracle has ended: %s", d.command.ProcessState)
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return fmt.Errorf("coracle has ended (%s): %s", d.command.ProcessState, lines[len(lines)-1])
}
