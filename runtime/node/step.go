package node

import (
	"fmt"
	"time"
)

// Action is the kind of a Step.
type Action string

const (
	// SetUpVolumes makes the Pod's volumes ready to be mounted.
	SetUpVolumes Action = "set up volumes"
	// GetImage finds or pulls the image for one attempt of a container.
	GetImage Action = "get image"
	// CreateSandbox and Create make a container, without starting it.
	CreateSandbox Action = "create sandbox"
	Create        Action = "create"
	// Start starts a container that was made.
	Start Action = "start"
	// Stop runs preStop, then ends the container by Deadline, and says why.
	Stop Action = "stop"
	// NoteBackoff writes the event of a restart or a pull that is put off.
	NoteBackoff Action = "note back-off of"
	// ReadMessage fetches what a dead container left to say.
	ReadMessage Action = "read message of"
	// Remove removes a dead container, or a sandbox, running or not.
	Remove Action = "remove"
	// Forget removes what is left of the Pod on the machine, then the Pod from the API.
	Forget Action = "forget"
)

// Step is one thing to do for a Pod. Which fields are set depends on the Action.
type Step struct {
	Action    Action
	Container string // name in the Pod; "" is the sandbox or the whole Pod
	ID        string // the engine's, where the container exists
	Attempt   int
	Backoff   time.Duration // for labelBackoff
	Deadline  time.Time
	Grace     time.Duration // until Deadline, as planned
	Reason    string        // the event's text, in words for the user
	Note      string        // what NoteBackoff is about, so that it is noted once
}

// String is a line of a trace, as "stop web#0 in 30s: Stopping container web".
func (s Step) String() string {
	name := s.Container
	if name == "" && s.ID != "" {
		name = "sandbox"
	}
	switch s.Action {
	case SetUpVolumes, Forget:
		return string(s.Action)
	case CreateSandbox:
		return fmt.Sprintf("%s#%d", s.Action, s.Attempt)
	case Create:
		return fmt.Sprintf("%s %s#%d backoff=%s", s.Action, name, s.Attempt, s.Backoff)
	case Stop:
		return fmt.Sprintf("%s %s#%d in %s: %s", s.Action, name, s.Attempt, s.Grace, s.Reason)
	}
	return fmt.Sprintf("%s %s#%d", s.Action, name, s.Attempt)
}

// Steps are what to do now, in order; after them, plan again.
type Steps struct {
	Do []Step
	// Wake is when to plan again if nothing happens until then; zero is never.
	Wake time.Time
}
