package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dialInside connects to a port on the loopback of the process's network namespace. entered is false where that is not
// possible: no permission, or the process is not on this machine (a forwarded socket, another PID namespace).
func dialInside(ctx context.Context, id string, pid, port int) (_ net.Conn, entered bool, _ error) {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, false, err
	}
	defer namespace.Close()
	// Checked after the namespace is held: the pid cannot have become another process's in between.
	if !runs(id, pid) {
		return nil, false, nil
	}
	type answer struct {
		connection net.Conn
		entered    bool
		err        error
	}
	answers := make(chan answer)
	go func() {
		// The thread stays in the namespace, so it must end with this goroutine: it is never unlocked.
		goruntime.LockOSThread()
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			answers <- answer{err: err}
			return
		}
		connection, err := dialLoopback(ctx, port)
		answers <- answer{connection, true, err}
	}()
	a := <-answers
	return a.connection, a.entered, a.err
}

// dialLoopback tries IPv4, then IPv6. Both refused is one refusal.
func dialLoopback(ctx context.Context, port int) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil || !errors.Is(err, unix.ECONNREFUSED) {
		return connection, err
	}
	if six, err := dialer.DialContext(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(port))); err == nil {
		return six, nil
	}
	return nil, err
}

// runs says whether the process belongs to the container: its id is in the name of the cgroup. With cgroup v2 a process
// sees its own cgroup as "/" only from inside, so this machine's view has it.
func runs(id string, pid int) bool {
	cgroups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && strings.Contains(string(cgroups), id)
}
