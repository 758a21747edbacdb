package docker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/client"
	"github.com/rs/zerolog"

	"coracle.dev/coracle/runtime"
)

// Deadlines of one request, without what the caller grants it (the grace of a stop). An engine that loads 200 containers
// answers a list within a second on a slow machine; a start may wait for the disk.
const (
	readDeadline  = 20 * time.Second
	writeDeadline = 2 * time.Minute
)

// parallelStarts is where Docker Engine 20.10 peaks (2 cores: 5.2 starts a second on a bridge): more only add latency.
const parallelStarts = 4

// Options say which engine to use, and how.
type Options struct {
	// Host is the engine's address, as "unix:///var/run/docker.sock" or "tcp://10.0.0.5:2376". Empty takes DOCKER_HOST,
	// else the default socket. TLS is set up by DOCKER_CERT_PATH and DOCKER_TLS_VERIFY, as for Docker's own client.
	Host string
	// NodeName is the value of the label on all that the engine creates. Required: it is how coracle knows its own.
	NodeName string
	// LogMaxBytes and LogFiles rotate the log of each container; zero is 10 MiB and 3 files.
	LogMaxBytes int64
	LogFiles    int
	Logger      zerolog.Logger
}

// Engine is one Docker Engine. It is safe for concurrent use.
type Engine struct {
	client  *client.Client
	options Options
	log     zerolog.Logger
	starts  chan struct{} // holds one token for each start in flight
	owned   owned
	digests digests
	sandbox sync.Mutex // held while the sandbox image is loaded
}

var _ runtime.Engine = (*Engine)(nil)

// New makes the client. It does not connect: an engine that is away shows at the first call, as ErrUnavailable.
func New(options Options) (*Engine, error) {
	if options.NodeName == "" {
		return nil, fmt.Errorf("docker engine: the node's name is empty")
	}
	if options.LogMaxBytes == 0 {
		options.LogMaxBytes = 10 << 20
	}
	if options.LogFiles == 0 {
		options.LogFiles = 3
	}
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if options.Host != "" {
		opts = append(opts, client.WithHost(options.Host))
	}
	docker, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("docker engine: %w", err)
	}
	if scheme, _, _ := strings.Cut(docker.DaemonHost(), "://"); scheme != "unix" && scheme != "tcp" && scheme != "http" {
		return nil, fmt.Errorf("docker engine: cannot use host %q: it must begin with unix:// or tcp://", docker.DaemonHost())
	}
	return &Engine{
		client:  docker,
		options: options,
		log:     options.Logger,
		starts:  make(chan struct{}, parallelStarts),
		owned:   owned{ids: map[string]bool{}},
	}, nil
}

// Local says whether the engine is on this machine.
func (e *Engine) Local() bool { return strings.HasPrefix(e.client.DaemonHost(), "unix://") }

// Close gives idle connections back.
func (e *Engine) Close() error { return e.client.Close() }

// do runs one request within the deadline and gives its error the words and sentinels of package runtime. doing says
// what was asked, as "start container 4f2a".
func (e *Engine) do(ctx context.Context, limit time.Duration, doing string, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, slow{limit})
	defer cancel()
	return explain(ctx, doing, request(ctx))
}

// owned remembers the ids of containers that carry our label, so that most calls need not inspect one first.
type owned struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (o *owned) has(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ids[id]
}

func (o *owned) add(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids[id] = true
}

func (o *owned) drop(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.ids, id)
}

// replace forgets all others. An id that was created meanwhile is forgotten too, which costs one inspection.
func (o *owned) replace(ids map[string]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = ids
}

// own returns the full id of a container that carries our label, given its id or name, or ErrNotFound.
func (e *Engine) own(ctx context.Context, id string) (string, error) {
	if e.owned.has(id) {
		return id, nil
	}
	found, err := e.inspect(ctx, id)
	if err != nil {
		return "", err
	}
	return found.ID, nil
}
