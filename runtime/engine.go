package runtime

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Errors a caller may branch on, with errors.Is. Everything else an Engine returns is an
// unexpected failure of the engine itself, in words that a user can read.
var (
	// ErrNotFound: the named container, image or network does not exist (any more).
	ErrNotFound = errors.New("not found")
	// ErrConflict: the name is taken, or the container is in a state that forbids the call.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable: the engine does not answer. Nothing is known about what runs.
	ErrUnavailable = errors.New("container engine unavailable")
	// ErrImageNotFound: the registry or the engine has no such image, or refuses access to it.
	ErrImageNotFound = errors.New("image not found")
	// ErrUnusable: the engine answers, and cannot be used as it is: it is too old, or a network of another kind is in the way.
	ErrUnusable = errors.New("container engine cannot be used")
	// ErrInvalidImageName: the reference cannot be parsed.
	ErrInvalidImageName = errors.New("invalid image name")
)

// Engine is a container engine on one machine. All methods may be called concurrently. Each call returns
// when ctx ends or when the engine has taken longer than the implementation's own deadline, whichever is first;
// long streams (Logs with Follow, Exec, Attach, Events, PullImage) have no deadline of their own.
//
// Where a method takes the id of a container, the container's name does as well. A container without LabelManaged of this
// node is ErrNotFound to every method: only its name is still taken.
type Engine interface {
	// Info describes the engine and its machine. It is also the health check: an error means the engine is away.
	Info(ctx context.Context) (Info, error)

	// InspectNetwork returns the network of that name, whoever made it, or ErrNotFound. One that is no IPv4 bridge has no Subnet.
	InspectNetwork(ctx context.Context, name string) (Network, error)
	// EnsureNetwork makes the network exist with that name and subnet. One of the same name with another
	// subnet is ErrUnusable and names both; it is never removed.
	EnsureNetwork(ctx context.Context, network Network) error

	// CreateContainer creates and does not start. A taken name is ErrConflict: the caller inspects, then adopts or
	// removes. A missing image is ErrImageNotFound. The id is the engine's own, stable for the container's life.
	// The engine adds LabelManaged by itself.
	CreateContainer(ctx context.Context, spec ContainerSpec) (id string, err error)
	// StartContainer starts a created container. One that runs already is no error; one that has exited starts again, with
	// the same id and log. What the image or the user did wrong (no such command, a port in use) is returned in the
	// engine's words, and the container stays as it was. If the container whose network or IPC it shares does not run,
	// that is ErrConflict.
	StartContainer(ctx context.Context, id string) error
	// StopContainer sends the stop signal, waits up to grace, then kills; it returns when the container has
	// exited. Zero grace kills at once. One that is gone or exited is no error.
	StopContainer(ctx context.Context, id string, grace time.Duration) error
	// RemoveContainer removes a container and its anonymous volumes, killing it if it runs. One that is gone is no error.
	RemoveContainer(ctx context.Context, id string) error
	// InspectContainer returns the full state of one container, or ErrNotFound.
	InspectContainer(ctx context.Context, id string) (Container, error)
	// ListContainers returns all containers with LabelManaged, running or not, in no order. The listing is
	// cheap and partial: see Container for the fields that only InspectContainer fills.
	ListContainers(ctx context.Context) ([]Container, error)

	// Events streams hints about containers with LabelManaged from now on. The channel is closed when ctx ends or when
	// the stream breaks (the engine restarted, events were lost); the caller then lists, and subscribes again.
	Events(ctx context.Context) (<-chan Event, error)

	// PullImage brings an image. progress may be nil; it is called from the same goroutine, often. A
	// reference that the registry does not have, or denies, is ErrImageNotFound with the registry's words.
	PullImage(ctx context.Context, ref string, auth *RegistryAuth, progress func(PullProgress)) error
	// InspectImage returns the image that the reference or id names on the engine, or ErrImageNotFound.
	InspectImage(ctx context.Context, ref string) (Image, error)
	// ListImages returns all images on the engine.
	ListImages(ctx context.Context) ([]Image, error)
	// RemoveImage removes an image by id or reference. One that is in use is ErrConflict; one that is gone is no error.
	RemoveImage(ctx context.Context, ref string) error

	// Logs copies a container's output to stdout and stderr (the same writer may serve both; a container
	// with a TTY writes only to stdout). It returns nil at the end of the log, or, with Follow, when the container
	// has exited and its log is read to the end. With Timestamps each line begins with RFC3339Nano and a space.
	// A container that never ran has an empty log.
	Logs(ctx context.Context, id string, options LogOptions, stdout, stderr io.Writer) error
	// Exec runs a command in a running container and returns its exit code once it has ended. err is set
	// only if the command could not be run or the streams broke. When ctx ends the call returns; the command may live on.
	// Exec, Attach, Dial and Stats of a container that does not run are ErrConflict.
	Exec(ctx context.Context, id string, command []string, streams Streams) (exitCode int, err error)
	// Attach connects to the main process of a running container until it exits or the client's side closes.
	Attach(ctx context.Context, id string, streams Streams) error
	// Dial connects to a TCP port inside the network namespace of a running container, on its loopback. Where nobody
	// listens the error wraps syscall.ECONNREFUSED.
	Dial(ctx context.Context, id string, port int) (net.Conn, error)
	// Stats reads the present usage of a running container.
	Stats(ctx context.Context, id string) (Stats, error)
}

// SandboxImage is the reference that a ContainerSpec gives to run the pause process. An Engine provides the image
// itself, from bytes that it ships, with no registry; it never appears in ListImages.
const SandboxImage = "coracle.dev/pause:1"

// Streams are the three standard streams of Exec and Attach. Nil ones are not connected. Resize delivers
// terminal sizes while TTY is set, and may be nil; the Engine reads it until the call returns. The end of Stdin is passed on to
// the process. A Read of Stdin that blocks may outlive the call: its owner closes it.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	TTY            bool
	Resize         <-chan TerminalSize
}

// TerminalSize is in characters.
type TerminalSize struct{ Width, Height uint16 }

// LogOptions select a part of a log. The zero value is the whole log, without following.
type LogOptions struct {
	Follow     bool
	Timestamps bool
	// Since drops lines older than this; zero keeps all.
	Since time.Time
	// Tail keeps the last n lines; negative or nil keeps all.
	Tail *int64
}
