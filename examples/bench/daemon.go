package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// daemon is one running coracle.
type daemon struct {
	process *exec.Cmd
	log     *bytes.Buffer
	ended   chan error
	ready   time.Duration // from its start until /readyz answered ok
	config  *rest.Config
	client  kubernetes.Interface
}

// start runs coracle serve with the data directory and waits until it is ready.
func (b *bench) start(ctx context.Context, dataDir string, arguments ...string) (*daemon, error) {
	d := &daemon{log: &bytes.Buffer{}, ended: make(chan error, 1)}
	d.process = exec.Command(b.binary, append([]string{"serve", "--data-dir", dataDir, "--listen", b.address}, arguments...)...)
	d.process.Stdout, d.process.Stderr = d.log, d.log
	began := time.Now()
	if err := d.process.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.process.Wait() }()
	kubeconfig := filepath.Join(dataDir, "kubeconfig")
	for {
		if d.isReady(ctx, kubeconfig) {
			d.ready = time.Since(began)
			return d, nil
		}
		select {
		case err := <-d.ended:
			return nil, fmt.Errorf("coracle serve ended: %v\n%s", err, d.log)
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), d.stop())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (d *daemon) isReady(ctx context.Context, kubeconfig string) bool {
	if d.client == nil {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return false
		}
		config.QPS = -1
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return false
		}
		d.config, d.client = config, client
	}
	body, err := d.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil && string(body) == "ok"
}

// stop ends the daemon as an operator would.
func (d *daemon) stop() error {
	if err := d.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-d.ended:
		return err
	case <-time.After(20 * time.Second):
		_ = d.process.Process.Kill()
		return errors.New("the daemon did not stop within 20 s")
	}
}

// memory is the process's resident memory: its own (anonymous), and all, with the pages of the binary that the kernel
// can drop at any time.
func (d *daemon) memory() (own, all int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.process.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "RssAnon:":
			own = kib * 1024
		case "VmRSS:":
			all = kib * 1024
		}
	}
	return own, all, nil
}

// ticksPerSecond of /proc/PID/stat; the kernel's ABI for all architectures that coracle runs on.
const ticksPerSecond = 100

// cpu is the processor time that the process has used so far.
func (d *daemon) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold spaces: count from behind it. utime and stime are the 14th and 15th field.
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}
