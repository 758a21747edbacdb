package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	apiPort       = 6443
	readyDeadline = 2 * time.Minute
)

// Server is the machine that runs the server.
func (f *Fleet) Server() *Machine { return f.Machines()[0] }

func (f *Fleet) api() string { return netip.AddrPortFrom(f.Server().Address, apiPort).String() }

// Kubeconfig is the path of the administrator's, for programs of this machine.
func (f *Fleet) Kubeconfig() string {
	return filepath.Join(f.Disk(f.Server().Name), "coracle", "kubeconfig")
}

// Serve starts the server, and returns when it is ready.
func (f *Fleet) Serve(ctx context.Context) error {
	server := f.Server()
	if err := f.run(ctx, server, slices.Concat([]string{"coracle", "serve", "--listen", f.api()}, f.settings.Serve)); err != nil {
		return err
	}
	return f.AwaitServer(ctx)
}

// AwaitServer returns when the server is ready.
func (f *Fleet) AwaitServer(ctx context.Context) error {
	return f.await(ctx, f.Server(), "the server to be ready", f.answers)
}

func (f *Fleet) answers(ctx context.Context) bool {
	client, err := f.Client()
	if err != nil {
		return false // no kubeconfig yet
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil
}

// Join has all other machines join, and returns when their nodes are ready.
func (f *Fleet) Join(ctx context.Context) error {
	token, err := f.token(ctx)
	if err != nil {
		return err
	}
	for _, m := range f.Machines()[1:] {
		line := slices.Concat([]string{"coracle", "node", "--server", "https://" + f.api(), "--token", token}, f.settings.Node)
		if err := f.run(ctx, m, line); err != nil {
			return err
		}
	}
	for _, m := range f.Machines()[1:] {
		if err := f.await(ctx, m, "its node to be ready", func(ctx context.Context) bool { return f.isReady(ctx, m.Name) }); err != nil {
			return err
		}
	}
	return nil
}

// token is a new one, as the administrator makes it.
func (f *Fleet) token(ctx context.Context) (string, error) {
	command, err := f.Server().Command(ctx, "coracle", "token", "create")
	if err != nil {
		return "", err
	}
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("create a token: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func (f *Fleet) isReady(ctx context.Context, name string) bool {
	client, err := f.Client()
	if err != nil {
		return false
	}
	node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	return err == nil && slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// Client is the administrator's.
func (f *Fleet) Client() (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", f.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read the fleet's kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return client, nil
}

// run starts coracle on a machine, now and each time it is switched on.
func (f *Fleet) run(ctx context.Context, m *Machine, line []string) error {
	f.settings.Lines[m.Name] = line
	if err := f.settings.write(); err != nil {
		return err
	}
	return m.StartCoracle(ctx)
}

// await returns when the answer is yes, or coracle on that machine has ended.
func (f *Fleet) await(ctx context.Context, m *Machine, what string, ask func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyDeadline)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ask(ctx) {
		state, err := m.State()
		if err == nil && state != Running {
			err = errors.New("coracle has ended")
		}
		if err == nil {
			select {
			case <-tick.C:
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		return fmt.Errorf("wait for %s on %s: %w\n%s", what, m.Name, err, lastLines(m.Log()))
	}
	return nil
}

// lastLines say what went wrong.
func lastLines(log string) string {
	content, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return log + " ends with:\n" + strings.Join(lines[max(0, len(lines)-5):], "\n")
}
