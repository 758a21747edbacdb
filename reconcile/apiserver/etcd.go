package apiserver

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
)

// maxSocketPath is what a Unix socket's address can hold on Linux (108 bytes with its final zero), less the file's name.
const maxSocketPath = 108 - 1 - len("/client.sock")

// embeddedEtcd is an etcd of one member inside this process, reached over a Unix socket.
type embeddedEtcd struct {
	server     *embed.Etcd
	endpoint   string
	socketsDir string
}

// Two segments of the log are always there, one of them as room for what comes. It is the process's, so it is set before any
// server reads it.
func init() { wal.SegmentSizeBytes = 16 << 20 }

// startEtcd starts an etcd whose data is in dir, and returns when it can be written to.
func startEtcd(ctx context.Context, dir string) (*embeddedEtcd, error) {
	sockets, err := socketsDir(dir)
	if err != nil {
		return nil, err
	}
	client, peer := unixURL(sockets, "client.sock"), unixURL(sockets, "peer.sock")

	config := embed.NewConfig()
	config.Dir = dir
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.EnableGRPCGateway = false
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(newEtcdErrors()))

	// One member elects itself: it need not wait a second for a vote that it alone casts.
	config.TickMs, config.ElectionMs = 100, 500
	// The raft log is kept in memory since the last snapshot; Kubernetes objects are big, and there is no
	// follower to catch up.
	config.SnapshotCount, config.SnapshotCatchUpEntries = 1000, 100
	config.MaxSnapFiles, config.MaxWalFiles = 2, 2
	config.WarningApplyDuration = time.Second
	config.WatchProgressNotifyInterval = 5 * time.Second

	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("start etcd in %s: %w", dir, err)
	}
	etcd := &embeddedEtcd{server: server, endpoint: client.String(), socketsDir: sockets}
	select {
	case <-server.Server.ReadyNotify():
		return etcd, nil
	case err := <-server.Err():
		etcd.stop()
		return nil, fmt.Errorf("start etcd in %s: %w", dir, err)
	case <-ctx.Done():
		etcd.stop()
		return nil, fmt.Errorf("start etcd in %s: %w", dir, ctx.Err())
	}
}

func (e *embeddedEtcd) stop() {
	e.server.Close()
	if e.socketsDir != e.server.Config().Dir {
		_ = os.RemoveAll(e.socketsDir)
	}
}

// socketsDir is dir, or, where its path is too long for a socket's address, a private temporary directory.
func socketsDir(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("create etcd's directory: %w", err)
	}
	if len(dir) <= maxSocketPath {
		return dir, nil
	}
	short, err := os.MkdirTemp("", "coracle-etcd-")
	if err != nil {
		return "", fmt.Errorf("create a directory for etcd's sockets: %w", err)
	}
	return short, nil
}

func unixURL(dir, name string) url.URL {
	return url.URL{Scheme: "unix", Path: filepath.Join(dir, name)}
}
