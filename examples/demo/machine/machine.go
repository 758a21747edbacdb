package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/docker/docker/client"
)

// Program is one that is wanted, by its name or by the path of a file, and the Debian package that has it.
type Program struct{ Name, Package string }

// engineDeadline is how long a Docker Engine may take to answer after its start.
const engineDeadline = 2 * time.Minute

// Ready makes the machine have the programs and a Docker Engine that answers. It says on out what it does, and says
// nothing where there is nothing to do. An engine that it has to run itself, without systemd, logs to the file engineLog
// and runs on.
func Ready(ctx context.Context, out io.Writer, engineLog string, programs []Program) error {
	steps, err := plan(look(ctx, programs))
	if err != nil {
		return err
	}
	if len(steps.Install) > 0 {
		if err := install(ctx, out, steps.Install); err != nil {
			return err
		}
	}
	if steps.Start == "" {
		return nil
	}
	fmt.Fprintln(out, "starting the Docker Engine ...")
	if err := start(ctx, steps.Start, engineLog); err != nil {
		return err
	}
	return await(ctx)
}

func look(ctx context.Context, programs []Program) Facts {
	facts := Facts{
		Debian: has("apt-get"), Root: os.Geteuid() == 0, Dockerd: has("dockerd"), Elsewhere: os.Getenv("DOCKER_HOST"), Engine: ping(ctx),
	}
	facts.Refused = errors.Is(facts.Engine, fs.ErrPermission)
	_, err := os.Stat("/run/systemd/system") // as sd_booted(3) has it
	facts.Systemd = err == nil
	for _, program := range programs {
		if !has(program.Name) {
			facts.Missing = append(facts.Missing, program.Package)
		}
	}
	return facts
}

// has says whether a program is there. Those for administrators are not on the path of everybody.
func has(program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	if !filepath.IsAbs(program) {
		program = "/usr/sbin/" + program
	}
	_, err := os.Stat(program)
	return err == nil
}

func ping(ctx context.Context) error {
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return fmt.Errorf("make a Docker client: %w", err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = docker.Ping(ctx)
	return err
}

func install(ctx context.Context, out io.Writer, packages []string) error {
	fmt.Fprintln(out, "installing", packages, "...")
	for _, arguments := range [][]string{
		{"update", "-qq"},
		append([]string{"install", "-y", "-qq", "--no-install-recommends"}, packages...),
	} {
		command := exec.CommandContext(ctx, "apt-get", arguments...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", arguments[0], err, output)
		}
	}
	return nil
}

func start(ctx context.Context, how, engineLog string) error {
	if how == "systemctl" {
		if output, err := exec.CommandContext(ctx, "systemctl", "start", "docker").CombinedOutput(); err != nil {
			return fmt.Errorf("systemctl start docker: %w\n%s", err, output)
		}
		return nil
	}
	log, err := os.OpenFile(engineLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the engine's log: %w", err)
	}
	defer log.Close()
	command := exec.Command("dockerd")
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not for it
	if err := command.Start(); err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	return command.Process.Release()
}

func await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, engineDeadline)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the Docker Engine does not answer %s after its start: %w", engineDeadline, err)
		}
	}
}
