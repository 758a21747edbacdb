package machine

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The first process of a machine is called initName; its arguments are those of Options, the last one tethered or "".
const (
	initName = "coracle-machine"
	tethered = "tethered"
)

// A machine's first process is this program again, under another name, whichever program it is: a test's binary too.
func init() {
	if len(os.Args) != 4 || os.Args[0] != initName {
		return
	}
	tell := os.NewFile(3, "tell") // the first of exec.Cmd's ExtraFiles
	if err := boot(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(tell, err)
		os.Exit(1)
	}
	broken := make(chan struct{})
	if os.Args[3] == tethered {
		go func() {
			_, _ = os.NewFile(4, "tether").Read(make([]byte, 1)) // there is never anything to read but the end
			close(broken)
		}()
	}
	fmt.Fprintln(tell, "ready")
	tell.Close()
	reap(broken)
	os.Exit(0)
}

// boot makes a machine out of the namespaces that this process has been born into.
func boot(dir, programs string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to this machine: %w", err)
	}
	mounts := []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		// The directories are looked up here, so they may be below what is hidden later.
		{filepath.Join(dir, "lib"), "/var/lib", "", unix.MS_BIND, ""},
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"tmpfs", "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	}
	// What follows is hidden by the mounts above, so it is held open over them.
	var held *os.File
	if programs != "" {
		var err error
		if held, err = os.Open(programs); err != nil {
			return fmt.Errorf("open the directory of programs: %w", err)
		}
		defer held.Close()
	}
	for _, m := range mounts {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if held != nil {
		if err := os.Mkdir(ProgramsDir, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", ProgramsDir, err)
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", held.Fd()), ProgramsDir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", ProgramsDir, err)
		}
	}
	if err := unix.Sethostname([]byte(filepath.Base(dir))); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("set the loopback up: %w", err)
	}
	return os.Chdir("/")
}

// reap waits for the orphans that a first process gets, until the tether is broken.
func reap(broken <-chan struct{}) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		for {
			if id, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); id <= 0 && err != syscall.EINTR {
				break
			}
		}
		select {
		case <-children:
		case <-broken:
			return
		}
	}
}
