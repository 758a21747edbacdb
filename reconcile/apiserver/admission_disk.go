package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/clock"
)

// What the store needs of its disk. etcd ends the whole process when a write finds no room, so writes are refused while there
// is some: a segment of its log, a step of its database, and what is under way. The little that says what goes on (statuses,
// the nodes' signs of life) may come nearer to the end.
const (
	roomForObjects = 64 << 20
	roomForSigns   = 24 << 20
	// diskLookPeriod is how long a look at the disk holds.
	diskLookPeriod = time.Second
)

// diskRoom refuses writes while the store's disk is nearly full; deleting is allowed, and so is all that a full disk can still take.
type diskRoom struct {
	*admission.Handler
	dir   string
	free  func(dir string) (uint64, error)
	clock clock.PassiveClock

	mu     sync.Mutex
	looked time.Time
	left   uint64
}

var _ admission.ValidationInterface = &diskRoom{}

func newDiskRoom(dir string) *diskRoom {
	return &diskRoom{Handler: admission.NewHandler(admission.Create, admission.Update), dir: dir, free: freeBytes, clock: clock.RealClock{}}
}

// Validate implements admission.ValidationInterface. The error is 507 Insufficient Storage.
func (d *diskRoom) Validate(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	left, err := d.look()
	if err != nil || left >= needed(a) {
		return nil // what cannot be measured is left to the store
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInsufficientStorage, Reason: "InsufficientStorage",
		Message: fmt.Sprintf("%s %q cannot be stored: the disk of %s is full (%d MiB left, %d needed); make room there, and try again",
			a.GetResource().Resource, a.GetName(), d.dir, left>>20, needed(a)>>20),
	}}
}

// needed is how many bytes must be free for a write.
func needed(a admission.Attributes) uint64 {
	if a.GetSubresource() == "status" || a.GetResource().Resource == "leases" || a.GetResource().Resource == "nodes" {
		return roomForSigns
	}
	return roomForObjects
}

// look is how many bytes are free on the disk, as of a moment ago.
func (d *diskRoom) look() (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.clock.Now(); now.Sub(d.looked) >= diskLookPeriod {
		left, err := d.free(d.dir)
		if err != nil {
			return 0, err
		}
		d.looked, d.left = now, left
	}
	return d.left, nil
}

// check is the part of /readyz that says so too.
func (d *diskRoom) check(*http.Request) error {
	left, err := d.look()
	if err == nil && left < roomForObjects {
		err = fmt.Errorf("the disk of %s is full: %d MiB left, %d needed", d.dir, left>>20, roomForObjects>>20)
	}
	return err
}

// freeBytes is what an unprivileged user may still write to the file system of dir.
func freeBytes(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", dir, err)
	}
	return stat.Bavail * uint64(stat.Bsize), nil
}
