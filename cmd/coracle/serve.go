package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/oklog/run"
	"github.com/rs/zerolog"

	"coracle.dev/coracle/reconcile/apiserver"
	"coracle.dev/coracle/runtime/node"
)

// serve is the daemon: the API server, and inside it as its clients the controllers, the GitOps loop and the nodes.
func serve(ctx context.Context, options *serveOptions, logger zerolog.Logger) (err error) {
	began := time.Now()
	if options.dataDir, err = filepath.Abs(options.dataDir); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	release, err := lockDataDir(options.dataDir)
	if err != nil {
		return err
	}
	defer release()
	listener, err := listen(options.listen)
	if err != nil {
		return err
	}
	machines := newMachines(options, logger)
	server, err := apiserver.New(ctx, apiserver.Options{
		DataDir: options.dataDir, EtcdServers: options.etcdServers, Listener: listener, Names: options.names, Nodes: machines.dial,
		Tunnels: machines.tunnels, PodSubnet: netip.MustParsePrefix(options.podCIDR),
		LossSeconds: &apiserver.LossSeconds{NotReady: options.notReadySeconds, Unreachable: options.unreachableSeconds}, MetricsResolution: options.resolution(),
	})
	if err != nil {
		return err
	}
	d := &daemon{options: options, log: logger, server: server, machines: machines, address: listener.Addr().String()}

	// The server ends last: until then, all others can still write.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- server.Run(serving) }()

	err = d.run(ctx, served, began)
	stopServing()
	if stopped := d.awaitServer(served); err == nil {
		err = stopped
	}
	if err == nil || errors.Is(err, context.Canceled) {
		logger.Info().Msg("stopped; containers go on running")
		return nil
	}
	return err
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("--listen %s: another program listens there; stop it, or choose another address", address)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	return listener, nil
}

// daemon is what serve runs beside the API server.
type daemon struct {
	options  *serveOptions
	log      zerolog.Logger
	server   *apiserver.Server
	machines *machines
	address  string // that the API listens at

	serverEnded bool
}

// run returns when ctx ends or the first of its parts does.
func (d *daemon) run(ctx context.Context, served chan error, began time.Time) error {
	if err := d.awaitReady(ctx, served); err != nil {
		return err
	}
	d.log.Info().Str("api", "https://"+d.address).Str("kubeconfig", d.server.KubeconfigPath()).
		Dur("after", time.Since(began)).Msg("ready")

	var group run.Group
	add := func(part func(context.Context) error) {
		partCtx, cancel := context.WithCancel(ctx)
		group.Add(func() error { return part(partCtx) }, func(error) { cancel() })
	}
	add(func(ctx context.Context) error {
		select {
		case err := <-served:
			d.serverEnded = true
			return err
		case <-ctx.Done():
			return nil
		}
	})
	events := newEvents(d.server.Client())
	defer events.stop()
	nodes, err := d.machines.nodes(d.server, events)
	if err != nil {
		return err
	}
	for _, one := range nodes {
		add(one.Run)
		add(func(ctx context.Context) error { return d.machines.serve(ctx, one) })
	}
	controllers, err := d.controllers(events)
	if err != nil {
		return err
	}
	loop, err := d.gitops()
	if err != nil {
		return err
	}
	// What only the start needed goes back to the machine: 10 MiB of 70.
	trim := time.AfterFunc(10*time.Second, debug.FreeOSMemory)
	defer trim.Stop()
	add(func(ctx context.Context) error {
		d.awaitAdoption(ctx, nodes)
		return runTogether(ctx, append(controllers, loop))
	})
	return group.Run()
}

// adoptionTime is how long controllers wait for the nodes. One whose engine is away may take for ever.
const adoptionTime = 10 * time.Second

// awaitAdoption has the controllers see first what the nodes have adopted: a Pod that is missing for a moment is a Pod that is
// replaced. What a late node adopts, controllers take instead of Pods that wait for a node.
func (d *daemon) awaitAdoption(ctx context.Context, nodes []*node.Node) {
	ctx, cancel := context.WithTimeout(ctx, adoptionTime)
	defer cancel()
	for _, one := range nodes {
		select {
		case <-one.Adopted():
		case <-ctx.Done():
			d.log.Warn().Str("node", one.Name).Msg("going on without this node: its container engine has not answered")
			return
		}
	}
}

func (d *daemon) awaitReady(ctx context.Context, served chan error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !d.server.Ready() {
		select {
		case <-tick.C:
		case err := <-served:
			d.serverEnded = true
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *daemon) awaitServer(served chan error) error {
	if d.serverEnded {
		return nil
	}
	return <-served
}

// runTogether runs all parts until the first ends, then the others too.
func runTogether(ctx context.Context, parts []func(context.Context) error) error {
	var group run.Group
	for _, part := range parts {
		partCtx, cancel := context.WithCancel(ctx)
		group.Add(func() error { return part(partCtx) }, func(error) { cancel() })
	}
	return group.Run()
}
