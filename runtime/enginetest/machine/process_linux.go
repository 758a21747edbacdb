package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// process is one of this machine, as /proc tells of it (proc(5)).
type process struct {
	id, parent int
	ended      bool // a zombie: its parent has not asked for its end yet
	arguments  []string
}

// processes are all that run. One that ends meanwhile may be missing.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []process
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // another file
		}
		p, err := read(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !p.ended {
			all = append(all, p)
		}
	}
	return all, nil
}

// read is fs.ErrNotExist if there is no such process.
func read(id int) (process, error) {
	dir := fmt.Sprintf("/proc/%d/", id)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return process{}, missing(err)
	}
	p := process{id: id}
	if p.parent, p.ended, err = parseStat(string(stat)); err != nil {
		return process{}, err
	}
	line, err := os.ReadFile(dir + "cmdline")
	if err != nil {
		return process{}, missing(err)
	}
	p.arguments = parseArguments(string(line))
	return p, nil
}

// missing makes one of the two answers of a process that ends while its file is read.
func missing(err error) error {
	if strings.Contains(err.Error(), "no such process") {
		return fs.ErrNotExist
	}
	return err
}

// parseStat reads "<id> (<name>) <state> <parent> …". The name may hold anything, brackets too.
func parseStat(stat string) (parent int, ended bool, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false, fmt.Errorf("parse a process's state: %q", stat)
	}
	if parent, err = strconv.Atoi(fields[1]); err != nil {
		return 0, false, fmt.Errorf("parse a process's parent: %w", err)
	}
	return parent, fields[0] == "Z" || fields[0] == "X", nil
}

// parseArguments reads a command line: each argument ends with a zero byte.
func parseArguments(line string) []string {
	if line == "" {
		return nil // the kernel's own
	}
	return strings.Split(strings.TrimSuffix(line, "\x00"), "\x00")
}

// hold is a handle of a process that stays that of this very process, if it is still what it was when its id was read: ids are
// used again. If not, it is os.ErrProcessDone.
func hold(p process, same func(process) bool) (*os.Process, error) {
	held, err := os.FindProcess(p.id) // by pidfd_open(2), where the kernel has it
	if err != nil {
		return nil, fmt.Errorf("find process %d: %w", p.id, err)
	}
	now, err := read(p.id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (now.ended || !same(now)) {
		return nil, os.ErrProcessDone
	}
	return held, err
}
