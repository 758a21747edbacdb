package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"syscall"

	"coracle.dev/coracle/runtime/enginetest/machine"
)

// Machine is one of a fleet, with power or without.
type Machine struct {
	Name    string
	Address netip.Addr

	fleet *Fleet
}

// SwitchOn gives it power, a cable and its engine, and starts coracle there if it ran before.
func (m *Machine) SwitchOn(ctx context.Context) error {
	s, err := m.fleet.theSwitch()
	if err != nil {
		return err
	}
	on, err := machine.Start(ctx, machine.Options{Dir: m.dir(), Programs: m.fleet.programs(), Tethered: m.fleet.settings.Tethered})
	if err != nil {
		return err
	}
	gateway, err := m.fleet.settings.address(0)
	if err != nil {
		return err
	}
	if err := s.Plug(on, netip.PrefixFrom(m.Address, m.fleet.settings.Network.Bits()), gateway); err != nil {
		return err
	}
	if err := on.StartEngine(ctx); err != nil {
		return err
	}
	if service := m.coracle(); service.Line != nil {
		return on.StartService(ctx, service)
	}
	return nil
}

// SwitchOff takes its power away: all that runs there ends at once, with no farewell.
func (m *Machine) SwitchOff() error {
	on, err := machine.Find(m.dir())
	if err != nil {
		return fmt.Errorf("switch off %s: %w", m.Name, err)
	}
	s, err := m.fleet.theSwitch()
	if err != nil {
		return err
	}
	return errors.Join(on.Off(), s.Unplug(m.Name))
}

// CutOff takes its connection away. What runs there goes on.
func (m *Machine) CutOff() error {
	s, err := m.fleet.theSwitch()
	if err != nil {
		return err
	}
	return s.Cut(m.Name)
}

// Reconnect undoes CutOff.
func (m *Machine) Reconnect() error {
	s, err := m.fleet.theSwitch()
	if err != nil {
		return err
	}
	return s.Mend(m.Name)
}

func (f *Fleet) theSwitch() (*machine.Switch, error) {
	on, err := machine.Find(f.dir(switchName))
	if err != nil {
		return nil, fmt.Errorf("find the fleet's switch: %w", err)
	}
	return &machine.Switch{Machine: on}, nil
}

func (m *Machine) dir() string { return m.fleet.dir(m.Name) }

// EngineHost is the address of its engine, for programs of this machine, as $DOCKER_HOST has it.
func (m *Machine) EngineHost() string { return "unix://" + filepath.Join(m.dir(), machine.SocketName) }

// Log is the file of all that coracle has logged there.
func (m *Machine) Log() string { return filepath.Join(m.dir(), coracleName+".log") }

// Command runs there, in the root directory.
func (m *Machine) Command(ctx context.Context, name string, arguments ...string) (*exec.Cmd, error) {
	on, err := machine.Find(m.dir())
	if err != nil {
		return nil, fmt.Errorf("run %s on %s: %w", name, m.Name, err)
	}
	return on.Command(ctx, name, arguments...), nil
}

// State is what a machine is doing.
type State string

// The states of a machine.
const (
	Off      State = "off"
	NoEngine State = "on, no engine"
	Idle     State = "on, no coracle"
	Running  State = "running"
)

// State looks what it is doing.
func (m *Machine) State() (State, error) {
	on, err := machine.Find(m.dir())
	if errors.Is(err, machine.ErrOff) {
		return Off, nil
	}
	if err != nil {
		return "", err
	}
	if running, err := on.Runs(machine.Dockerd); err != nil || !running {
		return NoEngine, err
	}
	if running, err := on.Runs(m.coracle()); err != nil || !running {
		return Idle, err
	}
	return Running, nil
}

const coracleName = "coracle"

// coracle is the service that is the server or the agent. Without a line there has never been one.
func (m *Machine) coracle() machine.Service {
	return machine.Service{Name: coracleName, Line: m.fleet.settings.Lines[m.Name]}
}

// StartCoracle starts the server or the agent, as it ran before.
func (m *Machine) StartCoracle(ctx context.Context) error {
	return m.withCoracle(func(on *machine.Machine, service machine.Service) error { return on.StartService(ctx, service) })
}

// StopCoracle ends the server or the agent with a signal: SIGTERM as systemd does, SIGKILL as a crash does.
func (m *Machine) StopCoracle(ctx context.Context, signal syscall.Signal) error {
	return m.withCoracle(func(on *machine.Machine, service machine.Service) error {
		return on.SignalService(ctx, service, signal)
	})
}

func (m *Machine) withCoracle(do func(*machine.Machine, machine.Service) error) error {
	service := m.coracle()
	if service.Line == nil {
		return fmt.Errorf("coracle never ran on %s", m.Name)
	}
	on, err := machine.Find(m.dir())
	if err != nil {
		return fmt.Errorf("find %s: %w", m.Name, err)
	}
	return do(on, service)
}
