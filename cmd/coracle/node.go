package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/oklog/run"
	"github.com/rs/zerolog"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/runtime/node"
	"coracle.dev/coracle/runtime/node/tunnel"
)

// agentGC is the garbage collector's target: an agent's machine is small, and its heap too.
const agentGC = 40

// runNode is the agent of a machine that is not the server's.
func runNode(ctx context.Context, options *nodeOptions, logger zerolog.Logger) error {
	release, err := lockDataDir(options.dataDir)
	if err != nil {
		return err
	}
	defer release()
	debug.SetGCPercent(agentGC)
	identity, err := openIdentity(filepath.Join(options.dataDir, "pki"))
	if err != nil {
		return err
	}
	if err := identity.establish(ctx, options, logger); err != nil {
		return err
	}
	a, err := newAgent(options, identity, logger)
	if err != nil {
		return err
	}
	if err := a.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	logger.Info().Msg("stopped; containers go on running")
	return nil
}

// agent is a node, and what connects it to its server.
type agent struct {
	log      zerolog.Logger
	identity *identity
	access   *serverAccess
	tunnel   *tunnel.Tunnel
	node     *node.Node
	events   *events
}

func newAgent(options *nodeOptions, identity *identity, logger zerolog.Logger) (*agent, error) {
	a := &agent{log: logger, identity: identity, access: newServerAccess(options.server, identity.ca)}
	a.tunnel = tunnel.New(tunnel.Options{
		URL: options.server + apiserver.TunnelPath + "?" + url.Values{"agent": {identity.agent}}.Encode(),
		TLS: a.access.tls, Clock: clock.RealClock{}, Logger: logger.With().Str("node", identity.name).Logger(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.node.Handler().ServeHTTP(w, r) }),
		Up:      func() { a.node.Reconnected() },
		// What is under way would wait for the dead link's time-out, and block what comes after it.
		Down: a.access.connections.CloseAll,
	})
	config := a.access.config
	config.Wrap(a.tunnel.Transport)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the server's client: %w", err)
	}
	a.access.renewal, err = identity.renewal(client)
	if err != nil {
		return nil, err
	}
	a.events = newEvents(client)
	return a, a.newNode(options, client)
}

func (a *agent) newNode(options *nodeOptions, client kubernetes.Interface) error {
	settings, err := options.engineOptions.node(a.identity.name, a.log)
	if err != nil {
		return err
	}
	secrets, err := tmpfsDir(options.dataDir)
	if err != nil {
		return err
	}
	if settings.Taints, err = parseTaints(options.taints); err != nil {
		return err
	}
	settings.Client, settings.Labels, settings.Heartbeat, settings.Remote = client, options.labels, options.heartbeat, true
	settings.DataDir, settings.TmpfsDir = filepath.Join(options.dataDir, "nodes", a.identity.name), secrets
	settings.Recorder = a.events.recorder("kubelet", a.identity.name)
	a.node, err = node.New(settings)
	return err
}

// run returns when ctx ends, or with the reason why this machine can't be a node.
func (a *agent) run(ctx context.Context) error {
	defer a.events.stop()
	a.access.renewal.Start()
	defer a.access.renewal.Stop()
	var group run.Group
	for _, part := range []func(context.Context) error{a.node.Run, a.access.followRenewal, keepSmall, func(ctx context.Context) error {
		return a.explain(a.tunnel.Run(ctx))
	}} {
		partCtx, cancel := context.WithCancel(ctx)
		group.Add(func() error { return part(partCtx) }, func(error) { cancel() })
	}
	return group.Run()
}

// What only the start needed goes back to the machine soon after it, and what a burst of work needed within minutes.
const (
	firstTrim  = 10 * time.Second
	trimPeriod = 5 * time.Minute
)

func keepSmall(ctx context.Context) error {
	for wait := firstTrim; ; wait = trimPeriod {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		debug.FreeOSMemory()
		forgetText()
	}
}

// explain says what to do about a server that lets this machine in no more.
func (a *agent) explain(err error) error {
	var refused *tunnel.RefusedError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused) && refused.Code == http.StatusConflict:
		return fmt.Errorf("join as node %s: %s; stop that one, or give this machine another --node-name", a.identity.name, refused.Message)
	case errors.As(err, &refused) && refused.Code == http.StatusUnauthorized:
		return errStale{a.access.server, "does not take this machine's certificate"}
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: %w", errStale{a.access.server, "is not the one that this machine joined"}, certificate.Err)
	case err != nil:
		return fmt.Errorf("join as node %s: %w", a.identity.name, err)
	}
	return nil
}
