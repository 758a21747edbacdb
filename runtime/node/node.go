package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/runtime"
	"coracle.dev/coracle/runtime/node/probe"
)

// Options of a Node. Name, Engine and Client must be set.
type Options struct {
	Name   string
	Engine runtime.Engine
	Client kubernetes.Interface
	// DataDir keeps the Pods' volumes and messages. "" keeps none: Pods that need them do not start.
	DataDir string
	// TmpfsDir is on a tmpfs and keeps the contents of Secrets, and tokens; "" is /dev/shm/coracle.
	TmpfsDir string
	// Network is the name of the Pods' network on the engine; "" is "coracle". Its subnet is the Node's spec.podCIDR, which the API
	// server gives; one that is there already is asked for.
	Network string
	// CheckCIDR says why that subnet can't be used on this machine; nil allows all.
	CheckCIDR func(cidr string) error
	// Claim is called when the engine answers; an error is why another has it. Nil takes it.
	Claim func(runtime.Info) error
	// Remote means that the API may be away when the node starts: it then goes on with the Pods of before, kept in DataDir.
	Remote bool
	// Labels and Taints are given to the Node object when it is made; labels are kept in place, taints are not.
	Labels  map[string]string
	Taints  []corev1.Taint
	MaxPods int // 0 is 110
	// Heartbeat is how often the node renews its Lease; 0 is 10 s. Its grace with the server should be several times that.
	Heartbeat time.Duration
	// InternalIP is the machine's address, shown as the Node's and as the Pods' host IP.
	InternalIP string
	// Version is shown as the kubelet's.
	Version string
	// ServiceHost and ServicePort reach the API server from Pods; "" sets no KUBERNETES_SERVICE_ variables.
	ServiceHost, ServicePort string
	// Dial connects to a Pod's port for probes; nil connects to the Pod IP. id is the container that is probed.
	Dial func(ctx context.Context, id, ip string, port int) (net.Conn, error)
	// Clock is nil for the real one.
	Clock clock.WithTicker
	// Recorder of events; nil records none.
	Recorder record.EventRecorder
	Logger   zerolog.Logger
}

// Node is the agent of one machine. Make it with New, start it with Run.
type Node struct {
	Options
	info      runtime.Info // of the engine when it first answered
	inventory *inventory
	addresses *addresses
	network   *podNetwork
	recall    recall
	pods      cache.Indexer
	informer  cache.SharedIndexInformer
	queue     workqueue.TypedRateLimitingInterface[Key]
	images    *images
	reporter  *reporter
	objects   *objects
	tokens    *tokens
	prober    *probe.Prober
	health    *health
	mayLower  bool // OOM scores

	mu     sync.Mutex
	states map[Key]*podState

	doubtEngine chan struct{} // an engine call failed as if the engine were away
	lost        chan struct{} // the API does not know this node any more, or is back
	failed      chan error    // why this node can't begin
	adopted     chan struct{}
	adoptedOnce sync.Once
	handler     http.Handler
	background  sync.WaitGroup // what goes on beside the workers
}

// podState is what a node keeps of one Pod. Its worker and what goes on beside the worker share it.
type podState struct {
	mu     sync.Mutex
	memory *Memory
	last   *corev1.Pod // as last seen in the API
}

// New makes a node that does nothing until Run.
func New(options Options) (*Node, error) {
	if options.Name == "" || options.Engine == nil || options.Client == nil {
		return nil, errors.New("make node: Name, Engine and Client must be set")
	}
	setDefaults(&options)
	n := &Node{
		Options:     options,
		inventory:   newInventory(options.Engine),
		addresses:   newAddresses(),
		network:     newPodNetwork(),
		states:      map[Key]*podState{},
		adopted:     make(chan struct{}),
		doubtEngine: make(chan struct{}, 1),
		lost:        make(chan struct{}, 1),
		failed:      make(chan error, 1),
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.NewTypedItemExponentialFailureRateLimiter[Key](200*time.Millisecond, 30*time.Second),
			workqueue.TypedRateLimitingQueueConfig[Key]{Clock: options.Clock}),
	}
	if options.Remote && options.DataDir != "" {
		n.recall.path = filepath.Join(options.DataDir, "pods.pb")
	}
	n.informer = newPodInformer(options.Client, options.Name)
	n.pods = n.informer.GetIndexer()
	n.images = newImages(options.Engine, options.Clock, filepath.Join(options.DataDir, "images.json"), options.DataDir != "")
	n.reporter = newReporter(options.Client, options.Logger)
	n.objects = newObjects(options.Client, n.objectChanged)
	n.tokens = newTokens(options.Client, options.Clock, options.Logger.With().Str("node", options.Name).Logger())
	n.health = newHealth(options.Clock)
	n.mayLower = mayLowerScores()
	n.prober = probe.New(probe.Options{Clock: options.Clock, Exec: n.probeExec, Dial: n.probeDial, Report: n.probed})
	n.handler = n.newHandler()
	return n, nil
}

func setDefaults(o *Options) {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Recorder == nil {
		o.Recorder = &record.FakeRecorder{} // with no channel it drops all
	}
	if o.Network == "" {
		o.Network = "coracle"
	}
	if o.TmpfsDir == "" {
		o.TmpfsDir = "/dev/shm/coracle"
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = heartbeatPeriod
	}
	if o.MaxPods == 0 {
		o.MaxPods = 110
	}
}

// Adopted is closed once every Pod that was found on the engine is in the API, and the Node object too.
func (n *Node) Adopted() <-chan struct{} { return n.adopted }

// Handler serves the kubelet's paths: logs, exec, attach, port-forward and statistics of this node's Pods.
func (n *Node) Handler() http.Handler { return n.handler }

// stopTime is how long Run waits for its own work after ctx has ended.
const stopTime = 2 * time.Second

// Reconnected has the node report at once, because its API server is back.
func (n *Node) Reconnected() {
	select {
	case n.lost <- struct{}{}:
	default: // it is about to
	}
}

// Run works until ctx ends, then returns nil within 2 s. Containers go on running. It is called once. An error means that this
// machine can't be a node as it is: nothing was done to it.
func (n *Node) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.watchPods()
	n.beside(func() { n.watchEngine(ctx) })
	n.beside(func() { n.informer.RunWithContext(ctx) })
	n.beside(func() { n.reporter.run(ctx) })
	n.beside(func() { n.prober.Run(ctx) })
	n.beside(func() { n.register(ctx) })
	n.beside(func() { n.collectGarbage(ctx) })
	n.beside(func() { n.limitVolumes(ctx) })
	n.beside(func() { n.record(ctx) })
	n.beside(func() { n.work(ctx) })
	var failure error
	select {
	case <-ctx.Done():
	case err := <-n.failed:
		failure = fmt.Errorf("node %s: %w", n.Name, err)
		cancel()
	}
	n.queue.ShutDown()
	n.objects.stop()

	stopped := make(chan struct{})
	go func() {
		n.background.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-n.Clock.After(stopTime):
		n.Logger.Warn().Str("node", n.Name).Msg("engine calls outlast the node")
	}
	return failure
}

// beside runs f, which ends with Run's context.
func (n *Node) beside(f func()) {
	n.background.Add(1)
	go func() {
		defer n.background.Done()
		f()
	}()
}

// state of a Pod, made when first asked for.
func (n *Node) state(key Key) *podState {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.states[key]
	if !ok {
		s = &podState{memory: NewMemory()}
		n.states[key] = s
	}
	return s
}

// known is the state of a Pod, nil if there is none.
func (n *Node) known(key Key) *podState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.states[key]
}

func (n *Node) forgetState(key Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.states, key)
}
